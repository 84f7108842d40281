"""Streamed text breaks between words."""

from __future__ import annotations

import pytest

from servr.terminal.wrap import Wrapper

TEXT = "The quick brown fox\njumps  over averyverylongword and\n\n  stops.\n"


def wrapped(text: str, width: int, size: int) -> str:
    wrapper = Wrapper(width)
    pieces = [wrapper.feed(text[at : at + size]) for at in range(0, len(text), size)]
    return "".join(pieces) + wrapper.finish()


@pytest.mark.parametrize("size", range(1, len(TEXT) + 1))
def test_it_looks_the_same_wherever_the_stream_splits(size: int) -> None:
    assert wrapped(TEXT, 10, size) == wrapped(TEXT, 10, len(TEXT))


def test_a_word_that_does_not_fit_begins_the_next_line() -> None:
    assert wrapped("The quick brown fox", 10, 3) == "The quick \nbrown fox"
    assert wrapped("a\nb c\n", 10, 1) == "a\nb c\n"


def test_a_word_longer_than_a_line_is_left_to_the_terminal() -> None:
    assert wrapped("x" * 25 + " y", 10, 4) == "x" * 25 + " y"


def test_a_word_is_shown_only_when_it_is_whole() -> None:
    wrapper = Wrapper(10)
    assert [wrapper.feed("one tw"), wrapper.feed("o th"), wrapper.finish()] == ["one ", "two ", "th"]
    assert wrapper.in_line
