"""Mounts turned into the whole bubblewrap command line: namespaces, no capabilities, a user of its own."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from tool.sandbox.mounts import network_mounts, system_mounts

# The user id inside is always the same, so that no file has to tell a name for the real one.
_USER = ("--unshare-user", "--uid", "1000", "--gid", "1000")
_OTHERS = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "sandbox", "--unshare-cgroup-try")
_OPTIONS = (*_USER, *_OTHERS, "--die-with-parent", "--new-session", "--cap-drop", "ALL")


def bubblewrap_command(
    mounts: Sequence[str], folder: str, *, own_proc: bool = True, network: bool = False, pid_one: bool = False
) -> list[str]:
    """Return the command line up to and without the program, which starts in `folder`. Raises: FileNotFoundError."""
    options = [*_OPTIONS, *([] if network else ["--unshare-net"]), *(["--as-pid-1"] if pid_one else [])]
    options += [*system_mounts(own_proc=own_proc), *(network_mounts() if network else []), *mounts]
    return [find_bubblewrap(), *options, "--remount-ro", "/", "--chdir", folder]


def find_bubblewrap() -> str:
    """Return the program's path. Raises: FileNotFoundError."""
    for folder in os.get_exec_path():
        # A relative folder depends on where we are, and that may be where the model writes.
        if folder.startswith("/") and os.access(f"{folder}/bwrap", os.X_OK):
            return f"{folder}/bwrap"
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "bwrap")
