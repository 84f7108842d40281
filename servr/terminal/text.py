"""Make text from a model or a tool safe to show: no escape sequence of theirs reaches the terminal."""

from __future__ import annotations

import re

# CSI and OSC sequences as a whole, then every other control character but newline and tab.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Characters that reorder or hide what a person reads.
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def plain(text: str) -> str:
    """Remove terminal control from `text` and show invisible characters as their code points."""
    return _INVISIBLE.sub(lambda match: f"<U+{ord(match[0]):04X}>", _ESCAPES.sub("", text))


def one_line(text: str, width: int) -> str:
    """Return `text` on one line of at most `width` characters, with what is cut off marked."""
    return cut(" ".join(plain(text).split()), width)


def cut(line: str, width: int) -> str:
    """Return a line's first `width` characters, columns and indentation as they are."""
    line = line.expandtabs()
    return line if len(line) <= width else line[: max(0, width - 1)] + "…"
