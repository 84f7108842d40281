"""Paths and what may be done to them turned into bubblewrap's mounts, parents first and none too many.

Each mount costs every start about a tenth of a millisecond; links and folders cost nothing.
"""

from __future__ import annotations

import enum
import functools
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from tool.sandbox.inside.limits import RUN_BYTES, TMP_BYTES

HOME = "/tmp/home"
PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
_OWN_ETC = Path(os.path.realpath(Path(__file__).parent / "etc"))  # passwd, group and hosts that tell of nobody
_SEEN_AS = "/etc/agent"
# What programs need to start and to speak TLS. Not all of /etc: much that everyone here may read is still private.
_ETC = (
    "alternatives",
    "crypto-policies",
    "fonts",
    "java-*",
    "ld.so.cache",
    "localtime",
    "os-release",
    "pki",
    "ssl",
)


class Access(enum.IntEnum):
    """What may be done to a path and all beneath it."""

    HIDDEN = 0
    READ = 1
    WRITE = 2
    GUARDED = 3  # written beneath, but not renamed or replaced itself


def mounts_of(paths: Mapping[str, Access]) -> list[str]:
    """Return the options that mount real paths, leaving out what is not there or what a mount above already says."""
    options: list[str] = []
    done: dict[str, Access] = {"/usr": Access.READ}
    for path, access in sorted(paths.items()):
        above = next((done[str(folder)] for folder in (Path(path), *Path(path).parents) if str(folder) in done), None)
        if access == (Access.HIDDEN if above is None else above) or not os.path.lexists(path):
            continue
        done[path] = access
        options += _mount(path, access)
    return options


def _mount(path: str, access: Access) -> list[str]:
    if access == Access.READ:
        return ["--ro-bind", path, path]
    if access != Access.HIDDEN:
        return ["--bind", path, path]
    if Path(path).is_dir():
        return ["--perms", "0555", "--size", "4096", "--tmpfs", path]
    return ["--ro-bind", "/dev/null", path]


@functools.cache
def system_mounts(*, own_proc: bool) -> tuple[str, ...]:
    """Return what is the same in every sandbox: programs, an /etc that tells little, /proc, /dev, empty /tmp and /run."""
    options = [option for path in PROGRAMS for option in _as_it_is(Path(path))]
    options += ["--ro-bind", str(_OWN_ETC), _SEEN_AS]
    for own in sorted(_OWN_ETC.iterdir()):
        options += ["--symlink", f"{_SEEN_AS}/{own.name}", f"/etc/{own.name}"]
    for path in etc_paths():
        options += _as_it_is(path)
    # Root's user id alone is enough to write to /proc/sys, and core_pattern would be a way out.
    options += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"] if own_proc else _READ_ONLY_PROC
    # Memory that files take counts for no process, so every place for files has a size or is read-only.
    options += ["--dev", "/dev", "--size", str(TMP_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    options += ["--size", str(TMP_BYTES), "--perms", "1777", "--tmpfs", "/tmp", "--dir", HOME]
    return (*options, "--size", str(RUN_BYTES), "--tmpfs", "/run")


_READ_ONLY_PROC = ["--ro-bind", "/proc", "/proc"]


def network_mounts() -> list[str]:
    """Return what name resolution needs of this machine."""
    return ["--ro-bind-try", os.path.realpath("/etc/resolv.conf"), "/etc/resolv.conf"]


def etc_paths() -> list[Path]:
    """Return the paths of the real /etc that a sandbox may read."""
    return sorted(path for pattern in _ETC for path in Path("/etc").glob(pattern))


def _as_it_is(path: Path) -> list[str]:
    """Show a path of the system: a link as a link, and in a folder nothing that only its owner may read."""
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), str(path)]
    if not os.access(path, os.R_OK):
        return []
    options = ["--ro-bind", str(path), str(path)]
    if path.is_relative_to("/etc"):
        for private in private_parts(path):
            options += _mount(private, Access.HIDDEN)
    return options


def private_parts(folder: Path) -> Iterator[str]:
    """Yield what lies in a folder that we can read and others cannot."""
    for root, names, files in os.walk(folder):
        for name in (*names, *files):
            path = f"{root}/{name}"
            mode = os.lstat(path).st_mode
            if not stat.S_ISLNK(mode) and not mode & stat.S_IROTH and os.access(path, os.R_OK):
                yield path
                if name in names:
                    names.remove(name)
