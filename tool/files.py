"""Files of the workspace turned into text a model can read, and text into files."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated

from core.errors import ToolError
from core.types import Effect
from tool.beneath import Entry, Root
from tool.declare import Tool, tool
from tool.path_errors import NoSuchPath, explained
from tool.text_file import read_page

_MOST_ENTRIES = 200  # of one listing


def file_tools(root: Root) -> list[Tool]:
    """Make the tools that list, read and write what lies beneath `root`."""

    @tool(effect=Effect.READS)
    def list_files(
        path: Annotated[str, "a folder, relative to the workspace"] = ".",
        depth: Annotated[int, "levels of folders to show"] = 1,
        offset: Annotated[int, "entries to skip"] = 0,
    ) -> str:
        """List a folder: folders end in /, files have their size."""
        lines = _lines(root, path, max(1, depth))
        shown = list(itertools.islice(lines, max(0, offset), max(0, offset) + _MOST_ENTRIES))
        if not shown:
            return f"[nothing after entry {offset}]" if offset > 0 else f"[{path!r} is empty]"
        if next(lines, None) is not None:
            call = f'list_files(path="{path}", depth={max(1, depth)}, offset={max(0, offset) + _MOST_ENTRIES})'
            shown.append(f"[there are more; next: {call}]")
        return "\n".join(shown)

    @tool(effect=Effect.READS)
    def read_file(
        path: Annotated[str, "relative to the workspace"],
        offset: Annotated[int, "first line, from 1"] = 1,
        limit: Annotated[int, "most lines to return"] = 400,
    ) -> str:
        """Read lines of a text file, each after its number and a tab, which are not part of the file."""
        with root.open_file(path) as file, explained(path):
            return read_page(file, path, max(1, offset), max(1, limit))

    @tool(effect=Effect.WRITES)
    def write_file(
        path: Annotated[str, "relative to the workspace"],
        content: Annotated[str, "the whole new text of the file"],
    ) -> str:
        """Create a file, with its folders, or replace one."""
        try:
            data = content.encode()
        except UnicodeEncodeError as error:
            raise ToolError(f"the content has half a character at {error.start}; write it again") from error
        lines = content.count("\n") + (not content.endswith("\n") and bool(content))
        size = f"{_count(lines, 'line')}, {_count(len(data), 'byte')}"
        if _holds(root, path, data):
            return f"{path!r} already has this content: {size}; nothing changed"
        created = root.write_atomically(path, data)
        return f"{'created' if created else 'replaced'} {path!r}: {size}"

    return [list_files, read_file, write_file]


def _lines(root: Root, path: str, depth: int, indent: str = "") -> Iterator[str]:
    """Yield a line per entry, a folder's own entries indented below it."""
    for entry in root.entries(path):
        yield indent + _line(entry)
        if entry.is_folder and depth > 1:
            try:
                yield from _lines(root, f"{path}/{entry.name}", depth - 1, indent + "  ")
            except ToolError as error:
                yield f"{indent}  [{error}]"


def _line(entry: Entry) -> str:
    # A name may hold a line break or an escape; shown as it is, it would look like other entries.
    name, target = (text if text.isprintable() else repr(text) for text in (entry.name, entry.target))
    if entry.is_folder:
        return f"{name}/"
    return f"{name} -> {target}" if target else f"{name} ({_size(entry.size)})"


def _holds(root: Root, path: str, data: bytes) -> bool:
    """Whether the file is there with exactly this content."""
    try:
        with root.open_file(path) as file, explained(path):
            return file.read(len(data) + 1) == data
    except NoSuchPath:
        return False


def _size(size: int) -> str:
    """Write a size in the largest unit it fills."""
    power = min(max(size.bit_length() - 1, 0) // 10, 3)
    return f"{size / 1024**power:.1f} {'KMG'[power - 1]}B" if power else _count(size, "byte")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
