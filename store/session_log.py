"""What happens in one session turned into rows, one commit for each call."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from core.errors import StoreError
from core.types import Entry, Message
from store.database import Database
from store.entries import encode, storable
from store.lock import SessionLock

TITLE_LENGTH = 80
_INSERT_STARTED = "INSERT OR IGNORE INTO started (session_id, call_id) VALUES (?, ?)"


class JournalLog:
    """The log behind a Session. Without a lock it refuses to write."""

    def __init__(self, database: Database, session_id: str, last_seq: int, lock: SessionLock | None) -> None:
        self._database = database
        self._session_id = session_id
        self._last_seq = last_seq
        self._lock = lock

    def append(self, entry: Entry, started: Sequence[str]) -> None:
        """Write an entry and the marks of the calls it starts. Raises: StoreError."""
        kind, payload = encode(entry)
        now = time.time()
        with self._write() as connection:
            connection.execute(
                "INSERT INTO entry (session_id, seq, kind, payload, created) VALUES (?, ?, ?, ?, ?)",
                (self._session_id, self._last_seq + 1, kind, payload, now),
            )
            if started:
                connection.executemany(_INSERT_STARTED, [(self._session_id, call_id) for call_id in started])
            connection.execute(
                "UPDATE session SET updated = ?, title = CASE title WHEN '' THEN ? ELSE title END WHERE id = ?",
                (now, title_of(entry), self._session_id),
            )
        self._last_seq += 1

    def hold(self, call_id: str) -> None:
        """Take back a call's mark. Raises: StoreError."""
        with self._write() as connection:
            connection.execute("DELETE FROM started WHERE session_id = ? AND call_id = ?", (self._session_id, call_id))

    def start(self, call_id: str) -> None:
        """Mark a call as started. Raises: StoreError."""
        with self._write() as connection:
            connection.execute(_INSERT_STARTED, (self._session_id, call_id))

    def close(self) -> None:
        """Release the lock; a second time does nothing."""
        if self._lock is not None:
            self._lock.release()
        self._lock = None

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        if self._lock is None:
            raise StoreError(
                f"session {self._session_id!r} was opened for reading or is closed; resume it to go on writing"
            )
        with self._database.write() as connection:
            yield connection


def title_of(entry: Entry) -> str:
    """Return the start of a user message on one line, of any other entry nothing."""
    if not isinstance(entry, Message) or entry.role != "user":
        return ""
    line = " ".join(storable(entry.content[: 10 * TITLE_LENGTH]).split())
    return "".join(character for character in line if character.isprintable())[:TITLE_LENGTH]
