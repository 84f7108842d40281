"""A program and its files turned into a child process that holds nothing of this one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from tool.sandbox.inside.kernel import prctl

_DIE_WITH_PARENT = 1
CHANNEL = 3  # where a program finds the channel it was started with
_RESET = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT)  # Python ignores or handles these; a program expects neither


def die_with_parent() -> None:
    """End this process with the one that started it, where no namespace does that."""
    prctl(_DIE_WITH_PARENT, signal.SIGKILL)


class Spawn:
    """Starts programs, each in a session of its own, with no input."""

    def __init__(self, enter: Callable[[], None] | None) -> None:
        """`enter` raises the walls in the child, where this process stands outside of them."""
        self._enter = enter

    def __call__(self, argv: list[str], *, output: int | None = None, inherited: int | None = None) -> int:
        """Start `argv`, both its outputs going to `output`; return its process id. Raises: OSError."""
        moves = [(output, 1), (output, 2)] if output is not None else []
        moves += [(inherited, CHANNEL)] if inherited is not None else []
        if self._enter is None:
            actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
            actions += [(os.POSIX_SPAWN_DUP2, *move) for move in moves]  # type: ignore[misc]
            # Does not copy this process first, as a fork would.
            return os.posix_spawn(argv[0], argv, os.environ, file_actions=actions, setsid=True, setsigdef=_RESET)
        if pid := os.fork():
            return pid
        try:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for source, target in moves:
                os.dup2(source, target)
                os.set_inheritable(target, True)  # it is not where both are the same
            for number in _RESET:
                signal.signal(number, signal.SIG_DFL)
            self._enter()
            die_with_parent()
            os.execv(argv[0], argv)
        finally:
            os._exit(127)
