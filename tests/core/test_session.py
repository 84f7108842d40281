"""What a session knows of itself."""

from __future__ import annotations

import pytest

from core.errors import StoreError
from core.types import Message, Notice
from tests.fakes import MemoryLog, calls, says, session

ASKED = Message("user", "do it")
RESULT = Message("tool", "r", call_id="c1")


def test_a_session_without_messages_has_nothing_to_do() -> None:
    assert session().is_answered()


def test_pending_calls_are_those_without_a_result() -> None:
    assert session(ASKED).pending_calls() == ()
    two = calls(("read", {}), ("write", {}))
    assert [c.id for c in session(ASKED, two).pending_calls()] == ["c1", "c2"]
    assert [c.id for c in session(ASKED, two, RESULT, Notice("n")).pending_calls()] == ["c2"]
    assert session(ASKED, two, RESULT, Message("tool", "r", call_id="c2")).pending_calls() == ()


def test_only_a_reply_that_says_something_ends_a_turn() -> None:
    assert session(ASKED, says("done")).is_answered()
    assert session(ASKED, says("", "cancelled")).is_answered()
    assert session(ASKED, says("", "refused")).is_answered()
    for last in (ASKED, says(""), says("half", "length"), calls(("read", {})), Message("assistant", reasoning="hm")):
        assert not session(ASKED, last).is_answered()
    assert not session(ASKED, calls(("read", {})), RESULT).is_answered()


def test_the_turn_begins_with_the_newest_user_message() -> None:
    entries = (ASKED, says("one"), Message("user", "more"), Notice("n"), says("two"))
    assert list(session(*entries).turn()) == list(entries[2:])


def test_what_cannot_be_saved_is_not_remembered() -> None:
    log = MemoryLog()
    log.fails = True
    full = session(ASKED, log=log)
    with pytest.raises(StoreError):
        full.append(says("lost"))
    assert list(full.messages) == [ASKED]
