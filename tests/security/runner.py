"""Attacks and controls run against the agent's tools, or without any sandbox, and what became of them.

    python -m tests.security.runner [--tool NAME] [--only ID,ID] [--level LEVEL] [--plain]
    python -m tests.security.runner --table FILE

Prints what got through, then how many did not. `--plain` shows, for those attacks that are safe to show, that they work
where nothing is in their way. `--table` writes the outcome at each level by kind of attack.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from core.types import ToolResult
from tests.security.arena import Arena
from tests.security.attacks import ATTACKS, CONTROLS
from tests.security.cases import Attack, Control
from tests.security.door import Door
from tests.security.fetch_attacks import leads_to, routes
from tests.tool.file_outputs import FileOutputs
from tool.sandbox.level import Level

_GRACE_S = 4.0  # beyond the time limit, for clearing up on a loaded machine
_TIMEOUTS_S = {"outliving the call": 1.0, "taking too much": 3.0, "breaking the session": 3.0}
_TIMEOUT_S = 10.0
_PLAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attack came to; it was blocked if nothing fired."""

    attack: Attack
    fired: Sequence[str]
    answer: str
    seconds: float


class Siege:
    """An arena and the agent's tools in it, kept from one case to the next so that each takes milliseconds."""

    def __init__(self, folder: Path, level: Level | None = None) -> None:
        (folder / "ws").mkdir(parents=True)
        self.arena = Arena(folder)
        self.arena.web.routes |= routes({path: self.arena.filled(place) for path, place in leads_to().items()})
        os.environ["CANARY_API_KEY"] = self.arena.filled("{KEY}")
        self._outputs = FileOutputs(folder / "outputs")
        self._level = level
        self._loop = asyncio.Runner()
        self._doors: dict[float, Door] = {}

    def __enter__(self) -> Siege:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for door in self._doors.values():
            self._loop.run(door.__aexit__(None, None, None))
        self._loop.close()
        self.arena.close()
        os.environ.pop("CANARY_API_KEY", None)  # two arenas may stand side by side

    def attack(self, attack: Attack) -> Outcome:
        """Run one attack against the agent's tools."""
        timeout_s = _TIMEOUTS_S.get(attack.kind, _TIMEOUT_S)
        door = self._door(timeout_s)
        self._prepare(door, attack.tool)
        cells = attack.payload.count("\n#%%\n") + 1
        return self._judge(attack, lambda payload: self._answer(door, attack.tool, payload), timeout_s * cells)

    def attack_plainly(self, attack: Attack) -> Outcome:
        """Run one attack with nothing in its way."""
        tools = {"shell": self._shell, "pyexe": self._python, "files": self._files, "fetch": _open_url}
        return self._judge(attack, tools[attack.tool], _PLAIN_S - _GRACE_S)

    def control(self, control: Control) -> str:
        """Run a control; return what it answered."""
        door = self._door(_TIMEOUT_S if control.id != "session-interrupted" else 1.0)
        self._prepare(door, control.tool)
        use = Attack(control.id, "", control.tool, control.payload, ())
        answer = self._answer(door, control.tool, self.arena.begin(use))
        self.arena.end(use, answer, is_late=False)
        return answer.content

    def _judge(self, attack: Attack, tool: Callable[[str], ToolResult], timeout_s: float) -> Outcome:
        payload = self.arena.begin(attack)
        started = time.monotonic()
        answer = tool(payload)
        seconds = time.monotonic() - started
        fired = self.arena.end(attack, answer, is_late=seconds > timeout_s + _GRACE_S)
        return Outcome(attack, fired, answer.content, seconds)

    def _door(self, timeout_s: float) -> Door:
        """Return the tools with this time limit."""
        if timeout_s not in self._doors:
            allowed = [f"127.0.0.1:{self.arena.web.port}"]
            door = Door(self.arena.workspace, self._outputs, timeout_s=timeout_s, allowed=allowed, level=self._level)
            # What was there before a lane began must not be the only thing it protects.
            self._answer(door, "shell", "true")
            self._doors[timeout_s] = door
        return self._doors[timeout_s]

    def _prepare(self, door: Door, tool: str) -> None:
        if tool == "pyexe":
            self._loop.run(door.begin_anew())

    def _answer(self, door: Door, tool: str, payload: str) -> ToolResult:
        return self._loop.run(door.answer(tool, payload))

    def _shell(self, payload: str) -> ToolResult:
        return self._run(["bash", "-c", payload])

    def _python(self, payload: str) -> ToolResult:
        *cells, last = payload.split("\n#%%\n")
        before, _, value = last.rpartition("\n")
        code = "\n".join([*cells, before])
        # As in a session, the last expression is shown.
        return self._run([sys.executable, "-c", f"import sys\nexec({code!r})\nexec(compile({value!r}, 'x', 'single'))"])

    def _run(self, argv: Sequence[str]) -> ToolResult:
        """Run a program as any would be run; what it leaves behind is cleared up by the arena."""
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                argv,
                cwd=self.arena.workspace,
                env=self.arena.environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                process.wait(_PLAIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            finally:
                assert process.stdin
                process.stdin.close()
            output.seek(0)
            return ToolResult(output.read(1 << 20).decode("utf-8", "replace"))

    def _files(self, payload: str) -> ToolResult:
        """Do what is asked without looking where it leads."""
        wanted = json.loads(payload)
        path = self.arena.workspace / wanted["path"]
        try:
            if wanted["op"] == "read":
                if path.is_fifo():  # as a reader would wait for somebody to write
                    return self._run(["cat", str(path)])
                return ToolResult(path.read_bytes().decode("utf-8", "replace"))
            if wanted["op"] == "list":
                return ToolResult("\n".join(each.name for each in path.iterdir()))
            path.write_text(wanted["data"])
        except (OSError, ValueError) as error:
            return ToolResult(str(error), is_error=True)
        return ToolResult("written")


def _open_url(payload: str) -> ToolResult:
    try:
        with urllib.request.urlopen(payload, timeout=2) as answer:
            return ToolResult(answer.read(1 << 20).decode("utf-8", "replace"))
    except (OSError, ValueError) as error:
        return ToolResult(str(error), is_error=True)


def is_possible(attack: Attack, level: Level | None) -> bool:
    """Whether an attack may be tried at a level without harming this machine."""
    return not attack.needs_namespaces or level is None or level.has_namespaces


def is_there(control: Control) -> bool:
    """Whether the program a control uses is installed."""
    return not control.needs or shutil.which(control.needs) is not None


def _chosen(options: argparse.Namespace) -> list[Attack]:
    only = options.only.split(",") if options.only else []
    return [
        each
        for each in ATTACKS
        if (not only or each.id in only) and options.tool in ("", each.tool) and (each.is_shown or not options.plain)
    ]


def _besiege(attacks: Sequence[Attack], level: Level | None, *, plain: bool) -> list[Outcome]:
    with tempfile.TemporaryDirectory(prefix="arena-") as folder, Siege(Path(folder) / "place", level) as siege:
        run = siege.attack_plainly if plain else siege.attack
        return [run(each) for each in attacks if plain or is_possible(each, level)]


def _failed_controls(level: Level | None) -> list[Control]:
    """Run all controls; tell and return those that failed."""
    with tempfile.TemporaryDirectory(prefix="arena-") as folder, Siege(Path(folder) / "place", level) as siege:
        answers = [(control, siege.control(control)) for control in CONTROLS if is_there(control)]
    failed = [(control, answer) for control, answer in answers if control.wanted not in answer]
    for control, answer in failed:
        print(f"{control.id} | control failed | {answer[-200:]!r}")
    print(f"controls: {len(answers) - len(failed)} of {len(answers)} work")
    return [control for control, _ in failed]


def _report(outcomes: Sequence[Outcome], *, plain: bool) -> None:
    for outcome in outcomes:
        if bool(outcome.fired) != plain:
            told = ", ".join(outcome.fired) or "did not work"
            print(f"{outcome.attack.id} | {told} | {outcome.seconds:.1f} s | {outcome.answer[-160:]!r}")
    for tool in dict.fromkeys(each.attack.tool for each in outcomes):
        found = [each for each in outcomes if each.attack.tool == tool]
        blocked = sum(not each.fired for each in found)
        print(f"{tool}: {blocked} of {len(found)} blocked, {sum(each.seconds for each in found):.0f} s")


def _table(path: Path) -> None:
    """Write how many attacks of each kind are blocked at each level."""
    columns = {str(level): _besiege(ATTACKS, level, plain=False) for level in (Level.BUBBLEWRAP, Level.LANDLOCK)}
    columns["no sandbox"] = _besiege([each for each in ATTACKS if each.is_shown], None, plain=True)
    lines = [f"| attacks blocked | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for kind in [*dict.fromkeys(each.kind for each in ATTACKS), ""]:
        found = [[each for each in outcomes if kind in ("", each.attack.kind)] for outcomes in columns.values()]
        counts = [f"{sum(not each.fired for each in some)} of {len(some)}" if some else "-" for some in found]
        lines.append(f"| {kind or 'all'} | {' | '.join(counts)} |")
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    where = f"Linux {platform.release()}, as {who}, {time.strftime('%Y-%m-%d')}"
    lines += ["", f"Measured on {where} with `python -m tests.security.runner --table FILE`."]
    path.write_text("\n".join([*lines, ""]))


def main(arguments: Sequence[str]) -> int:
    """Run what the command line asks for; return 1 if anything got through."""
    parser = argparse.ArgumentParser(prog="python -m tests.security.runner")
    parser.add_argument("--tool", default="")
    parser.add_argument("--only", default="")
    parser.add_argument("--level", type=Level, choices=list(Level))
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args(arguments)
    if options.table:
        _table(options.table)
        return 0
    outcomes = _besiege(_chosen(options), options.level, plain=options.plain)
    _report(outcomes, plain=options.plain)
    failed = [] if options.plain or options.only or options.tool else _failed_controls(options.level)
    return int(bool(failed) or any(bool(each.fired) != options.plain for each in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
