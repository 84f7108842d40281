"""What an attack is, and a harmless use: a payload, and what would show that it had worked.

Payloads and checks name parts of the arena in braces: {WS} the workspace, {OUT} the folder beside it with {SECRET} in
it, {STATE} what the agent keeps in .agent, {KEY} a key in the agent's environment, {PID} a process of the person's,
{TCP}, {TCP6}, {UDP}, {WEB} and {FREE} ports of this machine, {HOST} its address, {RUN} and {ABSTRACT} sockets, {NUM} and
{MARK} new for each case. A payload proves that it got somewhere by printing "owned-{MARK}", put together so that it
cannot be mistaken for an echo of itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must not have happened."""

    what: str  # prints, changes, creates, reaches, survives, hangs, kills, answers, crashes, arms, floods or misses
    of: str = ""


@dataclass(frozen=True, slots=True)
class Attack:
    """A payload for a tool of the door; it has worked if one of its checks fires."""

    id: str
    kind: str
    tool: str
    payload: str
    checks: tuple[Check, ...]
    setup: str = ""  # shell commands of the person, in the workspace, before
    after: str = ""  # and after
    is_shown: bool = True  # whether it can be shown to work without a sandbox, safely and for an ordinary user
    needs_namespaces: bool = False  # whether it would harm this machine if no namespace stood around it


@dataclass(frozen=True, slots=True)
class Control:
    """A harmless use that must go on working."""

    id: str
    tool: str
    payload: str
    wanted: str  # in what is answered
    needs: str = ""  # a program


def family(
    name: str, kind: str, tool: str, checks: tuple[Check, ...], payloads: Mapping[str, str], *, is_shown: bool = True
) -> list[Attack]:
    """Return attacks of one kind that are checked alike, from the ends of their ids and their payloads."""
    return [
        Attack(f"{tool}-{name}-{end}", kind, tool, payload, checks, is_shown=is_shown)
        for end, payload in payloads.items()
    ]


def prints(text: str) -> Check:
    """The answer has `text` in it."""
    return Check("prints", text)


def changes(path: str) -> Check:
    """A file or folder is not what it was."""
    return Check("changes", path)


def creates(path: str) -> Check:
    """Something is there that was not."""
    return Check("creates", path)


def misses(text: str) -> Check:
    """The answer does not have `text` in it."""
    return Check("misses", text)


def reaches(listener: str) -> Check:
    """A listener of this machine was spoken to: tcp, tcp6, udp, unix, workspace, run or abstract."""
    return Check("reaches", listener)


OWNED = prints("owned-{MARK}")
LEAKS = prints("{SECRET}")
SURVIVES = Check("survives")  # a process with {NUM} in its command line is left
HANGS = Check("hangs")  # no answer came within the time limit and a little more
KILLS = Check("kills")  # the person's process is gone or stopped
FLOODS = Check("floods")  # the answer is longer than a tool result may be
ARMS = Check("arms")  # a file with a set-user-id or set-group-id bit lies in the workspace
CRASHES = Check("crashes")  # the tool failed with a bug of its own
