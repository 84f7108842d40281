"""What runs a shell command, so that the tool need not know which boundary stands around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tool.output import BoundedOutput


@dataclass(frozen=True, slots=True)
class Exit:
    """How a command ended. `code` is None when a limit ended it; 128 + n when signal n did."""

    code: int | None
    seconds: float


class Runner(Protocol):
    """Somewhere a command can run."""

    async def run(self, command: str, *, timeout_s: float, output: BoundedOutput) -> Exit:
        """Run `command`, writing what it prints to `output` as it comes.

        When it returns or is cancelled, nothing the command started is left. Raises: ToolError if it cannot run here.
        """
        ...
