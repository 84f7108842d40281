"""The keeper of the Python session: starts it, hands it one call at a time, and freezes it in between."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from tool.sandbox.inside.processes import end_others, newest
from tool.sandbox.inside.protocol import Channel, Packet
from tool.sandbox.inside.spawn import Spawn
from tool.sandbox.inside.supervisor import Job

_SHORT_S = 0.05


class Keeper:
    """Runs the calls of the Python lane. The body of a request is the code, its file the output.

    The code runs in the same process as the session's end of the channel, so what comes through it may be forged; it
    can only misinform about its own call.
    """

    def __init__(self, spawn: Spawn, starter: str) -> None:
        self._spawn = spawn
        self._starter = starter
        self._pid = 0
        self._ended = -1
        self._started_at = 0.0
        self._newest = ""
        self._session: Channel | None = None

    def start(self, request: Packet) -> Job:
        """Hand the code to the session."""
        session = self._running()
        token = os.urandom(8).hex()
        self._started_at = time.monotonic()
        with contextlib.suppress(BrokenPipeError):  # it has just died, which the watch will see
            session.send({"token": token}, request.body, request.files)
        os.kill(self._pid, signal.SIGCONT)
        return Job(self._pid, self._ended, session, token)

    def interrupt(self, job: Job) -> bool:
        """Kill what the session started and raise KeyboardInterrupt in it."""
        end_others(keep=(self._pid,))
        os.kill(self._pid, signal.SIGINT)
        os.kill(self._pid, signal.SIGCONT)
        return True

    def finish(self, job: Job, *, keep: bool) -> int | None:
        """Kill what the session started and freeze it, or kill it too."""
        if keep and os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.kill(self._pid, signal.SIGSTOP)  # its threads too do nothing between two calls
            if self._may_have_started_something():
                end_others(keep=(self._pid,))
            return 0
        end_others()
        self._forget()
        return None

    def prepare(self) -> None:
        """Start the session where there is none."""
        self._running()

    def _may_have_started_something(self) -> bool:
        """Return False where no process can be new: to look for them takes longer than most calls do.

        Numbers come round again, but not within the time of a short call.
        """
        if os.getpid() != 1 or time.monotonic() - self._started_at > _SHORT_S:
            return True
        before, self._newest = self._newest, newest()
        return before != self._newest

    def _running(self) -> Channel:
        if self._session is not None and os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return self._session
        end_others()
        self._forget()
        mine, its = Channel.pair()
        self._pid = self._spawn([sys.executable, "-I", self._starter, "session"], inherited=its.fileno())
        its.close()
        self._ended = os.pidfd_open(self._pid)
        self._session = mine
        return mine

    def _forget(self) -> None:
        if self._session is not None:
            self._session.close()
            os.close(self._ended)
            self._session = None
