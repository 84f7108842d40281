"""How much a call has added to the workspace, measured cheaply while there is no suspicion and exactly when there is."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

_BLOCK = 512
_SUSPICION = 16  # how often, on the way to the limit, somebody else's writing may make us look


class Growth:
    """Watches the space a call takes. The file system's free space is everybody's, so it only raises suspicion."""

    def __init__(self, folder: str, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._since = time.time() - 1  # file systems keep coarse times
        self._suspicious_below = _free(folder) - limit_bytes

    def is_over(self) -> bool:
        """Return whether files changed since the beginning take more than the limit."""
        free = _free(self._folder)
        if free >= self._suspicious_below:
            return False
        self._suspicious_below = free - self._limit // _SUSPICION
        return sum(_changed_sizes(self._folder, self._since)) > self._limit


def _free(folder: str) -> int:
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def _changed_sizes(folder: str, since: float) -> Iterator[int]:
    """Yield the size on disk of each file changed after `since`; whoever wrote it cannot set that time back."""
    waiting = [folder]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                found = entry.stat(follow_symlinks=False)
                if found.st_ctime >= since:
                    yield found.st_blocks * _BLOCK
