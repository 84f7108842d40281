"""The lanes of one workspace: each started when it is first needed, kept, and replaced when what it protects has changed."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from core.errors import ToolError
from core.types import Opening
from tool.sandbox.confinement import INSIDE, Confinement
from tool.sandbox.inside.kernel import born_ns
from tool.sandbox.inside.limits import Limits
from tool.sandbox.lane import Lane, LaneEnded, Program
from tool.sandbox.level import Level, probe
from tool.sandbox.repository import disarm

Kind = Literal["shell", "functions", "python"]

_MOST_IDLE = 2
_FRESH_S = 0.2  # what two calls within this time could do, one call could do too
_SCRATCH_FOLDERS = ("/tmp", "/dev/shm", "/run")


class Lanes:
    """Calls that overlap get a lane each, so that clearing up after one cannot hit another."""

    def __init__(self, confinement: Confinement, level: Level | None, limits: Limits, output_bytes: int) -> None:
        """`level` None means what this machine allows."""
        self._confinement = confinement
        self._level = level
        self._limits = limits
        self._output_bytes = output_bytes
        self._idle: dict[Kind, list[tuple[Program, Lane]]] = {}
        self._all: set[Lane] = set()
        self._known: dict[Kind, tuple[float, Program]] = {}  # and when it was made
        self._scratch = ""

    async def level(self) -> Level:
        """Return the level in force."""
        if self._level is not None:
            return self._level
        level, _ = await asyncio.to_thread(probe)
        self._level = level
        return level

    async def are_possible(self) -> bool:
        """Return whether there can be lanes at that level."""
        level = await self.level()
        return level.has_namespaces or level == Level.LANDLOCK

    async def program(self, kind: Kind) -> Program:
        """Return what a lane is to be started with now: another one than before when other things are protected.

        Raises: ToolError where there are no lanes, or the workspace is gone.
        """
        if not await self.are_possible():
            raise ToolError(f"Python is off: there is no sandbox for it at the level {str(self._level)!r}")
        made, known = self._known.get(kind, (0.0, None))
        if known and time.monotonic() - made < _FRESH_S and known.identity == _identity(self._confinement.workspace):
            return known
        known = await asyncio.to_thread(self._make_program, kind)
        self._known[kind] = time.monotonic(), known
        return known

    async def start(self, program: Program) -> Lane:
        """Start a lane. Raises: ToolError."""
        lane = Lane(program, self._output_bytes)
        self._all = {lane, *(other for other in self._all if other.is_alive)}
        await lane.ready()
        return lane

    @asynccontextmanager
    async def lend(self, kind: Kind) -> AsyncIterator[Lane]:
        """Lend an idle lane whose protections are still right, or a new one. Raises: ToolError."""
        program = await self.program(kind)
        lane = self._take(kind, program) or await self.start(program)
        try:
            yield lane
        except LaneEnded as error:
            raise ToolError(
                "the sandbox ended while this ran, and with it everything that ran in it and its /tmp;"
                " the next call gets a new one"
            ) from error
        finally:
            self._give_back(kind, program, lane)

    def close(self) -> None:
        """End all lanes, and what runs in them."""
        for lane in self._all:
            lane.close()
        self._all.clear()
        self._idle.clear()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = ""

    def _take(self, kind: Kind, program: Program) -> Lane | None:
        """Return an idle lane that was started with this program; end those that were not."""
        lanes = self._idle.get(kind, [])
        while lanes:
            before, lane = lanes.pop()
            if before == program and lane.is_alive:
                return lane
            lane.close()
        return None

    def _give_back(self, kind: Kind, program: Program, lane: Lane) -> None:
        lanes = self._idle.setdefault(kind, [])
        if not lane.is_alive or len(lanes) >= _MOST_IDLE:
            lane.close()
            return
        lanes.append((program, lane))

    @asynccontextmanager
    async def open_one(self, opening: Opening) -> AsyncIterator[Lane]:
        """Start a lane to which one thing more is open, for one command; end it afterwards. Raises: ToolError."""
        with disarm(self._confinement.workspace, opening):
            lane = await self.start(await asyncio.to_thread(self._make_program, "shell", opening))
            try:
                yield lane
            except LaneEnded as error:
                raise ToolError("the sandbox ended while this ran, and with it everything that ran in it") from error
            finally:
                lane.close()

    def _make_program(self, kind: Kind, opening: Opening | None = None) -> Program:
        confinement, level = self._confinement, self._level
        assert level is not None
        confinement.require_workspace()
        workspace = confinement.workspace
        if level.has_namespaces:
            argv = [*confinement.argv(level, pid_one=True, opening=opening), "--"]
            environment = confinement.environment(opening)
            # A mount is of what was there: a repository made anew under the same path needs another.
            inside = f"{workspace}/"
            protection = [*argv, *(str(_identity(Path(path))) for path in argv if path.startswith(inside))]
            opened = [confinement.openable(opening.path)] if opening and opening.path else []
            walls = {"writable": [str(workspace), *opened, *_SCRATCH_FOLDERS], "readable": None, "network": True}
        else:
            self._scratch = self._scratch or tempfile.mkdtemp(prefix="agent-")
            argv, environment = [], confinement.environment(scratch=self._scratch)
            writable, readable = confinement.landlock(self._scratch)
            walls = {"writable": writable, "readable": readable, "network": False}
            # A session is not ended for each new file, though it can reach only those that were there when it began.
            protection = [str(str(workspace) in writable)] if kind == "python" else [*writable, "", *readable]
        options = {
            "workspace": str(workspace),
            "limits": asdict(self._limits),
            "walls": walls,
            "walled_in": level.has_namespaces,
        }
        argv = [*argv, sys.executable, "-I", *(["-S"] if kind == "shell" else []), f"{INSIDE}/start.py", kind]
        argv.append(json.dumps(options))
        place = str(workspace)
        return Program(argv, environment, place, level.has_namespaces, protection, _identity(workspace))


def _identity(path: Path) -> tuple[int, int, int]:
    try:
        found = path.lstat()
    except OSError:
        return 0, 0, 0
    return found.st_dev, found.st_ino, born_ns(str(path))
