"""One long-lived sandbox: requests sent in, output copied out, everything gone when either side ends."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import select
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from core.errors import ToolError
from tool.sandbox.inside.limits import in_words
from tool.sandbox.inside.protocol import MOST_BYTES, Channel, Packet

OUTPUT_BYTES = 64 << 20  # of one call; then it is stopped
LONGEST_SOURCE = MOST_BYTES - 10_000  # the rest is for the header
_CHUNK = 65536  # what a pipe holds
_SHORT_S = 0.002  # many calls take less, and the event loop is not missed for that long
_START_S = 60.0  # loading packages from a cold disk takes long
_LATE_S = 5.0  # a supervisor that is this late with its answer has failed
_DYING_S = 3.0  # longer than a supervisor waits for an interrupted call


class LaneEnded(Exception):
    """The sandbox ended during the call, and with it all that ran there."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to start, and where. Outside of namespaces only the supervisor can end what it has started."""

    argv: Sequence[str] = field(compare=False)
    environment: Mapping[str, str] = field(compare=False)
    folder: str
    has_namespaces: bool
    protection: Sequence[str] = ()  # what a lane must be replaced for when it changes
    identity: tuple[int, int, int] = (0, 0, 0)  # of the folder: one made anew under its name is another


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended. `reply` comes from the process that ran it and may say anything."""

    code: int | None
    stopped: str  # the limit that ended it
    kept: bool  # whether the process that ran it is still there
    reply: bytes


class Lane:
    """A sandbox and the agent's end of its channel. Serves one call at a time."""

    def __init__(self, program: Program, output_bytes: int = OUTPUT_BYTES) -> None:
        """Start it; `ready` must be awaited before the first call. Raises: ToolError."""
        self._program = program
        self._output_bytes = output_bytes
        self.is_as_left = True  # false once a cancelled call could only be killed
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115, closed when ready
        self._channel, its = Channel.pair()
        self._channel.set_blocking(False)
        try:
            self._process = _launch(program, its.fileno(), self._complaints.fileno())
        except OSError as error:
            self._channel.close()
            self._complaints.close()
            raise ToolError(f"the sandbox does not start: {error.strerror}") from error
        finally:
            its.close()

    async def ready(self) -> None:
        """Wait until the sandbox takes calls. Raises: ToolError saying why it does not."""
        is_ready = False
        try:
            async with asyncio.timeout(_START_S):
                await self._packet()
            is_ready = True
        except (EOFError, TimeoutError) as error:
            self._process.kill()
            self._process.wait()
            self._complaints.seek(0)
            said = self._complaints.read(_CHUNK).decode("utf-8", "replace").strip() or "it does not answer"
            raise ToolError(f"the sandbox does not start: {said}") from error
        finally:
            self._complaints.close()
            if not is_ready:
                self.close()

    async def call(
        self, header: Mapping[str, Any], body: bytes, *, timeout_s: float, write: Callable[[bytes], None]
    ) -> Ending:
        """Have a call done, its output given to `write` as it comes. Raises: LaneEnded, ToolError if it cannot start.

        A cancelled call is stopped before the cancellation goes on.
        """
        pipe, write_end = os.pipe()
        has_ended = False
        try:
            os.set_blocking(pipe, False)
            try:
                self._channel.send({"do": "run", "timeout_s": timeout_s, **header}, body, [write_end])
            finally:
                os.close(write_end)
            async with asyncio.timeout(timeout_s + _LATE_S):
                packet = await self._follow(pipe, write)
            has_ended = True
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            has_ended = True
            raise LaneEnded from error
        finally:
            if not has_ended:
                self._stop()
            os.close(pipe)
        if problem := packet.header.get("problem"):
            raise ToolError(f"the command could not be started: {problem}")
        return Ending(packet.header["code"], packet.header["stopped"], packet.header["kept"], packet.body)

    @property
    def is_alive(self) -> bool:
        """Whether the sandbox is there."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the sandbox and all that runs in it, and wait until it has gone."""
        self._channel.close()
        if not self._program.has_namespaces:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_DYING_S)
        self._process.kill()
        self._process.wait()

    async def _follow(self, pipe: int, write: Callable[[bytes], None]) -> Packet:
        """Copy the output until the supervisor has answered."""
        if self._answers_within(_SHORT_S) and (answer := self._answer()) is not None:
            _drain(pipe, write)
            return answer
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        left = self._output_bytes
        loop.add_reader(pipe, woken.set)
        loop.add_reader(self._channel, woken.set)
        try:
            while True:
                await woken.wait()
                woken.clear()
                answer = self._answer()
                data = _read(pipe)
                if data == b"":
                    loop.remove_reader(pipe)
                if data and left >= 0:
                    write(data)
                    left -= len(data)
                    if left < 0:
                        self._channel.send({"do": "stop", "why": f"{in_words(self._output_bytes)} of output"})
                if answer is not None:
                    _drain(pipe, write)
                    return answer
        finally:
            loop.remove_reader(pipe)
            loop.remove_reader(self._channel)

    def _answers_within(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    async def _packet(self) -> Packet:
        """Wait for the next packet. Raises: EOFError."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._channel, woken.set)
        try:
            await woken.wait()
            return self._channel.receive()
        finally:
            loop.remove_reader(self._channel)

    def _answer(self) -> Packet | None:
        """Return the packet that is there, if there is one. Raises: EOFError."""
        try:
            return self._channel.receive()
        except BlockingIOError:
            return None

    def _stop(self) -> None:
        """Stop the call and wait until nothing of it is left, or end the sandbox."""
        with contextlib.suppress(OSError, EOFError):
            self._channel.send({"do": "stop", "why": "a cancellation"})
            if self._answers_within(_DYING_S):
                self.is_as_left = bool(self._channel.receive().header["kept"])
                return
        self.close()


@functools.cache
def _launcher() -> ThreadPoolExecutor:
    """Return a thread that lives as long as the agent: a sandbox dies with the thread that started it."""
    return ThreadPoolExecutor(1, thread_name_prefix="sandbox-launcher")


def _launch(program: Program, channel: int, complaints: int) -> subprocess.Popen[bytes]:
    """Start the program with the channel as its input. Raises: OSError."""

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            program.argv,
            stdin=channel,
            stdout=complaints,
            stderr=complaints,
            env=program.environment,
            cwd=program.folder,
            start_new_session=True,  # Ctrl-C at the terminal is for the agent, which then ends the call
        )

    return _launcher().submit(start).result()


def _read(pipe: int) -> bytes | None:
    """Return what one read gives, b"" at the end of the output, None if nothing is there now."""
    try:
        return os.read(pipe, _CHUNK)
    except BlockingIOError:
        return None


def _drain(pipe: int, write: Callable[[bytes], None]) -> None:
    """Copy what is left in the pipe; whoever might still fill it again gets no more than this."""
    for _ in range(2):
        if not (data := _read(pipe)):
            return
        write(data)


def encoded(what: str, text: str, most_bytes: int) -> bytes:
    """Return a text as it is sent. Raises: ToolError where it cannot be."""
    if "\0" in text:
        raise ToolError(f"the {what} contains a NUL character; leave it out")
    data = text.encode("utf-8", "surrogateescape")
    if len(data) >= most_bytes:
        raise ToolError(f"the {what} has {len(data)} bytes, over {most_bytes - 1}; write it to a file and run that")
    return data
