"""Sessions turned into rows of the database, and back: begun, loaded, forked, listed, followed."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.errors import StoreError, UsageError
from core.protocols import OutputStore
from core.session import Session
from core.types import Entry, Head, SessionSummary
from store.database import Database
from store.entries import decode, storable
from store.lock import SessionLock, lock_session
from store.outputs import SessionOutputs
from store.session_log import JournalLog

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # 32 characters that are hard to mistake for each other
_NAMED_AT_MOST = 5  # sessions listed when a prefix fits several
_SUMMARY = (
    "SELECT id, title, workspace, model, created, updated,"
    " (SELECT count(*) FROM entry WHERE session_id = session.id AND kind = 'message') FROM session"
)


def new_session_id() -> str:
    """Return an id such as `20261120-131522-k3f9`; ids sort by time, which is UTC and so never jumps back."""
    suffix = "".join(_ALPHABET[byte % 32] for byte in os.urandom(4))
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{suffix}"


class SessionJournal:
    """The sessions of one database. An id may be given by any beginning that fits only one."""

    def __init__(self, database: Database, lock_dir: Path) -> None:
        self._database = database
        self._lock_dir = lock_dir

    def begin(self, session_id: str, head: Head, workspace: str, model: str) -> Session:
        """Create a session and lock it. Raises: StoreError."""
        head = Head(storable(head.system), storable(head.tools))
        with self._locked(session_id) as lock:
            with self._database.write() as connection:
                if connection.execute("SELECT 1 FROM session WHERE id = ?", (session_id,)).fetchone():
                    raise StoreError(f"there is a session {session_id!r} already; resume it, or take another id")
                _insert(connection, session_id, "", storable(workspace), storable(model), None)
                connection.execute(
                    "INSERT INTO head (session_id, system, tools) VALUES (?, ?, ?)",
                    (session_id, head.system, head.tools),
                )
            return Session(session_id, head, JournalLog(self._database, session_id, 0, lock))

    def open(self, session_id: str) -> Session:
        """Lock and load a session. Raises: UsageError, SessionInUse, StoreError."""
        session_id = self.find(session_id).id
        with self._locked(session_id) as lock:  # before loading: its last writer may be saving still
            return self._load(session_id, lock)

    def peek(self, session_id: str) -> Session:
        """Load a session for reading. Raises: UsageError, StoreError."""
        return self._load(self.find(session_id).id, None)

    def fork(self, session_id: str) -> Session:
        """Copy a session up to its last finished step into a new one, and lock that. Raises: UsageError, StoreError."""
        source = self.peek(session_id)
        finished = len(source.entries)
        if source.pending_calls():
            reply = source.last_reply()
            finished = next(index for index, entry in enumerate(source.entries) if entry is reply)
        copy = new_session_id()
        with self._locked(copy) as lock:
            with self._database.write() as connection:
                _copy(connection, source.id, copy, finished)
            return self._load(copy, lock)

    def list(self, limit: int) -> Sequence[SessionSummary]:
        """Return the newest sessions first. Raises: StoreError."""
        return self._summaries("ORDER BY updated DESC, id DESC LIMIT ?", limit)

    def find(self, session_id: str) -> SessionSummary:
        """Return the session whose id this is or begins with. Raises: UsageError, StoreError."""
        wanted = storable(session_id)
        found = self._summaries("WHERE id = ?", wanted) or self._summaries(
            "WHERE substr(id, 1, length(?1)) = ?1 ORDER BY updated DESC LIMIT ?2", wanted, _NAMED_AT_MOST
        )
        if len(found) > 1:
            names = ", ".join(summary.id for summary in found)
            raise UsageError(f"several sessions begin with {session_id!r}: {names}; give more of the id")
        if not found:
            raise UsageError(f"no session {session_id!r}; `python cli.py sessions` lists them")
        return found[0]

    def entries_after(self, session_id: str, seq: int) -> Sequence[tuple[int, Entry]]:
        """Return the entries numbered above `seq`; the whole id must be given. Raises: StoreError."""
        with self._database.read() as connection:
            # As bytes, because the module's own decoding fails without saying which row it was.
            rows = connection.execute(
                "SELECT seq, kind, CAST(payload AS BLOB) FROM entry WHERE session_id = ? AND seq > ? ORDER BY seq",
                (session_id, seq),
            ).fetchall()
        return [(number, decode(session_id, number, kind, payload)) for number, kind, payload in rows]

    def outputs(self, session_id: str) -> OutputStore:
        """Return the long outputs of one session; the whole id must be given."""
        return SessionOutputs(self._database, session_id)

    def close(self) -> None:
        """Close the database; locks are released by their sessions."""
        self._database.close()

    def _load(self, session_id: str, lock: SessionLock | None) -> Session:
        numbered = self.entries_after(session_id, 0)
        with self._database.read() as connection:
            heads = connection.execute("SELECT system, tools FROM head WHERE session_id = ?", (session_id,)).fetchall()
            marks = connection.execute("SELECT call_id FROM started WHERE session_id = ?", (session_id,)).fetchall()
        if not heads:
            raise StoreError(f"session {session_id!r} has lost its system prompt; begin a new session")
        log = JournalLog(self._database, session_id, numbered[-1][0] if numbered else 0, lock)
        in_doubt = [call_id for (call_id,) in marks] if lock else []
        return Session(session_id, Head(*heads[0]), log, [entry for _, entry in numbered], in_doubt)

    def _summaries(self, clause: str, *values: object) -> Sequence[SessionSummary]:
        with self._database.read() as connection:
            return [SessionSummary(*row) for row in connection.execute(f"{_SUMMARY} {clause}", values)]

    @contextmanager
    def _locked(self, session_id: str) -> Iterator[SessionLock]:
        """Lock a session, and unlock it again if what follows fails."""
        lock = lock_session(self._lock_dir, session_id)
        succeeded = False
        try:
            yield lock
            succeeded = True
        finally:
            if not succeeded:
                lock.release()


def _insert(
    connection: sqlite3.Connection, session_id: str, title: str, workspace: str, model: str, parent: str | None
) -> None:
    now = time.time()
    connection.execute(
        "INSERT INTO session (id, created, updated, title, workspace, model, parent) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (session_id, now, now, title, workspace, model, parent),
    )


def _copy(connection: sqlite3.Connection, source: str, copy: str, entries: int) -> None:
    """Copy a session's rows, its first `entries` entries among them."""
    title, workspace, model = connection.execute(
        "SELECT title, workspace, model FROM session WHERE id = ?", (source,)
    ).fetchone()
    _insert(connection, copy, title, workspace, model, source)
    connection.execute(
        "INSERT INTO head (session_id, system, tools) SELECT ?, system, tools FROM head WHERE session_id = ?",
        (copy, source),
    )
    connection.execute(
        "INSERT INTO entry (session_id, seq, kind, payload, created)"
        " SELECT ?, seq, kind, payload, created FROM entry WHERE session_id = ? ORDER BY seq LIMIT ?",
        (copy, source, entries),
    )
    connection.execute(
        "INSERT INTO output_handle (session_id, number, output_id)"
        " SELECT ?, number, output_id FROM output_handle WHERE session_id = ?",
        (copy, source),
    )
