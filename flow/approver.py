"""The approver of runs that nobody watches: it says no, and the run goes on."""

from __future__ import annotations

from core.protocols import Approval, Ask
from core.types import ToolCall


class NobodyThere:
    """Refuses whatever needs a person."""

    refusal = (
        "it needs a person's approval, and nobody is here to give it. Find a way without it, or say what is needed."
    )

    async def approve(self, call: ToolCall, ask: Ask) -> Approval:
        """Say no."""
        return Approval.NO
