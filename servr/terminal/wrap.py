"""Break streamed text between words, though it arrives in pieces that end anywhere."""

from __future__ import annotations

import re

_PIECES = re.compile(r"\n|[^\S\n]+|\S+")


class Wrapper:
    """Feeds on pieces and returns what can be shown; a word is held back until it is whole.

    Widths are counted in characters, so text in wide characters is left to the terminal's own wrapping.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._column = 0
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what is ready to be shown, with line breaks put in."""
        pieces = _PIECES.findall(self._held + text)
        whole = len(pieces) - 1 if pieces and not pieces[-1].isspace() else len(pieces)
        self._held = "".join(pieces[whole:])
        return "".join(self._place(piece) for piece in pieces[:whole])

    def finish(self) -> str:
        """Return what was held back."""
        held, self._held = self._held, ""
        return self._place(held)

    @property
    def in_line(self) -> bool:
        """Whether the cursor stands behind text."""
        return self._column > 0

    def _place(self, piece: str) -> str:
        if piece == "\n":
            self._column = 0
            return piece
        breaks = not piece.isspace() and self._column > 0 and self._column + len(piece) > self._width
        end = (0 if breaks else self._column) + len(piece)
        self._column = (end - 1) % self._width + 1 if end else 0  # the terminal wraps what is longer than a line
        return "\n" + piece if breaks else piece
