"""Ends a run after a number of steps, and tells the model when only one is left."""

from __future__ import annotations

from core.errors import LimitReached
from core.protocols import Allow, Verdict
from core.session import Session
from core.types import Message, ToolCall

LAST_STEP = "One step is left in this run. Answer now with what you have, and say what remains to be done."


class StepLimit:
    """At most `max_steps` replies in a run that began when the session had `since` entries."""

    def __init__(self, max_steps: int, since: int) -> None:
        self._max_steps = max_steps
        self._since = since

    def judge(self, session: Session, call: ToolCall) -> Verdict:
        """Allow every call."""
        return Allow()

    def advise(self, session: Session) -> str | None:
        """Announce the last step. Raises: LimitReached when none is left."""
        entries = session.entries[self._since :]
        steps = sum(isinstance(entry, Message) and entry.role == "assistant" for entry in entries)
        if steps >= self._max_steps:
            raise LimitReached(
                f"stopped after {steps} {'step' if steps == 1 else 'steps'} without an answer; `python cli.py resume {session.id}` goes on,"
                " --max-steps or AGENT_MAX_STEPS sets the limit"
            )
        return LAST_STEP if 1 < self._max_steps == steps + 1 else None
