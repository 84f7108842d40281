"""Paths as a model writes them turned into open files that are certainly beneath one folder.

A path is walked one name at a time, each opened from the descriptor of the folder before it and never through a link:
links are read and walked like the rest of the path, and `..` goes back to a descriptor already held. So nothing that
is swapped meanwhile leads out, and every folder on the way can be compared with those that are closed to tools, which
a single openat2 call would not show. It needs only what every POSIX system has.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ToolError, UsageError
from tool.arguments import closest_first
from tool.path_errors import NoSuchPath, explained

ALWAYS_READ_ONLY = ".git"  # at any depth: a planted hook or setting runs at the person's next git command

_MOST_LINKS = 40  # as in Linux
_DEEPEST = 128  # folders, each of which is held open
_MOST_NAMES = 1000  # of a folder, when looking for a name like the one that is missing
# Absent on Windows, where `Root` refuses before it opens anything.
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | _NO_FOLLOW
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder. `target` is where a link points, as written in it."""

    name: str
    is_folder: bool
    size: int
    target: str = ""


class Root:
    """A folder and what tools may do beneath it. Paths are relative to it, or absolute and inside it."""

    def __init__(self, path: Path, hidden: Sequence[str] = (".agent",), read_only: Sequence[str] = ("skills",)) -> None:
        """`hidden` and `read_only` are paths relative to the root. Raises: UsageError on Windows."""
        if os.open not in os.supports_dir_fd:
            raise UsageError("the file tools need a POSIX system; on Windows, run the agent inside WSL2")
        self.path = Path(os.path.realpath(path))
        self._hidden = [tuple(Path(name).parts) for name in hidden]
        self._read_only = [tuple(Path(name).parts) for name in read_only]

    def open_file(self, path: str) -> io.BufferedReader:
        """Open a regular file for reading. Raises: ToolError; NoSuchPath if nothing is there."""
        with explained(path), self._walk(path, writing=False) as place:
            _require_regular(path, place.found())
            descriptor = os.open(place.name, _READ, dir_fd=place.folder)
            file = os.fdopen(descriptor, "rb")
            with contextlib.ExitStack() as undo:
                undo.callback(file.close)
                _require_regular(path, place.allow(os.fstat(descriptor)))
                undo.pop_all()
            return file

    def open_folder(self, path: str) -> int:
        """Return a descriptor of a folder, to be closed by the caller. Raises: as `open_file`."""
        with explained(path), self._walk(path, writing=False) as place:
            if not stat.S_ISDIR(place.found().st_mode):
                raise ToolError(f"{path!r} is a file, not a folder; read it with read_file")
            descriptor = os.open(place.name, _FOLDER | _NO_FOLLOW, dir_fd=place.folder)
            with contextlib.ExitStack() as undo:
                undo.callback(os.close, descriptor)
                place.allow(os.fstat(descriptor))
                undo.pop_all()
            return descriptor

    def entries(self, path: str) -> list[Entry]:
        """Return what is in a folder, sorted, without what is hidden. Raises: as `open_file`."""
        closed = self._identities(self._hidden)
        descriptor = self.open_folder(path)
        try:
            with explained(path), os.scandir(descriptor) as found:
                entries = [_entry(item, descriptor) for item in found if _identity(item) not in closed]
        finally:
            os.close(descriptor)
        return sorted(entries, key=lambda entry: entry.name)

    def write_atomically(self, path: str, data: bytes) -> bool:
        """Create or replace a file, and the folders it lies in; return whether it was created.

        Whoever reads it meanwhile sees the old content or the new, and after a failure the old. What is replaced
        keeps its permissions and owner, and reaches the disk first; a new file is not waited for, as nothing is lost
        with it. Raises: ToolError.
        """
        if path.endswith("/"):
            raise ToolError(f"{path!r} names a folder; add a file name")
        with explained(path), self._walk(path, writing=True) as place:
            _require_replaceable(path, place)
            temporary = f".{os.urandom(8).hex()}.tmp"
            with contextlib.ExitStack() as undo:
                descriptor = os.open(temporary, _CREATE, 0o666, dir_fd=place.folder)
                undo.callback(os.unlink, temporary, dir_fd=place.folder)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    if place.status:
                        _take_over(descriptor, place.status)
                        os.fsync(descriptor)
                os.replace(temporary, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
                undo.pop_all()
            return place.status is None

    def _walk(self, path: str, writing: bool) -> _Place:
        return _Place(self, path, writing).walk()

    def _parts(self, path: str, shown: str) -> list[str]:
        """Split a path into names below the root, last one first."""
        if "\0" in path:
            raise ToolError(f"the path {shown!r} contains a NUL character; no file name can")
        if path == "~" or path.startswith("~/"):
            raise ToolError(f"{shown!r}: the home folder is not open to tools; use a path relative to the workspace")
        inside = self._inside(path, shown) if path.startswith("/") else path
        return [name for name in reversed(inside.split("/")) if name not in ("", ".")]

    def _inside(self, path: str, shown: str) -> str:
        """Return what follows the root in an absolute path, however the root is spelled there."""
        top = self.path.stat()
        head, rest = path.rstrip("/") or "/", ""
        while True:
            with contextlib.suppress(OSError):
                if os.path.samestat(Path(head).stat(), top):
                    return rest
            if head == "/":
                raise ToolError(f"{shown!r} is outside the workspace {str(self.path)!r}; use a path relative to it")
            head, _, name = head.rpartition("/")
            head, rest = head or "/", f"{name}/{rest}"

    def _identities(self, paths: Sequence[tuple[str, ...]]) -> set[tuple[int, int]]:
        """Return (device, inode) of each of the paths that exists, links followed or not."""
        found = set()
        for parts in paths:
            for follow in (True, False):
                with contextlib.suppress(OSError):
                    status = self.path.joinpath(*parts).stat(follow_symlinks=follow)
                    found.add((status.st_dev, status.st_ino))
        return found


class _Place:
    """Where a path leads: the open folder and the name in it. Holds the folders on the way open until it exits."""

    def __init__(self, root: Root, path: str, writing: bool) -> None:
        self._root, self._path, self._writing = root, path, writing
        self._folders: list[int] = []
        self._names: list[str] = []  # real names from the root to the open folder, none of them a link
        self._links = 0
        # A name says what would be created; an identity also knows a folder under another spelling or mount.
        self._hidden = root._identities(root._hidden)
        self._read_only = root._identities(root._read_only) if writing else set()
        self.name = "."
        self.status: os.stat_result | None = None

    def __enter__(self) -> _Place:
        return self

    def __exit__(self, *_: object) -> None:
        while self._folders:
            os.close(self._folders.pop())

    @property
    def folder(self) -> int:
        """The descriptor of the folder that holds `name`."""
        return self._folders[-1]

    def walk(self) -> _Place:
        """Go to the path's last name; links on the way are followed, a last one only for reading."""
        with contextlib.ExitStack() as undo:
            undo.callback(self.__exit__)
            todo = self._start(self._path)
            while todo:
                if len(self._names) + len(todo) > _DEEPEST:
                    raise ToolError(f"the path {self._path[:40]!r}... goes through more than {_DEEPEST} folders")
                name = todo.pop()
                if name == "..":
                    self._up()
                    continue
                status = self._look(name)
                if status and stat.S_ISLNK(status.st_mode) and (todo or not self._writing):
                    todo += self._link(name)
                elif todo:
                    self._enter(name, status)
                else:
                    self.name, self.status = name, status
            if self.name == ".":
                self.status = os.fstat(self.folder)
            undo.pop_all()
        return self

    def found(self) -> os.stat_result:
        """Return the status of what is there. Raises: NoSuchPath with names like the one asked for."""
        if self.status is None:
            raise self._missing(self.name)
        return self.status

    def allow(self, status: os.stat_result) -> os.stat_result:
        """Return the status of what was opened, if that is not closed to tools."""
        self._refuse_closed(self.name, status)
        return status

    def _start(self, path: str) -> list[str]:
        """Go to the root; return the names to walk from there, last one first."""
        try:
            top = os.open(self._root.path, _FOLDER)
        except FileNotFoundError as error:
            raise ToolError(f"the workspace {str(self._root.path)!r} is no longer there") from error
        self.__exit__()
        self._names.clear()
        self._folders.append(top)
        return self._root._parts(path, self._path)

    def _up(self) -> None:
        if not self._names:
            raise ToolError(f"{self._path!r} leads out of the workspace; stay below it")
        self._names.pop()
        os.close(self._folders.pop())

    def _look(self, name: str) -> os.stat_result | None:
        """Return the status of a name in the open folder, or None; refuse what is closed to tools."""
        try:
            status = os.stat(name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            status = None
        self._refuse_closed(name, status)
        return status

    def _link(self, name: str) -> list[str]:
        """Return the names a link stands for, last one first; from the root if it is absolute."""
        self._links += 1
        if self._links > _MOST_LINKS:
            raise ToolError(f"{self._path!r} goes through a circle of symbolic links")
        target = os.readlink(name, dir_fd=self.folder)
        if target.startswith("/"):
            return self._start(target)
        return self._root._parts(target, self._path)

    def _enter(self, name: str, status: os.stat_result | None) -> None:
        """Open a folder on the way, made first when a file is to be written in it."""
        if status is None:
            if not self._writing:
                raise self._missing(name)
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=self.folder)
        self._folders.append(os.open(name, _FOLDER | _NO_FOLLOW, dir_fd=self.folder))
        self._refuse_closed(name, os.fstat(self.folder))
        self._names.append(name)

    def _refuse_closed(self, name: str, status: os.stat_result | None) -> None:
        spelled = _spelling((*self._names, name))
        identity = (status.st_dev, status.st_ino) if status else None
        if identity in self._hidden or spelled in map(_spelling, self._root._hidden):
            raise ToolError(f"{self._path!r} belongs to the agent itself and is closed to tools")
        if not self._writing:
            return
        if name.casefold() == ALWAYS_READ_ONLY:
            raise ToolError(f"{self._path!r}: {name!r} is read-only for tools; ask the person to change it")
        if identity in self._read_only or spelled in map(_spelling, self._root._read_only):
            raise ToolError(f"{self._path!r}: {'/'.join((*self._names, name))!r} is read-only for tools")

    def _missing(self, name: str) -> NoSuchPath:
        folder = "/".join(self._names) or "."
        with os.scandir(self.folder) as found:
            names = [item.name for item, _ in zip(found, range(_MOST_NAMES), strict=False)]
        names = [other for other in names if _spelling((*self._names, other)) not in map(_spelling, self._root._hidden)]
        near = closest_first(name, sorted(names))
        there = f"; there are: {', '.join(near[:5])}{', ...' if len(near) > 5 else ''}" if near else ", which is empty"
        return NoSuchPath(f"no {name!r} in the folder {folder!r}{there}")


def _spelling(names: Sequence[str]) -> tuple[str, ...]:
    """Return names as a file system that ignores case compares them."""
    return tuple(name.casefold() for name in names)


def _identity(item: os.DirEntry[str]) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        status = item.stat(follow_symlinks=False)
        return status.st_dev, status.st_ino
    return None


def _entry(item: os.DirEntry[str], folder: int) -> Entry:
    with contextlib.suppress(OSError):  # it was removed meanwhile, or its folder may be listed but not searched
        status = item.stat(follow_symlinks=False)
        target = os.readlink(item.name, dir_fd=folder) if item.is_symlink() else ""
        return Entry(item.name, stat.S_ISDIR(status.st_mode), status.st_size, target)
    return Entry(item.name, False, 0)


def _require_regular(path: str, status: os.stat_result) -> None:
    """Raises: ToolError for what is no plain file, or is one that other names share."""
    if stat.S_ISDIR(status.st_mode):
        raise ToolError(f"{path!r} is a folder, not a file; list_files shows what is in it")
    if not stat.S_ISREG(status.st_mode):
        raise ToolError(f"{path!r} is {_kind(status.st_mode)}, not a regular file; tools do not open it")
    if status.st_nlink > 1:
        raise ToolError(
            f"{path!r} has {status.st_nlink} hard links, so it may also lie outside the workspace;"
            " copy it with cp and use the copy"
        )


def _require_replaceable(path: str, place: _Place) -> None:
    """Raises: ToolError when something other than a plain file stands at the path."""
    if place.status and stat.S_ISLNK(place.status.st_mode):
        target = os.readlink(place.name, dir_fd=place.folder)
        raise ToolError(f"{path!r} is a symbolic link to {target!r}; write to that path instead")
    if place.status:
        _require_regular(path, place.status)


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a FIFO"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _take_over(descriptor: int, old: os.stat_result) -> None:
    """Give the new file the old one's owner, where we may, and its permissions without set-user-id bits."""
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, old.st_mode & 0o777)
