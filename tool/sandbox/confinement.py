"""What a command may see and touch, turned into a bubblewrap command line, Landlock's paths and an environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import ToolError
from core.types import Opening, OpeningKind
from tool.sandbox.inside.landlock import NAMES_ONLY
from tool.sandbox.level import Level
from tool.sandbox.mounts import HOME, PROGRAMS, Access, etc_paths, mounts_of
from tool.sandbox.namespaces import bubblewrap_command
from tool.sandbox.repository import arming_parts, git_environment, linked_repository, repositories
from tool.sandbox.seatbelt import seatbelt_command

INSIDE = os.path.realpath(Path(__file__).parent / "inside")
_SYSTEM = (*PROGRAMS, "/etc", "/boot", "/proc", "/sys", "/dev", "/run")
_SYSTEM_BUT_OURS = ("/dev/shm/", "/run/media/", "/run/user/")
_PASSED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "TZ")
_ENVIRONMENT = {
    "HOME": HOME,
    "USER": "agent",
    "LOGNAME": "agent",
    "SHELL": "/bin/bash",
    "TERM": "dumb",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",  # lets `git status` be content with a read-only .git
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
_SEARCH_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


class Confinement:
    """The bounds of one workspace, the same for all that runs in it."""

    def __init__(
        self,
        workspace: Path,
        hidden: Sequence[Path] = (),
        read_only: Sequence[Path] = (),
        python: Sequence[Path] = (),
    ) -> None:
        """Paths are absolute or relative to the workspace; git's own folders in it are read-only without being named.

        `hidden` is never seen, `read_only` seen only where it lies in the workspace, `python` are the prefixes of
        interpreters that may be used.
        """
        self.workspace = Path(os.path.realpath(workspace))
        self._hidden = self._real(hidden)
        self._read_only = self._real(read_only)
        self._python = self._real(python)

    def argv(self, level: Level, *, pid_one: bool = False, opening: Opening | None = None) -> list[str]:
        """Return bubblewrap's or Seatbelt's command line up to and without the program; empty at another level.

        `pid_one` lets the program, a file of `inside`, be the first process of its namespace. Raises: ToolError where
        the workspace or the opening cannot be had, FileNotFoundError without bubblewrap.
        """
        if not level.has_namespaces and level != Level.SEATBELT:
            return []
        self.require_workspace()
        paths = self._paths(opening) | ({INSIDE: Access.READ} if pid_one else {})
        network = opening is not None and opening.kind == OpeningKind.NETWORK
        if level == Level.SEATBELT:
            return seatbelt_command(paths, network=network)
        return bubblewrap_command(
            mounts_of(paths),
            str(self.workspace),
            own_proc=level == Level.BUBBLEWRAP,
            network=network,
            pid_one=pid_one,
        )

    def landlock(self, scratch: str) -> tuple[list[str], list[str]]:
        """Return what may be written and what read where Landlock alone holds; `scratch` takes the place of /tmp.

        Landlock cannot take a path out of an open folder. So where something in the workspace is protected, what lies
        at its top is opened piece by piece: new names can be made in its folders and not at its top. All names in it
        can be listed, those of what is hidden too.
        """
        self.require_workspace()
        protected = {path: access for path, access in self._paths(None).items() if access < Access.WRITE}
        writable, readable = [scratch], [*PROGRAMS, *map(str, etc_paths()), "/proc", *self._python, INSIDE]
        pieces = list(_opened_piecewise(str(self.workspace), protected))
        if pieces != [str(self.workspace)]:
            readable.append(f"{self.workspace}{NAMES_ONLY}")
        for path in pieces:
            access = protected.get(path, Access.WRITE)
            (writable if access == Access.WRITE else readable).append(path)
        return writable, readable

    def environment(self, opening: Opening | None = None, *, scratch: str = "") -> dict[str, str]:
        """Return all that a command finds in its environment; `scratch` as in `landlock`."""
        found = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        folders = [f"{prefix}/bin" for prefix in self._python]
        result = {"LANG": "C.UTF-8", **found, **_ENVIRONMENT, "PATH": ":".join([*folders, *_SEARCH_PATH])}
        if scratch:
            result |= {"HOME": scratch, "TMPDIR": scratch}
        if opening and opening.kind == OpeningKind.GIT:
            result |= git_environment(self.workspace)
        return result

    def require_workspace(self) -> None:
        """Raises: ToolError when the workspace cannot be one."""
        path = str(self.workspace)
        if not self.workspace.is_dir():
            raise ToolError(f"the workspace {path!r} is no longer there, so no command can run in it")
        taken = any(_is_within(path, folder) for folder in _SYSTEM) and not path.startswith(_SYSTEM_BUT_OURS)
        if taken or path in ("/", "/tmp", HOME):
            raise ToolError(f"the workspace {path!r} is part of the system; choose a folder of your own")
        if any(_is_within(path, hidden) for hidden in self._hidden):
            raise ToolError(f"the workspace {path!r} lies in the agent's own state; choose another folder")

    def _paths(self, opening: Opening | None) -> dict[str, Access]:
        """Return what may be done to each path that is not part of the system; the strictest wins."""
        workspace = str(self.workspace)
        strict = {path: Access.READ for path in self._protected_folders() if _is_within(path, workspace)}
        strict |= self._git_paths(is_open=opening is not None and opening.kind == OpeningKind.GIT)
        strict |= dict.fromkeys(self._hidden, Access.HIDDEN)
        paths = dict.fromkeys(self._python, Access.READ) | {workspace: Access.WRITE}
        if opening and opening.kind == OpeningKind.PATH:
            paths[self.openable(opening.path)] = Access.WRITE
        for path in strict:
            paths |= dict.fromkeys(_between(workspace, path), Access.GUARDED)
        return paths | strict

    def _protected_folders(self) -> Iterator[str]:
        """Yield what is read-only; for what is not there yet the folder it would be made in, unless that is all."""
        yield from self._python
        for path in (*self._read_only, *self._hidden):
            existing = next(each for each in (Path(path), *Path(path).parents) if os.path.lexists(each))
            if str(existing) == path or existing != self.workspace:
                yield str(existing)

    def _git_paths(self, *, is_open: bool) -> dict[str, Access]:
        linked = linked_repository(self.workspace)
        paths = {linked: Access.READ} if linked else {}
        for repository in repositories(self.workspace):
            can_open = is_open and Path(repository).is_dir()
            paths[repository] = Access.GUARDED if can_open else Access.READ
            paths |= dict.fromkeys(arming_parts(repository) if can_open else (), Access.READ)
        return paths

    def openable(self, path: str) -> str:
        """Return the real path that an approval may open for writing. Raises: ToolError where it would open too much."""
        real = os.path.realpath(self.workspace / Path(path).expanduser())
        if not os.path.lexists(real):
            raise ToolError(f"{path!r} does not exist, so it cannot be opened; name the folder it is to be made in")
        if real == "/" or any(_is_within(real, folder) for folder in _SYSTEM):
            raise ToolError(
                f"{path!r} is part of the system, which no approval opens; do it yourself outside the agent"
            )
        for own in (*self._hidden, *self._read_only, *self._python, INSIDE):
            if _is_within(real, own) or _is_within(own, real):
                raise ToolError(f"{path!r} holds the agent's own files ({own!r}); name a smaller folder elsewhere")
        for whole in (os.path.realpath(Path.home()), str(self.workspace)):
            if _is_within(whole, real):
                raise ToolError(f"{path!r} would open everything in {whole!r}; name the one folder that is needed")
        return real

    def _real(self, paths: Sequence[Path]) -> list[str]:
        return list(dict.fromkeys(os.path.realpath(self.workspace / path) for path in paths))


def running_python() -> list[Path]:
    """Return the prefixes of the interpreter that runs this program: its environment first, then what that is based on."""
    return [Path(prefix) for prefix in dict.fromkeys((sys.prefix, sys.base_prefix)) if prefix != "/usr"]


def _opened_piecewise(folder: str, protected: dict[str, Access]) -> Iterator[str]:
    """Yield the paths beneath `folder` that can each be opened as a whole, going deeper only to leave something out."""
    if protected.get(folder) == Access.HIDDEN:
        return
    if folder in protected or not any(_is_within(path, folder) for path in protected):
        yield folder
        return
    for path in sorted(Path(folder).iterdir()):
        if not path.is_symlink():
            yield from _opened_piecewise(str(path), protected)


def _between(folder: str, path: str) -> list[str]:
    """Return the folders between the two: whoever could rename one of them would slip out what it holds."""
    inner = [str(parent) for parent in Path(path).parents]
    return inner[: inner.index(folder)] if folder in inner else []


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
