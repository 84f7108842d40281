"""Work in sandboxes that are already there, timed in turns with what it replaces, turned into rows."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from core.types import Effect, Mode, ToolCall
from flow.policies.approvals import Approvals
from store.database import Database
from store.permissions import StoredPermissions
from tests.bench.measures import Row, compare
from tests.bench.programs import ROOT, environment
from tests.fakes import session
from tests.tool.file_outputs import FileOutputs
from tool.output import BoundedOutput
from tool.python_session import python_session_tool
from tool.sandbox.confinement import Confinement, running_python
from tool.sandbox.level import probe
from tool.sandbox.sandbox import Sandbox
from tool.shell import shell_tool
from tool.toolbox import ToolBox

SKILL = "def run(n):\n    return n + 1\n"
CELL = "1 + 1"
TIMEOUT_S = 60
PAUSE_S = 0.02  # in which the next function call's process is made ready; a model thinks for longer
COMMANDS = ROOT / "tests/flow/everyday_commands.txt"


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to time: what it does, how often in a row in each round, and how long after the time before."""

    act: Callable[[], Awaitable[None]]
    times: int
    pause_s: float = 0.0


class Workplace:
    """One workspace with the agent's own sandbox and tools, and the acts that are timed."""

    def __init__(self, folder: Path) -> None:
        workspace = folder / "workspace"
        workspace.mkdir()
        self._confinement = Confinement(workspace, python=running_python())
        self._outputs = FileOutputs(folder / "outputs")
        self._environment = environment(folder)
        self._sandbox = Sandbox(self._confinement)
        self._strict = Sandbox(self._confinement, strict=True)
        tools = [shell_tool(self._sandbox, self._outputs), python_session_tool(self._sandbox, self._outputs)]
        self._box = ToolBox(tools, self._outputs)
        self._session = self._sandbox.python_session()
        self._started: list[Sandbox] = []

    def subjects(self) -> Mapping[str, Subject]:
        """Return what is timed, in order."""
        return {
            "bash": Subject(lambda: self._program("bash", "-c", "true"), 20),
            "command": Subject(lambda: self._command(self._sandbox), 20),
            "command tool": Subject(lambda: self._tool("shell", command="true"), 20),
            "one-shot": Subject(lambda: self._command(self._strict), 5),
            "pandas": Subject(lambda: self._program(sys.executable, "-c", "import pandas"), 1),
            "function": Subject(lambda: self._function(self._sandbox), 30),
            "spaced function": Subject(lambda: self._function(self._sandbox), 15, PAUSE_S),
            "python": Subject(lambda: self._program(sys.executable, "-c", "pass"), 5),
            "cell": Subject(self._cell, 30),
            "cell tool": Subject(lambda: self._tool("pyexe", code=CELL), 30),
            "first command": Subject(lambda: self._command(self._new()), 1),
            "first function": Subject(lambda: self._function(self._new()), 1),
        }

    def end_new(self) -> None:
        """End the sandboxes that were started to time their start."""
        while self._started:
            self._started.pop().close()

    def close(self) -> None:
        """End everything."""
        self.end_new()
        self._session.close()
        self._sandbox.close()

    def _new(self) -> Sandbox:
        self._started.append(Sandbox(self._confinement))
        return self._started[-1]

    async def _program(self, *command: str) -> None:
        subprocess.run(command, check=True, env=self._environment)

    async def _command(self, sandbox: Sandbox) -> None:
        ended = await sandbox.run("true", timeout_s=TIMEOUT_S, output=BoundedOutput(self._outputs))
        assert ended.code == 0, ended

    async def _function(self, sandbox: Sandbox) -> None:
        called = await sandbox.call_function(SKILL, "run", {"n": 1}, TIMEOUT_S)
        assert called.value == 2, called

    async def _cell(self) -> None:
        output = BoundedOutput(self._outputs)
        ran = await self._session.run(CELL, timeout_s=TIMEOUT_S, output=output)
        assert output.text() == "2\n", ran

    async def _tool(self, name: str, **arguments: str) -> None:
        result = await self._box.run(ToolCall("call", name, arguments))
        assert not result.is_error, result


def sandbox_rows(rounds: int) -> list[Row]:
    """Time everything in turns, `rounds` times."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        ms = asyncio.run(_time(Workplace(Path(folder).resolve()), rounds))
        judged_us = _judged_us(Path(folder), rounds)
    return [
        compare("warm command / plain bash", ms["command"], ms["bash"], 4.0),
        compare("warm command as a tool / plain bash", ms["command tool"], ms["bash"], None),
        compare("one-shot sandbox / plain bash", ms["one-shot"], ms["bash"], None),
        # The limits are for the call itself: one that comes at once waits for the next child to be forked as well, and
        # the toolbox checks arguments and cuts results.
        compare("function, back to back / import pandas", ms["function"], ms["pandas"], None, at_least=True),
        compare("function, 20 ms apart / import pandas", ms["spaced function"], ms["pandas"], 100, at_least=True),
        compare("Python cell / python -c pass", ms["cell"], ms["python"], 20, at_least=True),
        compare("Python cell as a tool / python -c pass", ms["cell tool"], ms["python"], None, at_least=True),
        Row("first command of a lane", median(ms["first command"]), "ms", None, probe()[0]),
        Row("first function call of a lane", median(ms["first function"]), "ms", None, "loads pandas"),
        Row("approvals, one command", median(judged_us), "us", None, f"mean of {len(_commands())} everyday ones"),
    ]


async def _time(workplace: Workplace, rounds: int) -> Mapping[str, list[float]]:
    """Return each subject's milliseconds, the median of each round. The first time of each is not counted."""
    subjects = workplace.subjects()
    ms: dict[str, list[float]] = {name: [] for name in subjects}
    try:
        for subject in subjects.values():
            await subject.act()
        for _ in range(rounds):
            for name, subject in subjects.items():
                ms[name].append(await _median_ms(subject))
                workplace.end_new()
        return ms
    finally:
        workplace.close()


async def _median_ms(subject: Subject) -> float:
    times: list[float] = []
    for _ in range(subject.times):
        time.sleep(subject.pause_s)
        started = time.perf_counter()
        await subject.act()
        times.append(time.perf_counter() - started)
    return median(times) * 1000


def _judged_us(folder: Path, rounds: int) -> Sequence[float]:
    """Return how long the approvals take for a command, a mean for each round; the first one also loads the grammar."""
    database = Database(folder / "agent.db")
    permissions = StoredPermissions(database)
    approvals = Approvals(Mode.ASK, folder, permissions, lambda: True, effect=lambda name: Effect.RUNS)
    empty = session()
    calls = [ToolCall(str(n), "shell", {"command": command}) for n, command in enumerate(_commands())]
    moments = [time.perf_counter()]
    for _ in range(rounds + 1):
        for call in calls:
            approvals.judge(empty, call)
        moments.append(time.perf_counter())
    database.close()
    return [(after - before) / len(calls) * 1e6 for before, after in itertools.pairwise(moments)][1:]


def _commands() -> Sequence[str]:
    return [line for line in COMMANDS.read_text("utf-8").splitlines() if line and not line.startswith("#")]
