"""Tool outputs of any size turned into chunks of the database, and pages read back from them by byte offset."""

from __future__ import annotations

import time

from core.errors import ToolError
from core.protocols import OutputPage
from store.database import Database

CHUNK_BYTES = 64 * 1024
_NAMED_AT_MOST = 5  # handles listed when one is unknown


class SessionOutputs:
    """The long outputs of one session, under the handles `out1`, `out2`, ..."""

    def __init__(self, database: Database, session_id: str) -> None:
        self._database = database
        self._session_id = session_id

    def create(self) -> ChunkWriter:
        """Begin an output under a handle that no other process has or had. Raises: StoreError."""
        with self._database.write() as connection:
            output_id = connection.execute("INSERT INTO output (created) VALUES (?)", (time.time(),)).lastrowid
            ((number,),) = connection.execute(
                "INSERT INTO output_handle (session_id, number, output_id)"
                " SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM output_handle WHERE session_id = ?1"
                " RETURNING number",
                (self._session_id, output_id),
            ).fetchall()
        assert output_id is not None
        return ChunkWriter(self._database, f"out{number}", output_id)

    def read(self, handle: str, offset: int, limit: int) -> OutputPage:
        """Return at most `limit` bytes from `offset`, or an empty page at the end if it lies past it.

        Raises: ToolError for an unknown handle, StoreError.
        """
        output_id = self._find(handle)
        total = self._total(output_id)
        offset = min(max(offset, 0), total)
        end = min(offset + max(limit, 0), total)
        return OutputPage(self._bytes(output_id, offset, end), offset, total)

    def _find(self, handle: str) -> int:
        with self._database.read() as connection:
            known = connection.execute(
                "SELECT 'out' || number, output_id FROM output_handle WHERE session_id = ? ORDER BY number",
                (self._session_id,),
            ).fetchall()
        for name, output_id in known:
            if name == handle:
                return int(output_id)
        names = ", ".join(name for name, _ in known[-_NAMED_AT_MOST:])
        there_are = "there are: " if len(known) <= _NAMED_AT_MOST else "the newest are: "
        raise ToolError(f"no output {handle!r}; {there_are + names if known else 'there is none yet'}")

    def _total(self, output_id: int) -> int:
        with self._database.read() as connection:
            last = connection.execute(
                "SELECT start + length(data) FROM output_chunk WHERE output_id = ? ORDER BY start DESC LIMIT 1",
                (output_id,),
            ).fetchone()
        return last[0] if last else 0

    def _bytes(self, output_id: int, offset: int, end: int) -> bytes:
        with self._database.read() as connection:
            chunks = connection.execute(
                "SELECT start, data FROM output_chunk WHERE output_id = ?1 AND start < ?3 AND start >="
                " (SELECT max(start) FROM output_chunk WHERE output_id = ?1 AND start <= ?2) ORDER BY start",
                (output_id, offset, end),
            ).fetchall()
        return b"".join(data[max(offset - start, 0) : end - start] for start, data in chunks)


class ChunkWriter:
    """An output on its way to disk, a chunk at a time: memory holds less than one. Used by one thread at a time."""

    def __init__(self, database: Database, handle: str, output_id: int) -> None:
        self._database = database
        self._handle = handle
        self._output_id = output_id
        self._start = 0  # of the chunk that is being filled
        self._chunk = bytearray()

    @property
    def handle(self) -> str:
        """The name under which it can be read."""
        return self._handle

    def write(self, data: bytes) -> None:
        """Append bytes. Raises: StoreError."""
        rest = memoryview(data)
        while rest:
            room = CHUNK_BYTES - len(self._chunk)
            self._chunk += rest[:room]
            rest = rest[room:]
            if len(self._chunk) == CHUNK_BYTES:
                self._flush()

    def close(self) -> None:
        """Write what is left. Raises: StoreError."""
        if self._chunk:
            self._flush()

    def _flush(self) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO output_chunk (output_id, start, data) VALUES (?, ?, ?)",
                (self._output_id, self._start, self._chunk),
            )
        self._start += len(self._chunk)
        self._chunk.clear()
