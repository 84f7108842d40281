"""A command line turned into a child process that is watched, copied from, and certainly gone at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from tool.output import BoundedOutput

_CHUNK = 65536  # what a pipe holds
_DYING_S = 2.0  # a killed process tree has closed its pipe long before this


async def run_process(
    argv: Sequence[str],
    environment: Mapping[str, str],
    timeout_s: float,
    output: BoundedOutput,
    inherited: Sequence[int] = (),
    folder: str | None = None,
) -> int | None:
    """Run `argv` without input, both its outputs copied to `output`; return its exit code, or None after a timeout.

    `inherited` are the descriptors it gets from us, none else; it runs in `folder`, or where we do.
    Waits for the process and not for the end of its output, which a child left behind could hold open. When this
    returns or is cancelled, the process is reaped and its process group killed. Raises: OSError if it cannot be started.
    """
    pipe, write_end = os.pipe()
    try:
        os.set_blocking(pipe, False)
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=inherited,
                cwd=folder,
                start_new_session=True,  # Ctrl-C at the terminal is for the agent, which then ends the command
            )
        finally:
            os.close(write_end)
        try:
            async with asyncio.timeout(timeout_s):
                await _follow(process, pipe, output)
        except TimeoutError:
            return None
        finally:
            _end(process, pipe, output)
        return process.returncode
    finally:
        os.close(pipe)


async def _follow(process: subprocess.Popen[bytes], pipe: int, output: BoundedOutput) -> None:
    """Copy what comes through the pipe until the process has ended."""
    loop = asyncio.get_running_loop()
    ended, woken = asyncio.Event(), asyncio.Event()

    def end() -> None:
        ended.set()
        woken.set()

    forget = _when_ended(process, loop, end)
    loop.add_reader(pipe, woken.set)
    try:
        while not ended.is_set():
            await woken.wait()
            woken.clear()
            if _copy(pipe, output) == b"":
                loop.remove_reader(pipe)
    finally:
        loop.remove_reader(pipe)
        forget()


def _when_ended(
    process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop, end: Callable[[], None]
) -> Callable[[], None]:
    """Call `end` once the process has ended; return what to call when that is of no interest any more."""
    if sys.platform != "linux":
        ending = loop.run_in_executor(None, process.wait)  # which ends when `_end` has killed the process
        ending.add_done_callback(lambda _: end())
        return lambda: None
    descriptor = os.pidfd_open(process.pid)
    loop.add_reader(descriptor, end)

    def forget() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)

    return forget


def _copy(pipe: int, output: BoundedOutput) -> bytes | None:
    """Copy what one read gives; return it, b"" at the end of the output, None if nothing is there now."""
    try:
        data = os.read(pipe, _CHUNK)
    except BlockingIOError:
        return None
    output.write(data)
    return data


def _end(process: subprocess.Popen[bytes], pipe: int, output: BoundedOutput) -> None:
    """Reap the process, killing it first if need be, and copy what it left in the pipe."""
    had_ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # before it is reaped, while the number can be no other group's
    process.wait()
    if not had_ended:
        _await_silence(pipe, output)
        return
    for _ in range(2):  # a full pipe; somebody left behind may be filling it again as fast as we read
        if not _copy(pipe, output):
            return


def _await_silence(pipe: int, output: BoundedOutput) -> None:
    """Copy until the last holder of the pipe is dead: the kernel ends a process tree a little after its head."""
    deadline = time.monotonic() + _DYING_S
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0 and poll.poll(left * 1000):
        if _copy(pipe, output) == b"":
            return
