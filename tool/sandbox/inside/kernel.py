"""System calls for which Python has no name, each turned into its result or an OSError."""

from __future__ import annotations

import functools
import os
from typing import Any

_NO_NEW_PRIVILEGES = 38


def syscall(number: int, *arguments: int | bytes) -> int:
    """Make a system call; bytes are passed as a pointer to them. Raises: OSError."""
    import ctypes

    _libc().syscall.restype = ctypes.c_long
    return _checked(_libc().syscall(ctypes.c_long(number), *map(_as_argument, arguments)))


def prctl(option: int, *arguments: int | bytes) -> int:
    """Change or ask a property of this process. Raises: OSError."""
    import ctypes

    padded = [*arguments, 0, 0, 0, 0][:4]
    return _checked(_libc().prctl(ctypes.c_int(option), *map(_as_argument, padded)))


def forbid_new_privileges() -> None:
    """Make set-user-id programs and file capabilities count for nothing from here on."""
    prctl(_NO_NEW_PRIVILEGES, 1)


@functools.cache
def _libc() -> Any:
    # Imported here: the agent itself asks the kernel nothing at its start, and Windows has no such library.
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _as_argument(value: int | bytes) -> Any:
    import ctypes

    return ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_ulong(value)


def _checked(result: int) -> int:
    import ctypes

    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
