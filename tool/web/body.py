"""Compressed bytes off the wire turned into the bytes of a body, never more of them than a limit."""

from __future__ import annotations

import zlib

from core.errors import ToolError

ENCODINGS = "gzip, deflate"  # what is asked for
_ANY_HEADER = 32 + zlib.MAX_WBITS  # zlib finds out whether it is gzip or zlib


class Body:
    """A body as it grows. Both what arrives and what it unpacks to are held to `limit` bytes."""

    def __init__(self, encoding: str, limit: int) -> None:
        """`encoding` is the Content-Encoding header. Raises: ToolError for one that was not asked for."""
        self._encoding = encoding.strip().lower()
        if self._encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise ToolError(f"the server sent the encoding {encoding!r} although only {ENCODINGS} were asked for")
        self._unpack = None if self._encoding in ("", "identity") else zlib.decompressobj(_ANY_HEADER)
        self._limit = limit
        self._arrived = 0
        self._data = bytearray()
        self.is_cut = False  # whether there was more

    def write(self, piece: bytes) -> bool:
        """Take bytes off the wire; return whether there is room for more. Raises: ToolError for a broken stream."""
        self._arrived += len(piece)
        room = self._limit - len(self._data)
        # One byte beyond the room shows that there is more.
        self._data += self._unpacked(piece, room + 1) if self._unpack else piece[: room + 1]
        self.is_cut = len(self._data) > self._limit or self._arrived > self._limit
        del self._data[self._limit :]
        return not self.is_cut

    def finish(self) -> bytes:
        """Return the whole body. Raises: ToolError when it ended in the middle of what was packed."""
        if self._unpack and self._arrived and not self.is_cut and not self._unpack.eof:
            raise ToolError(f"the server's {self._encoding} data ends too early; try again")
        return bytes(self._data)

    def _unpacked(self, piece: bytes, most: int) -> bytes:
        assert self._unpack
        if self._arrived == len(piece) and self._encoding == "deflate" and not _has_zlib_header(piece):
            self._unpack = zlib.decompressobj(-zlib.MAX_WBITS)  # some servers leave the header away
        try:
            return self._unpack.decompress(piece, most)
        except zlib.error as error:
            raise ToolError(f"the server's {self._encoding} data is broken: {error}") from error


def _has_zlib_header(data: bytes) -> bool:
    """Source: RFC 1950, section 2.2."""
    return len(data) >= 2 and data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
