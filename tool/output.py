"""Output of any size turned into a text small enough for a model, with the whole kept where it can be paged."""

from __future__ import annotations

import re

from core.protocols import OutputStore, OutputWriter

OUTPUT_LIMIT = 8000  # UTF-8 bytes of one tool result
MARKER_ROOM = 200  # the longest line that tells what is left out

# CSI; then OSC, DCS, SOS, PM and APC strings, which a broken program may leave open; then two-character escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(data: bytes) -> str:
    """Decode, replacing what is no UTF-8 and dropping terminal escapes and control characters but newline and tab."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def bound(text: str, outputs: OutputStore, limit: int = OUTPUT_LIMIT) -> str:
    """Return `text`, cleaned, or its head and tail when it is over `limit` bytes and the whole is in the store."""
    output = BoundedOutput(outputs, limit)
    output.write(text.encode("utf-8", "replace"))
    return output.text()


class BoundedOutput:
    """Bytes on their way to a model. Memory holds head and tail; the store gets everything once it is too much."""

    def __init__(self, outputs: OutputStore, limit: int = OUTPUT_LIMIT) -> None:
        self._outputs = outputs
        self._limit = limit
        self._writer: OutputWriter | None = None
        self._head = bytearray()  # everything until there is a writer, then the first `limit` bytes
        self._tail = bytearray()  # at least the last `limit` bytes, once there is a writer
        self._total = 0

    def write(self, data: bytes) -> None:
        """Append bytes. Raises: StoreError."""
        self._total += len(data)
        if self._writer is None:
            self._head += data
            if len(self._head) > self._limit:
                self._writer = self._spill()
            return
        self._writer.write(data)
        self._tail += data[-self._limit :]
        if len(self._tail) > 4 * self._limit:
            del self._tail[: -self._limit]

    def text(self) -> str:
        """Return everything, or head, marker and tail: at most `limit` bytes. Ends the writing."""
        if self._writer is None:
            text = clean(bytes(self._head))
            if len(text.encode()) <= self._limit:
                return text
            self._writer = self._spill()  # bytes that are no text grow when they are replaced
        self._writer.close()
        return self._head_and_tail(self._writer.handle)

    def close(self) -> None:
        """End the writing without asking for the text, as after a cancellation."""
        if self._writer is not None:
            self._writer.close()

    def _spill(self) -> OutputWriter:
        writer = self._outputs.create()
        writer.write(bytes(self._head))
        self._tail = self._head[-self._limit :]
        del self._head[self._limit :]
        return writer

    def _head_and_tail(self, handle: str) -> str:
        budget = self._limit - MARKER_ROOM
        head = fit_start(bytes(self._head), budget * 2 // 5)
        # What went wrong usually stands at the end, so the tail gets the larger part.
        tail = fit_end(bytes(self._tail), budget * 3 // 5)
        left_out = self._total - len(head) - len(tail)
        marker = (
            f"[{self._total} bytes in all, {left_out} left out here;"
            f' next: read_output(handle="{handle}", offset={len(head)})]'
        )
        before = clean(head)
        return before + ("" if before.endswith("\n") or not before else "\n") + marker + "\n" + clean(tail)


def fit_start(data: bytes, budget: int) -> bytes:
    """Return as much of the start as cleans to `budget` bytes, cut after a line if one ends in its second half."""
    size = min(len(data), budget)
    while size:
        size = _boundary_before(data, size)
        length = len(clean(data[:size]).encode())
        if length <= budget:
            break
        size = min(size - 1, size * budget // length)
    return data[:size]


def fit_end(data: bytes, budget: int) -> bytes:
    """Return as much of the end as cleans to `budget` bytes, from the start of a line if one is in its first half."""
    size = min(len(data), budget)
    while size:
        size = len(data) - _boundary_after(data, len(data) - size)
        length = len(clean(data[len(data) - size :]).encode())
        if length <= budget:
            break
        size = min(size - 1, size * budget // length)
    return data[len(data) - size :]


def skip_partial_character(data: bytes) -> bytes:
    """Drop the rest of a character that begins before `data`."""
    return data[_character_start(data, 0) :]


def _boundary_before(data: bytes, end: int) -> int:
    if end == len(data):
        return end
    newline = data.rfind(b"\n", end // 2, end)
    if newline >= 0:
        return newline + 1
    for back in range(4):
        if back < end and data[end - back] & 0xC0 != 0x80:
            return end - back
    return end  # four continuation bytes in a row are no UTF-8, so no character is cut


def _boundary_after(data: bytes, start: int) -> int:
    if start == 0:
        return start
    newline = data.find(b"\n", start - 1, start + (len(data) - start) // 2)
    return newline + 1 if newline >= 0 else _character_start(data, start)


def _character_start(data: bytes, start: int) -> int:
    for ahead in range(start, min(start + 4, len(data))):
        if data[ahead] & 0xC0 != 0x80:
            return ahead
    return start
