"""The numbers that end a call, and those of them that the kernel can keep turned into limits of this process."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY_BYTES = 4 << 30  # of address space for one process
TREE_MEMORY_BYTES = 3 << 30  # resident, for all of a call together
DISK_BYTES = 1 << 30  # that a call may add to the workspace
FILE_BYTES = 1 << 30  # of one file
TMP_BYTES = 512 << 20  # of /tmp, and as much of shared memory
RUN_BYTES = 16 << 20  # of /run
PROCESSES = 400  # of all of a call, threads included
OPEN_FILES = 1024  # of one process
PROCESSOR_S = 3600  # for one process; for all of a call together


@dataclass(frozen=True, slots=True)
class Limits:
    """What a watchdog holds all processes of a call to together, which the kernel's limits of one process cannot."""

    memory_bytes: int = TREE_MEMORY_BYTES
    processes: int = PROCESSES
    processor_s: float = PROCESSOR_S
    disk_bytes: int = DISK_BYTES


def in_words(amount: float, unit: str = "bytes") -> str:
    """Return an amount as the model reads it: "120 s", "4 GB"."""
    if unit != "bytes":
        return f"{amount:g} {unit}"
    for name, size in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if amount >= size:
            return f"{amount / size:.3g} {name}"
    return f"{amount:g} bytes"


def set_limits(*, own_user_namespace: bool) -> None:
    """Limit this process and all it starts; a limit that is already lower stays.

    Processes are counted by user: only in a user namespace of its own are these the sandbox's alone. For root the
    kernel does not count at all.
    """
    import resource  # which Windows has not; the numbers are wanted there too

    limits = [
        (resource.RLIMIT_CORE, 0),  # a core file may hold what the process had read
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CPU, PROCESSOR_S),
    ]
    if own_user_namespace:
        limits.append((resource.RLIMIT_NPROC, PROCESSES))
    for kind, most in limits:
        _, hard = resource.getrlimit(kind)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (value, value))


def as_shell() -> str:
    """Return commands for a POSIX shell that set the same limits, for where no Python is to be started."""
    return (
        f"ulimit -c 0; ulimit -v {MEMORY_BYTES >> 10}; ulimit -f {FILE_BYTES >> 9}; ulimit -n {OPEN_FILES};"
        f" ulimit -t {PROCESSOR_S}; ulimit -p {PROCESSES} 2>/dev/null;"
    )
