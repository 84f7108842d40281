"""A conversation turned into the scripted model's next reply: from its messages alone, so a resumed run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flow.calls import AFTER_DOUBT, IN_DOUBT

Messages = Sequence[Mapping[str, Any]]  # as they stand in a request
Call = tuple[str, dict[str, str]]  # tool, arguments

ANSWER = "Every step is done."
FLOOD_BYTES = 5_000_000
LOG = "log.txt"
HOLD = "hold"  # while this file is there, a command of the killed task does not end
KILLED_STEPS = 20
DOUBLE_EVERY = 5  # each so many replies of the killed task, one makes two calls


@dataclass(frozen=True, slots=True)
class Reply:
    """What the scripted model says next. Without calls it is the answer."""

    text: str
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    """A task's replies; `pace_s` is the pause before each piece of a stream."""

    next_reply: Callable[[Messages], Reply]
    pace_s: float = 0.0


def shell(command: str) -> Call:
    """Return a call of the shell tool."""
    return "shell", {"command": command}


def in_order(calls: Sequence[Call]) -> Script:
    """Make one call a reply, then answer."""

    def next_reply(messages: Messages) -> Reply:
        done = sum(message["role"] == "assistant" for message in messages)
        return Reply("Next step.", (calls[done],)) if done < len(calls) else Reply(ANSWER)

    return Script(next_reply)


def killed_groups() -> list[list[int]]:
    """Return the lines that each calling reply of the killed task appends, one line a call."""
    groups: list[list[int]] = []
    line = 0
    for step in range(1, KILLED_STEPS):
        size = 2 if step % DOUBLE_EVERY == 0 else 1
        groups.append(list(range(line + 1, line + 1 + size)))
        line += size
    return groups


def line_of(call: Mapping[str, Any]) -> int:
    """Return which line a call's arguments append."""
    command: str = call["command"]
    return int(command.partition("step-")[2].split()[0])


def killed_reply(messages: Messages) -> Reply:
    """Append the next lines that are not known to be written; check first where the last try is in doubt."""
    lines: dict[str, int] = {}
    done: set[int] = set()
    doubtful: set[int] = set()
    for message in messages:
        for call in message.get("tool_calls", ()):
            lines[call["id"]] = line_of(json.loads(call["function"]["arguments"]))
        if message["role"] == "tool":
            in_doubt = message["content"].startswith((IN_DOUBT, AFTER_DOUBT))
            (doubtful if in_doubt else done).add(lines[message["tool_call_id"]])
    for group in killed_groups():
        if left := [line for line in group if line not in done]:
            return Reply("Going on with the log.", tuple(append(line, line in doubtful) for line in left))
    return Reply(ANSWER)


def append(line: int, is_doubtful: bool) -> Call:
    """Return the call that appends one line, or does nothing if it is there already."""
    check = f"grep -qx step-{line} {LOG} || " if is_doubtful else ""
    # The pauses leave a kill time to strike before and after the effect.
    return shell(f"sleep 0.01; {check}echo step-{line} >> {LOG}; sleep 0.01; [ ! -e {HOLD} ] || sleep 60")


SCRIPTS = {
    "ten": in_order(
        [
            shell("echo one > one.txt"),
            ("read_file", {"path": "one.txt"}),
            shell("ls"),
            ("write_file", {"path": "notes.md", "content": "# Notes\n\nOne file.\n"}),
            ("read_file", {"path": "notes.md"}),
            shell("wc -c one.txt"),
            shell("cat one.txt"),
            ("read_file", {"path": "one.txt"}),
            shell("echo two >> one.txt"),
        ]
    ),
    "sixty": in_order([shell(f"echo step-{step} >> {LOG}") for step in range(1, 60)]),
    "flood": in_order([shell(f"head -c {FLOOD_BYTES} /dev/zero | tr '\\0' x")]),
    "trickle": in_order([shell("head -c 500 /dev/zero | tr '\\0' x")]),
    "killed": Script(killed_reply, pace_s=0.002),
}
