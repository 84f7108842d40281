"""The processes below this one: what they use together, and how to end all of them or all but some.

Read through /proc with the numbers that /proc uses. They are not those of this namespace where a sandbox had to take
the /proc of the system around it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_PAGE = resource.getpagesize()
_TICKS = os.sysconf("SC_CLK_TCK")
_CHUNK = 65536
_ROUNDS = 1000  # of killing; each one is over what forked during the one before


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tree of processes uses."""

    processes: int
    memory_bytes: int  # resident; pages shared by several count for each
    processor_s: float  # of what runs now and of what it waited for


def usage() -> Usage:
    """Return what everything below this process uses."""
    tree = list(_below(_own_number()))
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Usage(
        processes=len(tree),
        memory_bytes=sum(_resident(number) for number in tree),
        processor_s=ended.ru_utime + ended.ru_stime + sum(_processor_s(number) for number in tree),
    )


def end_others(keep: Collection[int] = ()) -> None:
    """Kill and reap everything below this process but its children `keep`."""
    if os.getpid() == 1 and not keep:
        kill_all()
        _reap_all()
        return
    for _ in range(_ROUNDS):
        others = [number for number in map(_inner, _below(_own_number())) if number and number not in keep]
        if not others:
            return
        for word in (signal.SIGSTOP, signal.SIGKILL):  # stopped first: who is stopped starts nothing
            for number in others:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(number, word)
        reap_ended(keep)


def newest() -> str:
    """Return the number that this namespace gave last, to a process or a thread."""
    return _read("/proc/loadavg").split()[-1]


def kill_all() -> None:
    """Kill everything else in this namespace, of which this is the first process; the kernel lets no fork escape."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


def reap_ended(keep: Collection[int] = ()) -> None:
    """Reap the children that have ended, but leave `keep` to who waits for them."""
    with contextlib.suppress(ChildProcessError):
        while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if found.si_pid in keep:
                return  # it stays first in line; the others wait until it is taken
            os.waitpid(found.si_pid, 0)


def _reap_all() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _own_number() -> int:
    return int(os.readlink("/proc/self"))


def _below(number: int) -> Iterator[int]:
    waiting = [number]
    while waiting:
        for child in _children(waiting.pop()):
            waiting.append(child)
            yield child


def _children(number: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{number}/task"):
            found += map(int, _read(f"/proc/{number}/task/{thread}/children").split())
    return found


def _inner(number: int) -> int:
    """Return the number by which this namespace calls a process; 0 for one that has ended."""
    status = _read(f"/proc/{number}/status")
    if "\nState:\tZ" in status:  # only its parent can reap it
        return 0
    _, _, rest = status.partition("\nNSpid:")
    return int(rest.partition("\n")[0].split()[-1]) if rest else 0


def _resident(number: int) -> int:
    fields = _read(f"/proc/{number}/statm").split()
    return int(fields[1]) * _PAGE if fields else 0


def _processor_s(number: int) -> float:
    fields = _read(f"/proc/{number}/stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS if fields else 0.0


def _read(path: str) -> str:
    """Return what a file in /proc says, or nothing when its process has gone."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        parts = []
        while part := os.read(file, _CHUNK):
            parts.append(part)
        return b"".join(parts).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(file)
