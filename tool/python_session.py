"""Python code turned into what it printed and showed, in a session whose variables stay."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Annotated

from core.protocols import OutputStore
from core.types import Effect, ToolResult
from tool.declare import Tool, tool
from tool.output import OUTPUT_LIMIT, BoundedOutput
from tool.sandbox.python_lane import Ran
from tool.sandbox.sandbox import Sandbox

_ENDING_ROOM = 600  # bytes for the lines that say how it ended
_LONGEST_S = 3600
_MOST_NAMES = 20


def python_session_tool(sandbox: Sandbox, outputs: OutputStore) -> Tool:
    """Make the tool that runs Python in a session of its own."""
    session = sandbox.python_session()

    @tool(effect=Effect.RUNS)
    async def pyexe(
        code: Annotated[str, "Python; the value of a last expression is shown"],
        timeout_s: Annotated[int, "seconds until it is interrupted"] = 120,
        reset: Annotated[bool, "begin with no variables"] = False,
    ) -> ToolResult:
        """Run Python in a sandbox. Variables stay; matplotlib figures are saved as files."""
        forgotten = await session.reset() if reset else ()
        limit_s = max(1, min(timeout_s, _LONGEST_S))
        with closing(BoundedOutput(outputs, OUTPUT_LIMIT - _ENDING_ROOM)) as output:
            ran = await session.run(code, timeout_s=limit_s, output=output)
            return _result(output.text(), ran, forgotten)

    return pyexe


def _result(text: str, ran: Ran, forgotten: Sequence[str]) -> ToolResult:
    """Put output and ending together."""
    lines = [text.removesuffix("\n")]
    if ran.was_lost:
        stopped = f"stopped after {ran.stopped}; " if ran.stopped else ""
        lines.append(f"[{stopped}{ran.was_lost}: the session begins anew, {_gone(ran.lost)}]")
    elif ran.stopped:
        lines.append(f"[interrupted after {ran.stopped}; the variables are kept]")
    if forgotten:
        lines.insert(0, f"[reset: {_gone(forgotten)}]")
    shown = "\n".join(line for line in lines if line) or "[no output]"
    return ToolResult(shown, is_error=ran.is_error, details={"seconds": round(ran.seconds, 3)})


def _gone(names: Sequence[str]) -> str:
    if not names:
        return "there were no variables to lose"
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"variables {', '.join(names[:_MOST_NAMES])}{more} are gone"
