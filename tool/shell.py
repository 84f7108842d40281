"""A shell command turned into what it printed and how it ended."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

from core.protocols import OutputStore
from core.types import Effect, Opening, ToolResult
from tool.declare import Tool, tool
from tool.output import OUTPUT_LIMIT, BoundedOutput
from tool.runner import Exit, Runner

_ENDING_ROOM = 200  # bytes for the line that says how the command ended
_LONGEST_S = 3600


def shell_tool(runner: Runner, outputs: OutputStore) -> Tool:
    """Make the tool that runs commands with `runner`."""

    @tool(effect=Effect.RUNS)
    async def shell(
        command: Annotated[str, "a bash command line"],
        timeout_s: Annotated[int, "seconds until it is stopped"] = 120,
        opening: Opening | None = None,
    ) -> ToolResult:
        """Run a command in the workspace, in a sandbox without network, and return what it prints."""
        limit_s = max(1, min(timeout_s, _LONGEST_S))
        with closing(BoundedOutput(outputs, OUTPUT_LIMIT - _ENDING_ROOM)) as output:
            ended = await runner.run(command, timeout_s=limit_s, output=output, opening=opening)
            return _result(output.text(), ended, limit_s)

    return shell


def _result(text: str, ended: Exit, limit_s: int) -> ToolResult:
    """Put output and ending together.

    A command that ran is no error, whatever its exit code: grep finding nothing and a failing test are answers. A
    command that was stopped did not do what was asked, so it is one.
    """
    text = text.removesuffix("\n")
    details = {"exit_code": ended.code, "seconds": round(ended.seconds, 3)}
    if ended.code is None:
        limit = ended.stopped or f"{limit_s} s of time"
        advice = "give a larger timeout_s or do it in parts" if limit.endswith("of time") else "do it in smaller parts"
        stopped = f"[stopped after {limit}; it and all it started were killed; {advice}]"
        return ToolResult(f"{text}\n{stopped}".lstrip("\n"), is_error=True, details=details)
    if not text:
        text = f"[no output, exit {ended.code}]"
    elif ended.code:
        text = f"{text}\n[exit {ended.code}]"
    return ToolResult(text, details=details)
