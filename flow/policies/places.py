"""A path in a command turned into what reaching it needs: nothing, an opening, or what no approval opens."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from core.types import Opening, OpeningKind
from flow.policies.needs import Need, git_change, network, never
from flow.policies.shell_words import UNKNOWN

_DEVICES = re.compile(r"/dev(?:/(?:null|zero|full|random|urandom|tty|stdin|stdout|stderr|ptmx|fd(?:/.*)?|shm(/.*)?))?")
_SOCKET = re.compile(r"/dev/(?:tcp|udp)(?:/|$)")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/proc", "/sys")
_TEMPORARY = ("/tmp", "/var/tmp", "/run")
# Names of /etc that tell about the system and about nobody.
_PUBLIC_ETC = re.compile(
    r"/etc/(?:os-release|lsb-release|debian_version|issue|timezone|localtime|locale\S*|hostname|nsswitch\.conf"
    r"|ld\.so\S*|alternatives\S*|ssl/certs\S*|mime\.types|shells|bash\.bashrc|profile)"
)
_OTHER_PROCESS = re.compile(r"/proc/\d+/(?:environ|root|cwd|exe|fd|mem|maps)|/proc/(?:sysrq-trigger|kcore|kmem)")


class Places:
    """Knows where the workspace is, what else can be read in the sandbox, and what is closed to every command."""

    def __init__(self, workspace: Path, readable: Sequence[Path] = (), closed: Sequence[Path] = ()) -> None:
        self._workspace = os.path.normpath(workspace)
        self._real = os.path.realpath(workspace)
        self._home = str(Path.home())
        self._readable = [os.path.realpath(path) for path in readable]
        self._closed = [os.path.realpath(path) for path in closed]

    def need(self, text: str, folder: str | None, *, writes: bool, names_path: bool = True) -> Need | None:
        """Return what reaching the path `text` from `folder` needs, or None for nothing.

        `names_path`: the program takes this word for a path; otherwise it only may be one, and counts if it exists.
        """
        shown = text.replace(UNKNOWN, "…")
        known = text.removeprefix("file://").partition(UNKNOWN)[0]
        if _SOCKET.match(known):
            return network(shown)
        if known.startswith("~"):
            return self._at_home(known, shown)
        if not known or (folder is None and not known.startswith("/")):
            return None
        if folder and folder.startswith("~") and not known.startswith("/"):
            return self._at_home(f"{folder}/{known}", shown)
        whole = f"{folder}/{known}" if folder and not known.startswith("/") else known
        path = self._absolute(whole.partition(UNKNOWN)[0])
        if self._is_in_workspace(path):
            return self._inside(path, shown, writes)
        if UNKNOWN in text and not known.endswith("/"):
            path = str(Path(path).parent)
        return self._outside(path, shown, writes, names_path, spelled_out=whole.startswith("/"))

    def _absolute(self, path: str) -> str:
        return "/" + os.path.normpath(f"{self._workspace}/{path}" if not path.startswith("/") else path).lstrip("/")

    def _at_home(self, known: str, shown: str) -> Need:
        path = str(Path(self._home, known.partition("/")[2]))
        return never(
            f"{shown!r} is the sandbox's own empty home; if the person's home is meant, write it in full: {path!r}"
        )

    def _is_in_workspace(self, path: str) -> bool:
        return _is_below(path, self._workspace) or _is_below(path, self._real)

    def _inside(self, path: str, shown: str, writes: bool) -> Need | None:
        if self._is_closed(path):
            return never(f"{shown!r} belongs to the agent itself")
        if writes and ".git" in path.casefold().split("/"):
            return git_change(shown)
        return None

    def _outside(self, path: str, shown: str, writes: bool, names_path: bool, spelled_out: bool) -> Need | None:
        if self._is_closed(path):
            return never(f"{shown!r} belongs to the agent itself")
        if _OTHER_PROCESS.match(path):
            return never(f"{shown!r} belongs to another process or the kernel")
        if _DEVICES.fullmatch(path):
            return None
        system = path == "/" or _is_below_any(path, _SYSTEM) or _is_below_any(path, self._readable)
        if spelled_out and self._is_free(path, system, writes):
            return None
        if _is_below_any(path, ("/etc", "/dev", "/boot")) or (writes and system):
            return never(f"{shown!r} is part of the system, which no approval opens")
        if not (names_path or os.path.lexists("/" + path.split("/")[1])):
            return None
        return self._opened(path, shown, writes)

    def _is_free(self, path: str, system: bool, writes: bool) -> bool:
        """Whether the sandbox has this path itself: the system to read, temporary folders of its own."""
        if _is_below_any(path, _TEMPORARY):
            # The sandbox's are its own and empty; a folder in them that exists here is meant as it is here.
            place = str(Path(path).parent) if writes else path
            return place in _TEMPORARY or path in _TEMPORARY or not os.path.lexists(place)
        return not writes and (system or bool(_PUBLIC_ETC.match(path)))

    def _opened(self, path: str, shown: str, writes: bool) -> Need:
        """Return the need of the narrowest thing that exists and contains the path."""
        real = os.path.realpath(path)
        if self._is_closed(real):
            return never(f"{shown!r} leads to what belongs to the agent itself")
        if not os.path.lexists(real):
            if not writes:
                return never(f"{shown!r} is outside the workspace, and it does not exist")
            while not os.path.lexists(real):
                real = str(Path(real).parent)
        if _is_below(real, "/etc") and not Path(real).stat().st_mode & stat.S_IROTH:
            return never(f"{shown!r} is a secret of the system")
        around = any(_is_below(inner, real) for inner in (self._home, self._real, *self._closed))
        if around or real.count("/") < 2:
            return never(
                f"{shown!r} is outside the workspace, and opening {real!r} for it would open too much;"
                " ask the person to copy what is needed, or to make the folder"
            )
        called = f"{shown!r}" if shown == real else f"{shown!r}, which is {real!r},"
        return Need(f"{called} is outside the workspace", Opening(OpeningKind.PATH, real))

    def _is_closed(self, path: str) -> bool:
        return _is_below_any(os.path.realpath(path), self._closed)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_below_any(path: str, folders: Sequence[str]) -> bool:
    return any(_is_below(path, folder) for folder in folders)
