"""What a terminal is shown of a model's or a tool's text."""

from __future__ import annotations

import pytest

from servr.terminal.text import one_line, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 🦙\n\tx", "plain ä 🦙\n\tx"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("over\rwritten\x08\x07", "overwritten"),
        ("\x9b31mred", "31mred"),
        ("\x1b", ""),
        ("rm\u202e -rf\u200b", "rm<U+202E> -rf<U+200B>"),
    ],
)
def test_no_control_sequence_reaches_the_terminal(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_one_line_marks_what_it_cuts() -> None:
    assert one_line("a\n b\tc", 10) == "a b c"
    assert one_line("a" * 20, 10) == "a" * 9 + "…"
    assert one_line("abc", 1) == "…"
