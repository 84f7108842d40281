from __future__ import annotations

from core.errors import ToolError
from core.types import Effect, Opening, ToolResult
from tests.tool.conftest import runner_of
from tests.tool.file_outputs import FileOutputs
from tool.output import OUTPUT_LIMIT, BoundedOutput
from tool.runner import Exit
from tool.shell import shell_tool
from tool.toolbox import ToolBox


class Scripted:
    """A runner that prints and ends as told."""

    def __init__(self, printed: bytes, code: int | None = 0) -> None:
        self.printed, self.code = printed, code
        self.timeouts: list[float] = []

    async def run(
        self, command: str, *, timeout_s: float, output: BoundedOutput, opening: Opening | None = None
    ) -> Exit:
        self.timeouts.append(timeout_s)
        output.write(self.printed)
        return Exit(self.code, 0.25)


class Nowhere:
    async def run(
        self, command: str, *, timeout_s: float, output: BoundedOutput, opening: Opening | None = None
    ) -> Exit:
        raise ToolError("shell commands are off: no sandbox")


def shown(printed: bytes, outputs: FileOutputs, code: int | None = 0) -> ToolResult:
    return runner_of(ToolBox([shell_tool(Scripted(printed, code), outputs)], outputs))("shell", command="x")


def test_a_command_that_succeeds_is_answered_with_exactly_its_output(outputs: FileOutputs) -> None:
    assert shown(b"one\ntwo\n", outputs) == ToolResult("one\ntwo", details={"exit_code": 0, "seconds": 0.25})
    assert shown(b"one\n\n", outputs).content == "one\n"
    assert shown(b" x", outputs).content == " x"


def test_an_exit_code_is_an_answer_and_no_error(outputs: FileOutputs) -> None:
    result = shown(b"1 failed\n", outputs, 1)
    assert (result.content, result.is_error) == ("1 failed\n[exit 1]", False)
    assert result.details["exit_code"] == 1


def test_no_output_is_said(outputs: FileOutputs) -> None:
    assert shown(b"", outputs).content == "[no output, exit 0]"
    assert shown(b"\n", outputs, 2).content == "[no output, exit 2]"


def test_a_command_that_was_stopped_is_an_error(outputs: FileOutputs) -> None:
    result = shown(b"so far\n", outputs, None)
    assert result.is_error
    assert result.content.startswith("so far\n[stopped after 120 s of time; ")
    assert result.details["exit_code"] is None


def test_a_long_output_keeps_its_ending_and_is_cut_only_once(outputs: FileOutputs) -> None:
    result = shown(b"line\n" * 100_000 + b"the end\n", outputs, 7)
    assert len(result.content.encode()) <= OUTPUT_LIMIT
    assert result.content.endswith("line\nthe end\n[exit 7]")
    assert result.content.count("read_output(") == 1


def test_the_timeout_is_kept_within_reason(outputs: FileOutputs) -> None:
    runner = Scripted(b"")
    run = runner_of(ToolBox([shell_tool(runner, outputs)], outputs))
    for timeout_s in (0, -1, 5, 10**9):
        run("shell", command="x", timeout_s=timeout_s)
    assert runner.timeouts == [1, 1, 5, 3600]


def test_where_nothing_can_run_the_reason_is_the_result(outputs: FileOutputs) -> None:
    shell = shell_tool(Nowhere(), outputs)
    assert shell.effect is Effect.RUNS
    result = runner_of(ToolBox([shell], outputs))("shell", command="x")
    assert result == ToolResult("shell commands are off: no sandbox", is_error=True)
