"""What runs on this machine, as a test sees it from outside the sandbox."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path


def command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_text(errors="replace").replace("\0", " ")


def is_gone(marker: str) -> bool:
    """Whether no process with `marker` in its command line is left, waiting for the kernel to clear up."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not any(marker in line for line in command_lines()):
            return True
    return False


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def children() -> list[str]:
    """The processes this one has started, whichever thread did, but for the model servers of other tests."""
    threads = Path("/proc/self/task").iterdir()
    started = [number for thread in threads for number in (thread / "children").read_text().split()]
    return [number for number in started if "model_process" not in Path(f"/proc/{number}/cmdline").read_text()]
