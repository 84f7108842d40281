"""A Python with its packages loaded, from which each call of a function gets a fresh copy made beforehand."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
from collections.abc import Callable, Sequence

from tool.sandbox.inside.function import answer, warm_up
from tool.sandbox.inside.processes import end_others, kill_all
from tool.sandbox.inside.protocol import Channel, Packet
from tool.sandbox.inside.spawn import die_with_parent
from tool.sandbox.inside.supervisor import Job

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Zygote:
    """Runs the calls of the skill lane, each in a child that was forked before it was asked for.

    The header of a request names the function, its body is arguments and source, its file the output.
    """

    def __init__(self, packages: Sequence[str], enter: Callable[[], None] | None, agent: Channel) -> None:
        """`enter` raises the walls in a child, where the zygote itself stands outside of them."""
        self._enter = enter
        self._agent = agent
        self._spare: Channel | None = None
        self._pid = 0
        os.environ.update(dict.fromkeys(_THREADS, "1"))  # a process with threads cannot be forked safely
        for package in packages:
            with contextlib.suppress(ImportError):
                importlib.import_module(package)
        gc.collect()
        gc.freeze()  # a collection in a child must not touch, and so copy, what it shares with this process

    def start(self, request: Packet) -> Job:
        """Hand the call to the spare child."""
        if self._spare is None:
            self.prepare()
        spare, self._spare = self._spare, None
        assert spare is not None
        token = os.urandom(8).hex()
        with contextlib.suppress(BrokenPipeError):
            spare.send({**request.header, "token": token}, request.body, request.files)
        return Job(self._pid, os.pidfd_open(self._pid), spare, token)

    def interrupt(self, job: Job) -> bool:
        """Return False: the child has nothing to keep."""
        return False

    def finish(self, job: Job, *, keep: bool) -> int | None:
        """Kill the child and all it started; clearing their memory away can wait until the agent has its answer."""
        os.close(job.ended)
        if job.replies is not None:
            job.replies.close()
        if os.getpid() == 1:
            kill_all()
        else:
            end_others()
        return 0 if keep else None

    def prepare(self) -> None:
        """Fork the next spare child."""
        end_others()
        mine, its = Channel.pair()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                mine.close()
                self._agent.close()
                os.setsid()
                signal.signal(signal.SIGINT, signal.default_int_handler)
                if self._enter is not None:
                    self._enter()
                    die_with_parent()
                warm_up(its)
                answer(its)
            finally:
                os._exit(1)
        its.close()
        self._spare = mine
