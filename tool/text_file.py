"""An open file of any size turned into a page of numbered lines, or into what it is when it is no text."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

from core.errors import ToolError

_PAGE = 7000  # bytes of numbered lines; with the notes it fits one tool result
_LINE = 2000  # bytes of one line
_SNIFFED = 8192
_CHUNK = 65536

_BOMS = {b"\xef\xbb\xbf": "UTF-8", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_MAGIC = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive (or a document in that form)",
    b"\x1f\x8b": "gzip data",
    b"\xfd7zXZ": "xz data",
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"\x7fELF": "a Linux program or library",
    b"MZ": "a Windows program",
    b"SQLite format 3": "a SQLite database",
    b"GGUF": "a GGUF model",
}


def read_page(file: io.BufferedReader, path: str, offset: int, limit: int) -> str:
    """Return at most `limit` lines from line `offset` on, numbered, ending in what was left out and how to get it.

    Reads no more of the file than that, and holds no more than a page. Raises: ToolError if it is no text, or shorter.
    """
    size = os.fstat(file.fileno()).st_size
    start = file.peek(_SNIFFED)[:_SNIFFED]
    bom = next((mark for mark in _BOMS if start.startswith(mark)), b"")
    if _BOMS.get(bom) == "UTF-16":
        raise ToolError(f"{path!r} is UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8 {path} > {path}.utf8")
    if b"\0" in start:
        kind = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), "of an unknown kind")
        raise ToolError(f"{path!r} is binary, not text: {size} bytes, {kind}")
    file.read(len(bom))
    page = _Page(offset, limit)
    for number, (line, length) in enumerate(_lines(file), 1):
        if number >= offset and not page.add(number, line, length):
            break
    if not page.lines:
        return _nothing(path, size, offset, page.seen)
    return page.text(path, size, bool(bom))


class _Page:
    """Numbered lines until there are enough of them, and what was noticed on the way."""

    def __init__(self, offset: int, limit: int) -> None:
        self.lines: list[str] = []
        self.seen = 0
        self._offset, self._limit = offset, limit
        self._room = _PAGE
        self._next = 0
        self._crlf = self._latin1 = False

    def add(self, number: int, line: bytes, length: int) -> bool:
        """Take a line; return False if it no longer fits."""
        text = self._decode(line, length)
        numbered = f"{number}\t{text}"
        self._room -= len(numbered.encode()) + 1
        if len(self.lines) == self._limit or (self._room < 0 and self.lines):
            self._next = number
            return False
        self._crlf = self._crlf or line.endswith(b"\r\n")
        self.lines.append(numbered)
        return True

    def text(self, path: str, size: int, has_bom: bool) -> str:
        """Return the page with its last line."""
        notes = []
        if self._next:
            more = f'next: read_file(path="{path}", offset={self._next})'
            notes.append(f"lines {self._offset} to {self._next - 1} of a file of {size} bytes; {more}")
        if self._crlf:
            notes.append("lines end in CRLF")
        if self._latin1:
            notes.append("not UTF-8, shown as Latin-1")
        if has_bom:
            notes.append("begins with a UTF-8 byte order mark")
        return "\n".join([*self.lines, *([f"[{'; '.join(notes)}]"] if notes else [])])

    def _decode(self, line: bytes, length: int) -> str:
        cut = length > len(line)
        text = line.rstrip(b"\r\n")
        try:
            decoded = text.decode("utf-8", "ignore" if cut else "strict")
        except UnicodeDecodeError:
            decoded, self._latin1 = text.decode("latin-1"), True
        return f"{decoded} [line cut: {length} bytes]" if cut else decoded


def _lines(file: io.BufferedReader) -> Iterator[tuple[bytes, int]]:
    """Yield each line's first bytes and its whole length."""
    while line := file.readline(_LINE):
        length = len(line)
        rest = line
        while not rest.endswith(b"\n") and (rest := file.readline(_CHUNK)):
            length += len(rest)
        yield line, length


def _nothing(path: str, size: int, offset: int, seen: int) -> str:
    if size == 0:
        return f"[{path!r} is empty]"
    raise ToolError(f"{path!r} has no line {offset}; read it from offset=1")
