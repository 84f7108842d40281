"""Messages and events as JSON, and back."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from core.encoding import event_to_dict, make_head, message_from_dict, message_to_dict, to_json
from core.events import CallFinished, Event, Replied, TextDelta
from core.types import Message, ToolCall, ToolResult, ToolSpec, Usage

MESSAGES = [
    Message("user", "stop"),  # a text that equals another field's default
    Message("user", ""),
    Message("assistant", "ja, natürlich \u2028 \x00 🦙"),
    Message("assistant", reasoning="hm", finish="length", usage=Usage(prompt_tokens=0, cached_tokens=3, prompt_s=0.5)),
    Message("assistant", tool_calls=(ToolCall("a", "f", {"x": [1, None]}), ToolCall("b", "f", {}, "no JSON"))),
    Message("tool", "out", call_id="a", is_error=True, details={"exit_code": 1}),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_survives_the_way_to_disk_and_back(message: Message) -> None:
    assert message_from_dict(json.loads(to_json(message_to_dict(message)))) == message


def test_fields_at_their_default_are_left_out() -> None:
    assert message_to_dict(Message("user", "hi")) == {"role": "user", "content": "hi"}


@pytest.mark.parametrize("fields", [{}, {"role": "system"}, {"role": "tool"}, {"role": "user", "colour": "red"}])
def test_what_is_no_message_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        message_from_dict(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "user", "tool_calls": (ToolCall("a", "f"),)},
        {"role": "assistant", "call_id": "a"},
        {"role": "assistant", "tool_calls": (ToolCall("a", "f"), ToolCall("a", "g"))},
    ],
)
def test_a_message_checks_itself(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"message|id"):
        Message(**fields)  # type: ignore[arg-type]


def test_a_head_is_the_same_bytes_for_the_same_tools() -> None:
    spec = ToolSpec("f", "does ä", {"type": "object", "properties": {"b": {}, "a": {}}, "additionalProperties": False})
    head = make_head("system", [spec])
    assert head == make_head("system", [spec])
    assert head.tools.index('"b"') < head.tools.index('"a"'), "keys keep their order"
    assert "ä" in head.tools
    assert json.loads(head.tools)[0]["function"]["name"] == "f"
    assert " " not in head.tools.replace("does ä", "")


def test_every_event_has_a_json_form_with_its_name() -> None:
    call = ToolCall("a", "f", {"x": 1})
    assert event_to_dict(TextDelta("hi")) == {"type": "text_delta", "text": "hi"}
    assert event_to_dict(Replied(Message("assistant", "hi")))["message"] == {"role": "assistant", "content": "hi"}
    finished = event_to_dict(CallFinished(call, ToolResult("out")))
    assert finished["call"] == {"id": "a", "name": "f", "arguments": {"x": 1}}
    assert finished["result"] == {"content": "out", "is_error": False, "details": {}}
    assert len({kind.__name__ for kind in get_args(Event)}) == len(get_args(Event))
