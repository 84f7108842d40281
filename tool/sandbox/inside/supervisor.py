"""Requests from the agent turned into calls that are watched, stopped at a limit, and leave nothing behind.

The supervisor is the first process of its sandbox: nothing else in there can signal it or look into it. It believes
nothing that comes from below: a call has ended when its process has, or when its reply carries this call's token.
"""

from __future__ import annotations

import contextlib
import select
import time
from dataclasses import dataclass
from typing import Protocol

from tool.sandbox.inside.growth import Growth
from tool.sandbox.inside.limits import Limits, in_words
from tool.sandbox.inside.processes import reap_ended, usage
from tool.sandbox.inside.protocol import Channel, Packet

_LOOK_S = 0.1  # between two looks at what a call uses
_GLANCE_S = 0.02  # between two looks at the disk, which fills by gigabytes a second and is cheap to ask
_GRACE_S = 1.5  # for an interrupted call to end by itself


@dataclass(frozen=True, slots=True)
class Job:
    """A call that runs. `replies` is where its process may say that it is done before it ends."""

    pid: int
    ended: int  # a pidfd
    replies: Channel | None = None
    token: str = ""


class Worker(Protocol):
    """What runs the calls of one lane."""

    def start(self, request: Packet) -> Job:
        """Start a call. Raises: OSError."""
        ...

    def interrupt(self, job: Job) -> bool:
        """Ask the call to end; return False where asking is of no use."""
        ...

    def finish(self, job: Job, *, keep: bool) -> int | None:
        """End everything the call started, all of it or (`keep`) what is there for the next one; return its code."""
        ...

    def prepare(self) -> None:
        """Make ready for the next call, after the agent has its answer."""
        ...


class Supervisor:
    """Serves one agent over one channel, one call at a time."""

    def __init__(self, agent: Channel, worker: Worker, limits: Limits, workspace: str) -> None:
        self._agent = agent
        self._worker = worker
        self._limits = limits
        self._workspace = workspace

    def serve(self) -> None:
        """Answer requests until the agent has gone."""
        self._worker.prepare()
        self._agent.send({"ready": True})
        with contextlib.suppress(EOFError):
            while True:
                request = self._agent.receive()
                if request.header.get("do") == "run":  # a stop that came too late asks for nothing
                    self._answer(request)
                    self._worker.prepare()

    def _answer(self, request: Packet) -> None:
        try:
            job = self._worker.start(request)
        except OSError as error:
            self._agent.send({"problem": error.strerror or str(error)})
            return
        finally:
            request.close()
        watch = _Watch(self._agent, job, self._limits, Growth(self._workspace, self._limits.disk_bytes))
        stopped = watch.until_end_or_limit(float(request.header["timeout_s"]))
        keep = not stopped or (watch.may_ask and self._worker.interrupt(job) and watch.until_end(_GRACE_S))
        code = self._worker.finish(job, keep=keep)
        self._agent.send({"code": code, "stopped": stopped, "kept": keep and not watch.has_died}, watch.reply)


class _Watch:
    """Waits for the end of one call."""

    def __init__(self, agent: Channel, job: Job, limits: Limits, growth: Growth) -> None:
        self._agent = agent
        self._job = job
        self._limits = limits
        self._growth = growth
        self._processor_s: float | None = None  # what was used before, known from the first look on
        self._poll = select.poll()
        for source in (agent, job.ended, job.replies):
            if source is not None:
                self._poll.register(source, select.POLLIN)
        self._look_at = time.monotonic() + _LOOK_S
        self.reply = b""
        self.has_died = False
        self.may_ask = True  # before the call is killed; not when each moment makes it worse

    def until_end_or_limit(self, timeout_s: float) -> str:
        """Return which limit was hit, or why the agent wants it stopped; empty when the call ended by itself."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            if (why := self._next(min(left, _GLANCE_S))) is not None:
                return why
        return f"{in_words(timeout_s, 's')} of time"

    def until_end(self, timeout_s: float) -> bool:
        """Return whether the call ended in time; nothing else counts any more."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            if self._end_is_among([source for source, _ in self._poll.poll(left * 1000)]):
                return True
        return False

    def _next(self, wait_s: float) -> str | None:
        """Wait for the next thing to happen; return as `until_end_or_limit` does, or None to go on."""
        happened = [source for source, _ in self._poll.poll(wait_s * 1000)]
        if self._end_is_among(happened):
            return ""
        if self._agent.fileno() in happened:
            return str(self._agent.receive().header.get("why", "")) or None
        if self._growth.is_over():
            return f"{in_words(self._limits.disk_bytes)} of new files"
        if time.monotonic() < self._look_at:
            return None
        self._look_at = time.monotonic() + _LOOK_S
        return self._limit_hit()

    def _end_is_among(self, happened: list[int]) -> bool:
        found = [self._has_ended(source) for source in happened]  # all of them: who has died may have replied before
        return any(found)

    def _has_ended(self, source: int) -> bool:
        if source == self._job.ended:
            self.has_died = True
            return True
        if self._job.replies is None or source != self._job.replies.fileno():
            return False
        try:
            packet = self._job.replies.receive()
        except EOFError:
            if _is_closed(source):  # and not just an empty message
                self._poll.unregister(source)
            return False
        packet.close()
        self.reply = packet.body
        return packet.header.get("token") == self._job.token

    def _limit_hit(self) -> str | None:
        """Look at what the call uses; return the limit that it is over."""
        reap_ended(keep=(self._job.pid,))
        used, limits = usage(), self._limits
        if self._processor_s is None:
            self._processor_s = used.processor_s
        if used.memory_bytes > limits.memory_bytes:
            self.may_ask = False
            return f"{in_words(limits.memory_bytes)} of memory"
        if used.processes > limits.processes:
            return f"{limits.processes} processes"
        if used.processor_s - self._processor_s > limits.processor_s:
            return f"{in_words(limits.processor_s, 's')} of processor time"
        return None


def _is_closed(source: int) -> bool:
    """Return whether the other end is closed."""
    poll = select.poll()
    poll.register(source, 0)  # the end of a connection is told without being asked for
    return bool(poll.poll(0))
