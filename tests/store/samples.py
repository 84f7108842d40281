"""One entry of every kind, in the order of a plausible session."""

from __future__ import annotations

from core.types import Entry, Head, Message, Notice, ToolCall, Usage

HEAD = Head("You are a test.\n\tBe exact: \u00e9 \U0001f600", '[{"type": "function", "function": {"name": "shell"}}]')
CALL = ToolCall("c1", "shell", {"command": "echo '\u00e9'\n", "deep": [1, 2.5, None, {"true": True}]})
BROKEN_CALL = ToolCall("c2", "shell", {}, problem="the arguments are no JSON")

ENTRIES: tuple[Entry, ...] = (
    Message("user", "List the files,\n  please: \u00e9 \U0001f600 \x00 \u2028"),
    Message(
        "assistant",
        "Looking.",
        reasoning="It wants a list.",
        tool_calls=(CALL, BROKEN_CALL),
        finish="tool_calls",
        usage=Usage(812, 20, 800, 0.25, 1.5),
    ),
    Message("tool", "a.txt\n", call_id="c1", details={"exit_code": 0, "paths": ["a.txt"]}),
    Message("tool", "the arguments are no JSON", call_id="c2", is_error=True),
    Notice("You have two steps left."),
    Message("assistant", "There is a.t", finish="length", usage=Usage(completion_tokens=5)),
    Message("assistant", "", finish="cancelled"),
    Message("user", ""),
)
