"""A payload on standard input turned into what the agent's own tools make of it: a door for attack suites.

    python -m tests.security.door {shell|pyexe|skill|files|fetch} WORKSPACE

Prints exactly the content of the tool's result; exits with 0, with 1 for an error result, with 2 for a payload that
cannot be read. `SBX_TIMEOUT` is the time limit in seconds, `SBX_ALLOW` names what fetch may reach as HOST:PORT,...
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

from boot.home import hidden, inside, read_only
from boot.settings import load_settings
from core.errors import AgentError, ToolError, UsageError
from core.protocols import OutputStore
from core.types import Effect, Opening, ToolCall, ToolResult
from tests.tool.file_outputs import FileOutputs
from tool.beneath import Root
from tool.declare import Tool, tool
from tool.fetch import fetch_tool
from tool.files import file_tools
from tool.python_session import python_session_tool
from tool.sandbox.confinement import Confinement, running_python
from tool.sandbox.level import Level
from tool.sandbox.sandbox import Sandbox
from tool.shell import shell_tool
from tool.toolbox import ToolBox
from tool.web.request import Limits

TOOLS = ("shell", "pyexe", "skill", "files", "fetch")
_CELL = re.compile(r"^#%%$\n?", re.MULTILINE)
_FILE_TOOLS = {"read": "read_file", "write": "write_file", "list": "list_files"}


class BrokenPayload(Exception):
    """What came is no payload for the tool."""


class Door:
    """The agent's tools over one workspace, as `boot` puts them together, without a model and without approvals."""

    def __init__(
        self,
        workspace: Path,
        outputs: OutputStore,
        *,
        timeout_s: float = 5.0,
        allowed: Sequence[str] = (),
        level: Level | None = None,
    ) -> None:
        settings = load_settings({"home": str(workspace), "workspace": str(workspace)}, {})
        closed, kept = hidden(settings), read_only(settings)
        self._timeout_s = timeout_s
        self._sandbox = Sandbox(Confinement(workspace, closed, kept, running_python()), level=level)
        tools: list[Tool] = [
            *file_tools(Root(workspace, inside(workspace, closed), inside(workspace, kept))),
            shell_tool(self._sandbox, outputs),
            python_session_tool(self._sandbox, outputs),
            _skill_tool(self._sandbox, timeout_s),
            fetch_tool(allowed, limits=Limits(total_s=timeout_s, connect_s=min(timeout_s, 5.0))),
        ]
        self._box = ToolBox(tools, outputs)

    async def __aenter__(self) -> Door:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sandbox.close()

    async def answer(self, name: str, payload: str, opening: Opening | None = None) -> ToolResult:
        """Run a payload; several cells of Python answer with their contents joined. Raises: BrokenPayload."""
        results = [await self._box.run(ToolCall("call", *call), opening) for call in self._calls(name, payload)]
        return ToolResult("\n".join(each.content for each in results), any(each.is_error for each in results))

    async def begin_anew(self) -> None:
        """Give the next Python payload a session that nothing has run in."""
        await self._box.run(ToolCall("call", "pyexe", {"code": "", "reset": True}))

    def _calls(self, name: str, payload: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Return tool names and arguments."""
        limit = {"timeout_s": max(1, round(self._timeout_s))}
        if name == "shell":
            return [("shell", {"command": payload} | limit)]
        if name == "pyexe":
            return [("pyexe", {"code": cell} | limit) for cell in _CELL.split(payload)]
        if name == "skill":
            return [("skill", {"source": payload})]
        if name == "fetch":
            return [("fetch", {"url": payload})]
        if name == "files":
            return [_file_call(payload)]
        raise BrokenPayload(f"no tool {name!r}; there are: {', '.join(TOOLS)}")


def _file_call(payload: str) -> tuple[str, Mapping[str, Any]]:
    try:
        wanted = json.loads(payload)
        operation, path = wanted["op"], wanted["path"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BrokenPayload(f"no file operation: {error!r}") from error
    content = {"content": wanted.get("data", "")} if operation == "write" else {}
    # An operation the agent has no tool for is answered as any unknown tool is.
    return _FILE_TOOLS.get(operation, str(operation)), {"path": path, **content}


def _skill_tool(sandbox: Sandbox, timeout_s: float) -> Tool:
    """Make the tool that runs a skill's source where skills run."""

    @tool(effect=Effect.RUNS)
    async def skill(source: Annotated[str, "Python that defines run()"]) -> str:
        """Call the run() that the source defines."""
        called = await sandbox.call_function(source, "run", {}, timeout_s)
        if called.error:
            raise ToolError(f"{called.printed}{called.error}")
        return f"{called.printed}{json.dumps(called.value, ensure_ascii=False)}"

    return skill


async def _run(name: str, workspace: Path, payload: str) -> ToolResult:
    allowed = [place for place in os.environ.get("SBX_ALLOW", "").split(",") if place]
    timeout_s = float(os.environ.get("SBX_TIMEOUT", "5"))
    with tempfile.TemporaryDirectory() as folder:
        async with Door(workspace, FileOutputs(Path(folder)), timeout_s=timeout_s, allowed=allowed) as door:
            return await door.answer(name, payload)


def main(arguments: Sequence[str]) -> int:
    """Run the payload on standard input; return the exit code."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        payload = sys.stdin.buffer.read().decode()
        result = asyncio.run(_run(arguments[0], Path(arguments[1]), payload))
    except (BrokenPayload, UsageError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 2
    except AgentError as error:
        print(error)
        return 1
    sys.stdout.buffer.write(result.content.encode("utf-8", "replace"))
    return int(result.is_error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
