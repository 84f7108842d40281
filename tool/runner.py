"""What runs a shell command, so that the tool need not know which boundary stands around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.types import Opening
from tool.output import BoundedOutput


@dataclass(frozen=True, slots=True)
class Exit:
    """How a command ended. `code` is None when a limit ended it; 128 + n when signal n did."""

    code: int | None
    seconds: float
    stopped: str = ""  # the limit that ended it, in words for the model: "120 s of time"


class Runner(Protocol):
    """Somewhere a command can run."""

    async def run(
        self, command: str, *, timeout_s: float, output: BoundedOutput, opening: Opening | None = None
    ) -> Exit:
        """Run `command`, writing what it prints to `output` as it comes; `opening` is open to it alone.

        When it returns or is cancelled, nothing the command started is left. Raises: ToolError if it cannot run here.
        """
        ...
