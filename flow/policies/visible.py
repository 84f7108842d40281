"""A command turned into text that shows all of it: nothing in it can hide, move the cursor or push the rest away."""

from __future__ import annotations

import re
import textwrap
import unicodedata

WIDTH = 100
LONGEST = 8_000  # characters that a person can be expected to read before a yes

# Drawn as nothing or as a blank, though Unicode counts them among letters, marks and symbols.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_MANY_BLANKS = re.compile(r" {9,}")
_MANY_LINES = re.compile(r"\n(?:[ ]*\n){3,}")


def show(command: str) -> str:
    """Return every character of a command, in lines of bounded width that begin with `| `, or `+ ` going on.

    What is not printed, or not to be told from a blank, stands there as its code point; long gaps as their length.
    """
    text = "".join(map(_seen, command))
    text = _MANY_BLANKS.sub(lambda gap: f" <{len(gap[0])} blanks> ", text)
    text = _MANY_LINES.sub(lambda gap: f"\n<{gap[0].count(chr(10)) - 1} empty lines>\n", text)
    shown = []
    for line in text.split("\n"):
        parts = [line[start : start + WIDTH] for start in range(0, len(line), WIDTH)] or [""]
        shown += [("  + " if index else "  | ") + part for index, part in enumerate(parts)]
    return "\n".join(shown)


def sentence(text: str) -> str:
    """Return words about a command, with nothing invisible in what they quote of it, short enough to be read."""
    return textwrap.shorten("".join(map(_seen, text)), 600, placeholder=" ...")


def _seen(character: str) -> str:
    if character in "\n ":
        return character
    if character.isprintable() and not _BLANK.match(character) and not unicodedata.category(character).startswith("Z"):
        return character
    return f"<U+{ord(character):04X}>"
