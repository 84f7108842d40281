"""Keeps calls from running, and answers from counting, when the token limit cut the reply off."""

from __future__ import annotations

from core.errors import LimitReached
from core.protocols import Allow, Refuse, Verdict
from core.session import Session
from core.types import ToolCall

CALL_CUT_OFF = (
    "Not run: the reply was cut off by the token limit, so this call may be incomplete. Make it again, shorter; write a"
    " long file in several parts."
)


class CutOff:
    """Refuses every call of a reply that ended with finish reason "length", however complete it looks."""

    def judge(self, session: Session, call: ToolCall) -> Verdict:
        """Refuse calls of a reply that was cut off."""
        reply = session.last_reply()
        return Refuse(CALL_CUT_OFF) if reply and reply.finish == "length" else Allow()

    def advise(self, session: Session) -> str | None:
        """Raises: LimitReached when the newest message is an answer that was cut off."""
        last = session.messages[-1] if session.messages else None
        if last and last.role == "assistant" and last.finish == "length" and not last.tool_calls:
            raise LimitReached(
                "the answer was cut off by the token limit: the context window is full, or the server's reply limit is"
                " low; load the model with a larger window, or ask for less at once"
            )
        return None
