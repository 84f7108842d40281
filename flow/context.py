"""Turn a session into a request: the head, then its messages as a chat template accepts them.

The projection is append-only: what one request sent, the next sends again byte for byte, so a local server reuses its
KV cache; only the newest user or tool message may still grow, by a notice.
"""

from __future__ import annotations

from dataclasses import replace

from core.session import Session
from core.types import Message, Notice, Request

STOPPED = "[the user stopped this reply here]"


def project(session: Session) -> Request:
    """Return what the model is to read of `session`."""
    messages: list[Message] = []
    held: list[str] = []  # notices that wait for the next user message
    for entry in session.entries:
        if isinstance(entry, Notice):
            _join_notice(messages, held, f"[notice] {entry.text}")
        elif entry.role == "user":
            _join_user(messages, entry, held)
        elif entry.finish == "cancelled":
            messages.append(replace(entry, content=f"{entry.content}\n\n{STOPPED}".strip()))
        elif entry.role == "tool" or not entry.is_empty:
            messages.append(entry)
    return Request(session.head, messages)


def _join_notice(messages: list[Message], held: list[str], text: str) -> None:
    """Append a notice to the newest message where a template allows it, else keep it for the next user message."""
    if messages and messages[-1].role != "assistant":
        messages[-1] = replace(messages[-1], content=f"{messages[-1].content}\n\n{text}")
    else:
        held.append(text)


def _join_user(messages: list[Message], entry: Message, held: list[str]) -> None:
    """Append a user message, joined to the one before it: templates want user and assistant to take turns."""
    text = "\n\n".join([*held, entry.content])
    held.clear()
    if messages and messages[-1].role == "user":
        messages[-1] = replace(messages[-1], content=f"{messages[-1].content}\n\n{text}")
    else:
        messages.append(replace(entry, content=text))
