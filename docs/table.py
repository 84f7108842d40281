"""Turns rows into a Markdown table and names the program that wrote a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

WRITTEN = "<!-- Written by `python -m docs.generate` from {source}; do not edit. -->\n"


def page(source: str, *blocks: str) -> str:
    """Join blocks to a page that begins with where it comes from."""
    return "\n".join([WRITTEN.format(source=source), *(f"{block}\n" for block in blocks)])


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def code(text: str) -> str:
    """Mark text as code; nothing stays nothing."""
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
