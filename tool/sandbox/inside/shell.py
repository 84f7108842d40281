"""One command line run by bash, its output going straight to the agent's pipe."""

from __future__ import annotations

import os

from tool.sandbox.inside.processes import end_others
from tool.sandbox.inside.protocol import Packet
from tool.sandbox.inside.spawn import Spawn
from tool.sandbox.inside.supervisor import Job

_BASH = "/bin/bash"


class Shell:
    """Runs the calls of the shell lane. The body of a request is the command, its file the output."""

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn

    def start(self, request: Packet) -> Job:
        """Start bash. Raises: OSError."""
        pid = self._spawn([_BASH, "-c", os.fsdecode(request.body)], output=request.files[0])
        return Job(pid, os.pidfd_open(pid))

    def interrupt(self, job: Job) -> bool:
        """Return False: a command keeps nothing that would be worth the wait."""
        return False

    def finish(self, job: Job, *, keep: bool) -> int | None:
        """Kill what the command left and return its exit code, 128 + n where signal n ended it."""
        os.close(job.ended)
        status = os.waitid(os.P_PID, job.pid, os.WEXITED | os.WNOHANG)
        end_others()
        if status is None:
            return None
        return status.si_status if status.si_code == os.CLD_EXITED else 128 + status.si_status

    def prepare(self) -> None:
        """Do nothing: bash starts fast."""
