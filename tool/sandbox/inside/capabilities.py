"""Root's rights turned into none, for good: no capability is left, and no program that is started can bring one back."""

from __future__ import annotations

import errno
import platform
import struct

from tool.sandbox.inside.kernel import prctl, syscall

_CAPSET = {"x86_64": 126, "aarch64": 91}
_VERSION_3 = 0x20080522
_DROP_FROM_BOUNDING_SET = 24
_AMBIENT, _CLEAR_ALL = 47, 4
_MOST = 64


def drop_capabilities() -> None:
    """Give up every capability. Raises: OSError."""
    for number in range(_MOST):
        try:
            prctl(_DROP_FROM_BOUNDING_SET, number)
        except OSError as error:
            if error.errno == errno.EINVAL:  # past the last one this kernel has
                break
            if error.errno != errno.EPERM:  # an ordinary user has none to drop
                raise
    prctl(_AMBIENT, _CLEAR_ALL)
    none = bytes(24)  # effective, permitted and inheritable, twice 32 bits each
    syscall(_CAPSET[platform.machine()], struct.pack("Ii", _VERSION_3, 0), none)
