"""System calls for which Python has no name, each turned into its result or an OSError."""

from __future__ import annotations

import functools
import os
import struct
from typing import Any

_NO_NEW_PRIVILEGES = 38
_HERE, _NO_FOLLOW, _BIRTH = -100, 0x100, 0x800  # AT_FDCWD, AT_SYMLINK_NOFOLLOW, STATX_BTIME
_STATX_BYTES, _BIRTH_OFFSET = 256, 80  # of struct statx, and of stx_btime in it


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


def born_ns(path: str) -> int:
    """Return when a file was made, in nanoseconds; 0 where it is not there, or its file system does not say.

    Source: statx(2). A number of an inode is given again as soon as it is free, the time of a birth is not.
    """
    import ctypes

    found = ctypes.create_string_buffer(_STATX_BYTES)
    asked = (ctypes.c_int(_HERE), os.fsencode(path), ctypes.c_int(_NO_FOLLOW), ctypes.c_uint(_BIRTH), found)
    try:
        if _libc().statx(*asked) != 0:
            return 0
    except AttributeError:  # a C library older than the call
        return 0
    seconds, nanoseconds = struct.unpack_from("qI", found, _BIRTH_OFFSET)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


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
