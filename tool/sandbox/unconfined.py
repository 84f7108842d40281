"""Commands run as the person who started the agent, with nothing around them: what the person asked for in so many words."""

from __future__ import annotations

import os
import time
from pathlib import Path

from core.errors import ToolError
from core.types import Opening
from tool.output import BoundedOutput
from tool.runner import Exit
from tool.sandbox.inside.limits import in_words
from tool.sandbox.process import run_process

_OURS = "AGENT_"  # variables that may hold the agent's own key


class Unconfined:
    """Runs commands without a boundary. Only what stays in the command's process group is gone at its end."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = str(workspace)

    async def run(
        self, command: str, *, timeout_s: float, output: BoundedOutput, opening: Opening | None = None
    ) -> Exit:
        """Run a command with bash. Raises: ToolError if it cannot be started."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        started = time.monotonic()
        try:
            argv = ["bash", "-c", command]
            code = await run_process(argv, environment, timeout_s, output, folder=self._workspace)
        except OSError as error:
            raise ToolError(f"the command could not be started: {error.strerror}") from error
        stopped = f"{in_words(timeout_s, 's')} of time" if code is None else ""
        return Exit(code, time.monotonic() - started, stopped)
