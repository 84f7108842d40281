"""Asks a model again that said and did nothing, and ends the run when that does not help."""

from __future__ import annotations

from core.errors import ModelError
from core.protocols import Allow, Verdict
from core.session import Session
from core.types import Message, ToolCall

MOST_EMPTY = 3
NOTHING_SAID = "Your last reply was empty. Call a tool or answer the user in words."
ONLY_THOUGHT = "Your last reply had only reasoning and no answer. Call a tool or answer the user in words."


class EmptyReply:
    """At most three empty replies in a row in a run that began when the session had `since` entries."""

    def __init__(self, since: int) -> None:
        self._since = since

    def judge(self, session: Session, call: ToolCall) -> Verdict:
        """Allow every call."""
        return Allow()

    def advise(self, session: Session) -> str | None:
        """Say that the last reply was empty. Raises: ModelError after the third in a row."""
        replies = [e for e in session.entries[self._since :] if isinstance(e, Message)]
        empty = 0
        while empty < len(replies) and _is_empty(replies[-1 - empty]):
            empty += 1
        if empty == 0:
            return None
        if empty >= MOST_EMPTY:
            raise ModelError(
                f"the model gave {empty} empty replies in a row; try another model, or see whether its context window"
                f" is full, then go on with `python cli.py resume {session.id}`"
            )
        return ONLY_THOUGHT if replies[-1].reasoning else NOTHING_SAID


def _is_empty(message: Message) -> bool:
    return message.role == "assistant" and message.is_empty and message.finish not in ("cancelled", "refused", "length")
