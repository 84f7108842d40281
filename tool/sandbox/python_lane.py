"""Cells of Python sent to one session whose variables stay, and what became of them when they could not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tool.output import BoundedOutput
from tool.sandbox.lane import LONGEST_SOURCE, Ending, Lane, LaneEnded, Program, encoded
from tool.sandbox.lanes import Lanes

_MOST_NAMES = 100
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Ran:
    """How a cell ended. What it printed, showed or raised is in its output."""

    is_error: bool
    seconds: float
    stopped: str = ""  # the limit that ended it
    was_lost: str = ""  # why the session began anew, in words for the model
    lost: Sequence[str] = ()  # the names that went with it


class PythonSession:
    """One namespace, started with the first cell; cells run one after another."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._lane: Lane | None = None
        self._program: Program | None = None
        self._names: Sequence[str] = ()
        self._turn = asyncio.Lock()

    async def run(self, code: str, *, timeout_s: float, output: BoundedOutput) -> Ran:
        """Run a cell. Raises: ToolError where no Python can run here."""
        body = encoded("code", code, LONGEST_SOURCE)
        async with self._turn:
            lane, before = await self._running()
            lost, started = self._forget() if before else (), time.monotonic()
            finished = False
            try:
                ended = await lane.call({}, body, timeout_s=timeout_s, write=output.write)
                finished = True
            except LaneEnded:
                return Ran(True, time.monotonic() - started, "", "the sandbox ended", [*lost, *self._forget()])
            finally:
                if not finished and not lane.is_alive:
                    self._lane = None
            return self._ran(ended, time.monotonic() - started, before, lost)

    async def reset(self) -> Sequence[str]:
        """Begin anew with the next cell; return the names that are gone."""
        async with self._turn:
            self.close()
            return self._forget()

    def close(self) -> None:
        """End the session."""
        if self._lane is not None:
            self._lane.close()
            self._lane = None

    async def _running(self) -> tuple[Lane, str]:
        """Return the session's lane, and why it is a new one where there was one before."""
        why = ""
        program = await self._lanes.program("python")
        if self._lane is not None and not self._lane.is_alive:
            why = "it had ended since the last call"
        elif self._lane is not None and not self._lane.is_as_left:
            why = "the cell that was cancelled did not stop when interrupted"
        elif self._lane is not None and program != self._program:
            why = "what is protected in the workspace has changed"
        if self._lane is None or why:
            self.close()
            self._lane, self._program = await self._lanes.start(program), program
        return self._lane, why

    def _ran(self, ended: Ending, seconds: float, before: str, lost: Sequence[str]) -> Ran:
        if not ended.kept:
            why = "" if ended.stopped else "its process ended (os._exit, a crash or a kill)"
            return Ran(True, seconds, ended.stopped, why or _why_killed(ended), [*lost, *self._forget()])
        is_error, self._names = _understood(ended.reply)
        return Ran(is_error or bool(ended.stopped), seconds, ended.stopped, before, lost)

    def _forget(self) -> Sequence[str]:
        names, self._names = self._names, ()
        return names


def _understood(reply: bytes) -> tuple[bool, Sequence[str]]:
    """Return whether the cell failed and the names there are; the cell itself may have written the reply."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(reply)
        if isinstance(found, dict) and isinstance(found.get("names"), list):
            names = [name[:_LONGEST_NAME] for name in found["names"] if isinstance(name, str) and name.isidentifier()]
            return bool(found.get("error")), names[:_MOST_NAMES]
    return False, ()


def _why_killed(ended: Ending) -> str:
    """Return why nothing of the session could be kept."""
    if ended.stopped.endswith("of memory"):
        return "it was killed at once, before it could take more"
    return "it did not stop when interrupted"
