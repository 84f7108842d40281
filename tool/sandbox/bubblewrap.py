"""Shell commands turned into one bubblewrap each, gone with the command: the strict way, and the way an approval opens."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import ToolError
from core.types import Opening
from tool.output import BoundedOutput
from tool.runner import Exit
from tool.sandbox.confinement import Confinement
from tool.sandbox.inside.limits import as_shell, in_words
from tool.sandbox.inside.seccomp import filter_program
from tool.sandbox.level import Level, probe
from tool.sandbox.process import run_process
from tool.sandbox.repository import disarm

# A POSIX shell sets the limits and becomes bash: a third of a millisecond, where Python would take twenty.
_LIMITED = ("/bin/sh", "-c", f'{as_shell()} exec "$@"', "sh", "/bin/bash", "-c")


class Bubblewrap:
    """Runs each command in namespaces of its own, which the kernel empties when the command is done."""

    def __init__(self, confinement: Confinement) -> None:
        self._confinement = confinement

    async def run(
        self, command: str, *, timeout_s: float, output: BoundedOutput, opening: Opening | None = None
    ) -> Exit:
        """Run a command with bash. Raises: ToolError where bubblewrap cannot run or `opening` would open too much."""
        if "\0" in command:
            raise ToolError("the command contains a NUL character; leave it out")
        self._confinement.require_workspace()
        level, reason = await asyncio.to_thread(probe)
        started = time.monotonic()
        try:
            with disarm(self._confinement.workspace, opening):
                code = await self._run(command, level, reason, timeout_s, output, opening)
        except OSError as error:
            raise ToolError(f"the command could not be started: {error.strerror}") from error
        stopped = f"{in_words(timeout_s, 's')} of time" if code is None else ""
        return Exit(code, time.monotonic() - started, stopped)

    async def _run(
        self,
        command: str,
        level: Level,
        reason: str,
        timeout_s: float,
        output: BoundedOutput,
        opening: Opening | None,
    ) -> int | None:
        argv, environment = self._confinement.argv(level, opening=opening), self._confinement.environment(opening)
        if level.has_namespaces:
            with _seccomp_filter() as inherited:
                argv += ["--seccomp", str(inherited), "--", *_LIMITED, command]
                return await run_process(argv, environment, timeout_s, output, [inherited])
        if argv:
            return await run_process([*argv, "/bin/bash", "-c", command], environment, timeout_s, output)
        raise ToolError(f"there is no sandbox for a single command here: {reason}")


@contextmanager
def _seccomp_filter() -> Iterator[int]:
    """Give a descriptor from which bubblewrap reads the filter."""
    descriptor = os.memfd_create("seccomp")
    try:
        os.write(descriptor, _program())
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


@functools.cache
def _program() -> bytes:
    """Return the filter. Its network is the namespace's own, or the one that was approved."""
    return filter_program(network=True)
