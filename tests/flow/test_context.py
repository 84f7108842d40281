"""The projection of a session to a request."""

from __future__ import annotations

from core.types import Entry, Message, Notice
from flow.context import STOPPED, project
from tests.fakes import calls, says, session


def shown(*entries: Entry) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in project(session(*entries)).messages]


def test_a_notice_never_becomes_a_message_of_its_own() -> None:
    entries = (Message("user", "a"), calls(("read", {})), Message("tool", "r", call_id="c1"), Notice("mind"))
    assert shown(*entries)[-1] == ("tool", "r\n\n[notice] mind")


def test_a_notice_after_an_answer_waits_for_the_next_user_message() -> None:
    assert shown(Message("user", "a"), says("b"), Notice("mind"), Message("user", "c")) == [
        ("user", "a"),
        ("assistant", "b"),
        ("user", "[notice] mind\n\nc"),
    ]
    assert shown(Message("user", "a"), says("b"), Notice("mind")) == [("user", "a"), ("assistant", "b")]


def test_an_empty_reply_is_left_out_and_users_take_turns_with_the_assistant() -> None:
    assert shown(Message("user", "a"), says(""), Message("user", "b")) == [("user", "a\n\nb")]


def test_a_stopped_reply_says_so() -> None:
    assert shown(Message("user", "a"), says("half", "cancelled")) == [
        ("user", "a"),
        ("assistant", f"half\n\n{STOPPED}"),
    ]
    assert shown(Message("user", "a"), says("", "cancelled"))[1] == ("assistant", STOPPED)


def test_the_projection_only_appends() -> None:
    """What one request sent, the next sends again byte for byte, up to the end of its newest message."""
    entries: list[Entry] = [
        Message("user", "one"),
        says(""),
        Notice("empty"),
        calls(("read", {"p": "a"})),
        Message("tool", "r1", call_id="c1"),
        Notice("repeated"),
        calls(("write", {}), first_id=2),
        Message("tool", "r2", call_id="c2", is_error=True),
        says("answer"),
        Notice("later"),
        Message("user", "two"),
        says("half", "cancelled"),
        Message("user", "three"),
    ]
    before = ""
    for count in range(1, len(entries) + 1):
        body = "|".join(f"{m.role} {m.tool_calls} {m.content}" for m in project(session(*entries[:count])).messages)
        assert body.startswith(before), f"entry {count} changed what was sent before"
        before = body
