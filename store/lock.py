"""A session id turned into the right to write that session, which the kernel takes back when the process dies."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from core.errors import SessionInUse, StoreError
from store.faults import ANOTHER_HOME

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # a locked byte cannot be read by others, so it is not one of those that hold the process id

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class SessionLock:
    """The right to write a session, held until released."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others have it, and leave no file behind."""
        # Removed while still held, so that it can only be this lock's own file. Windows refuses as long as it is open.
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
        if sys.platform == "win32":
            with suppress(OSError):
                self._path.unlink()


def lock_session(folder: Path, session_id: str) -> SessionLock:
    """Take the lock of a session, whose file lies in `folder`. Raises: SessionInUse, StoreError."""
    path = folder / f"{session_id}.lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = _take(path, session_id)
    except OSError as error:
        raise StoreError(
            f"cannot lock session {session_id!r} with the file {str(path)!r}: {error.strerror}; see to"
            f" it that files can be created there, or {ANOTHER_HOME}"
        ) from error
    with suppress(OSError):  # the lock holds without a name on it, as on a full disk
        _sign(descriptor)
    return SessionLock(path, descriptor)


def _sign(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, str(os.getpid()).encode())


def _take(path: Path, session_id: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _try_lock(descriptor):
            holder = os.read(descriptor, 20).decode("ascii", "replace")
            os.close(descriptor)
            raise SessionInUse(
                f"session {session_id!r} is being written by {f'process {holder}' if holder else 'another process'};"
                f" close it there, or type `/resume {session_id}` in the chat to watch or fork it"
            )
        if _is_at(path, descriptor):
            return descriptor
        os.close(descriptor)  # its last holder removed the file after it was opened here: take the next one


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
