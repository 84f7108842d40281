"""A handle and an offset turned into a page of a long output that is kept in the store."""

from __future__ import annotations

from typing import Annotated

from core.errors import ToolError
from core.protocols import OutputStore
from core.types import Effect
from tool.declare import Tool, tool
from tool.output import clean, fit_start, skip_partial_character

_SMALLEST, _LARGEST = 100, 7000  # bytes of a page; with its last line it fits one tool result


def read_output_tool(outputs: OutputStore) -> Tool:
    """Make the tool that pages through `outputs`."""

    @tool(effect=Effect.READS)
    def read_output(
        handle: Annotated[str, "such as out3"],
        offset: Annotated[int, "first byte, from 0"] = 0,
        limit: Annotated[int, "most bytes to return"] = 4000,
    ) -> str:
        """Read on in a long output that was cut."""
        offset = max(0, offset)
        limit = max(_SMALLEST, min(limit, _LARGEST))
        page = outputs.read(handle, offset, limit)
        if offset > page.total:
            raise ToolError(f"offset {offset} is past the end: {handle!r} has {page.total} bytes")
        data = skip_partial_character(page.data)
        start = page.offset + len(page.data) - len(data)
        shown = fit_start(data, limit) if page.offset + len(page.data) == page.total else _whole(data, limit)
        end = start + len(shown)
        text = clean(shown)
        rest = f'next: read_output(handle="{handle}", offset={end})' if end < page.total else "this is the end"
        separator = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{separator}[bytes {start} to {end} of {page.total}; {rest}]"

    return read_output


def _whole(data: bytes, limit: int) -> bytes:
    """Cut a page that is not the last before its last, perhaps unfinished, character, or better after a line."""
    return fit_start(data, min(limit, len(data) - 1))
