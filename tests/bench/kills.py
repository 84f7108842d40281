"""Seeded kills of a running task turned into what was lost: `python -m tests.bench.kills [--kills 5] [--seed 1]`.

The 20-step task is started, killed with SIGKILL and resumed, several times, until it is done. After each kill, what
the program had told as saved must be in its database, none of its processes may be left, and at the end each step must
have happened once. A call whose outcome the program does not know is told to the model, which checks before it repeats.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from core.encoding import message_to_dict
from core.session import Session
from flow.calls import AFTER_DOUBT, IN_DOUBT
from store.database import Database
from store.journal import SessionJournal
from tests.bench.measures import Row
from tests.bench.programs import TASK, environment, ours
from tests.bench.scripted_server import RunningServer, scripted_server
from tests.bench.scripts import ANSWER, HOLD, LOG, killed_groups

KILLS_PER_TASK = 5
START_UP_S = 0.3  # how long after its start a process may be killed at "start-up"
LONGEST_RUN_S = 60.0
MOST_FAILURES = 10
DYING_S = 5.0  # how long the kernel may take to end what a killed process had started
PR_SET_CHILD_SUBREAPER = 36

# When a kill strikes: after the n-th printed event of a kind, n at most this, and at most so many seconds later.
MOMENTS = {
    "start-up": ("", 0, START_UP_S),
    "streaming": ("text_delta", 16, 0.02),
    "tool": ("call_started", 4, 0.05),
    "between": ("call_finished", 4, 0.015),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill: `delay_s` after the event `kind` has come `count` times, or after the start without a `kind`."""

    phase: str
    kind: str
    count: int
    delay_s: float


@dataclass
class Tally:
    """What a series of kills came to."""

    kills: Counter[str] = field(default_factory=Counter)  # by phase
    tasks: int = 0
    doubts: int = 0  # results that told the model that the outcome is unknown
    failed_kills: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass
class Task:
    """One 20-step task, over all the processes that work on it."""

    server: RunningServer
    home: Path
    workspace: Path
    acknowledged: list[dict[str, Any]] = field(default_factory=list)  # events, in order
    errors: str = ""  # what the last process wrote to standard error

    def command(self) -> list[str]:
        """Return how the task goes on. A process killed before its first commit has left nothing to resume."""
        if session := self.session():
            return ours(self.server, "killed", self.workspace, "resume", "--output", "stream-json", session.id)
        return ours(self.server, "killed", self.workspace, "run", "--output", "stream-json", TASK)

    def session(self) -> Session | None:
        """Return the session as it is on disk, or None if nothing was said in it yet."""
        path = self.home / ".agent" / "agent.db"
        if not path.exists():
            return None
        journal = SessionJournal(Database(path), path.parent / "locks")
        try:
            sessions = [journal.peek(summary.id) for summary in journal.list(10) if summary.messages]
        finally:
            journal.close()
        assert len(sessions) <= 1, "a task has one session"
        return sessions[0] if sessions else None

    def lines(self) -> Counter[str]:
        """Return how often each line is in the log."""
        path = self.workspace / LOG
        return Counter(path.read_text("utf-8").split()) if path.exists() else Counter()


def kill_row(kills: int, seed: int) -> Row:
    """Kill the agent `kills` times. Returns: the row of the table; its value is the number of kills that did harm."""
    tally = kill_often(kills, seed)
    for failure in tally.failures:
        print(failure, file=sys.stderr)
    return Row("kills that did harm", tally.failed_kills, "", 0, summary(tally))


def summary(tally: Tally) -> str:
    """Return the k of n, and how they spread."""
    total = tally.kills.total()
    phases = ", ".join(f"{phase} {tally.kills[phase]}" for phase in MOMENTS)
    return f"{total - tally.failed_kills} of {total} ({phases}; {tally.tasks} tasks, {tally.doubts} doubts told)"


def kill_often(kills: int, seed: int) -> Tally:
    """Run tasks until the agent was killed `kills` times in all, or has failed often enough."""
    adopt_orphans()
    tally = Tally()
    chance = random.Random(seed)
    with scripted_server() as server:
        while tally.kills.total() < kills and len(tally.failures) < MOST_FAILURES:
            with tempfile.TemporaryDirectory(prefix="kills-") as folder:
                task = Task(server, Path(folder, "home"), Path(folder, "workspace"))
                task.home.mkdir()
                task.workspace.mkdir()
                finish_task(task, min(KILLS_PER_TASK, kills - tally.kills.total()), chance, tally)
    return tally


def finish_task(task: Task, kills: int, chance: random.Random, tally: Tally) -> None:
    """Bring one task to its end, killing its process at most `kills` times."""
    struck: list[Moment] = []
    harmful = 0
    for moment in [*choose_moments(chance, kills), None]:
        code = run_until(task, moment)
        harm = [*survivors(task.server.pid), *lost(task)]
        was_killed = moment is not None and code == -signal.SIGKILL
        if moment and was_killed:
            struck.append(moment)
            harmful += bool(harm)
        elif harm := [*harm, *wrong_at_end(task, code)]:
            harmful = max(1, len(struck))  # it shows only now, so none of the kills counts as harmless
        tally.failures += [f"kill {len(struck)} of a task, {moment}: {what}" for what in harm]
        if not was_killed:
            break
    tally.kills.update(moment.phase for moment in struck)
    tally.tasks += 1
    tally.doubts += doubts(task)
    tally.failed_kills += harmful


def choose_moments(chance: random.Random, count: int) -> list[Moment]:
    """Choose when to kill, each phase as often as the others."""
    phases = [phase for _ in range(count) for phase in chance.sample(list(MOMENTS), len(MOMENTS))]
    return [choose_moment(chance, phase) for phase in phases[:count]]


def choose_moment(chance: random.Random, phase: str) -> Moment:
    """Choose when in a phase to kill."""
    kind, most, longest_s = MOMENTS[phase]
    return Moment(phase, kind, chance.randint(min(1, most), most), chance.uniform(0, longest_s))


def run_until(task: Task, moment: Moment | None) -> int:
    """Let the task go on until `moment`, keeping what it acknowledges; return its exit code."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            task.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment(task.home),
            cwd=task.workspace,
        )
        assert process.stdout
        with process.stdout as output:
            for event in follow(process, output, moment, task.workspace / HOLD):
                if event["type"] in ("replied", "call_finished"):
                    task.acknowledged.append(event)
        code = process.wait(LONGEST_RUN_S)
        (task.workspace / HOLD).unlink(missing_ok=True)
        errors.seek(0)
        task.errors = errors.read().decode("utf-8", "replace")
        return code


def follow(
    process: subprocess.Popen[bytes], output: IO[bytes], moment: Moment | None, hold: Path
) -> Iterator[dict[str, Any]]:
    """Yield the printed events until the output ends, killing the process on the way; a last half line is nothing.

    A tool that is to be killed finds the file `hold` and does not end by itself, so that what is left of it is seen.
    """
    now = time.monotonic()
    deadline = now + moment.delay_s if moment and not moment.kind else now + LONGEST_RUN_S
    left = moment.count if moment else 0
    rest = b""
    while True:
        if not select.select([output], [], [], max(0.0, deadline - time.monotonic()))[0]:
            process.kill()
            deadline = time.monotonic() + LONGEST_RUN_S
        elif data := os.read(output.fileno(), 65536):
            *lines, rest = (rest + data).split(b"\n")
            for event in map(json.loads, lines):
                yield event
                if moment and event["type"] == moment.kind:
                    left -= 1
                    if left == 0:
                        deadline = time.monotonic() + moment.delay_s
                        if moment.phase == "tool":
                            hold.touch()
        else:
            return


def lost(task: Task) -> list[str]:
    """Return the first thing that was acknowledged and is not on disk, in its order."""
    session = task.session()
    saved = iter([message_to_dict(message) for message in session.messages] if session else [])
    missing = (event for event in task.acknowledged if not any(_tells(event, message) for message in saved))
    return [f"lost: {event}" for event in itertools.islice(missing, 1)]


def _tells(event: dict[str, Any], message: dict[str, Any]) -> bool:
    """Whether `message` is what `event` said was saved."""
    if event["type"] == "replied":
        same: bool = event["message"] == message
        return same
    told = (event["call"]["id"], event["result"]["content"])
    return told == (message.get("call_id"), message.get("content"))


def wrong_at_end(task: Task, code: int) -> list[str]:
    """Return what a finished task did not do as it should."""
    if code != 0:
        return [f"exit code {code}: {task.errors}"]
    session = task.session()
    last = session.last_reply() if session else None
    wrong = [] if last and last.content.strip() == ANSWER else [f"the answer is {last}"]
    lines = task.lines()
    never = sorted({f"step-{line}" for group in killed_groups() for line in group} - set(lines))
    often = sorted(line for line, count in lines.items() if count > 1)
    return wrong + ([f"never happened: {never}"] if never else []) + ([f"happened twice: {often}"] if often else [])


def doubts(task: Task) -> int:
    """Return how many results said that the outcome is unknown."""
    session = task.session()
    return sum(m.content.startswith((IN_DOUBT, AFTER_DOUBT)) for m in session.messages) if session else 0


def adopt_orphans() -> None:
    """Make this process the parent of whatever a killed process leaves behind; elsewhere than on Linux do nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def survivors(server_pid: int) -> list[str]:
    """Return the command lines of adopted processes that do not end."""
    deadline = time.monotonic() + DYING_S
    while alive := [pid for pid in _children() if pid != server_pid and os.waitpid(pid, os.WNOHANG)[0] == 0]:
        if time.monotonic() > deadline:
            return [f"still running: {_command_line(pid)}" for pid in alive]
        time.sleep(0.002)
    return []


def _children() -> list[int]:
    lists = Path("/proc/self/task").glob("*/children")
    return [int(pid) for children in lists for pid in children.read_text().split()]


def _command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")


def main(arguments: Sequence[str]) -> int:
    """Kill and report. Returns: 1 when a kill did harm."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS_PER_TASK)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    tally = kill_often(options.kills, options.seed)
    print(summary(tally))
    print("\n".join(tally.failures))
    return int(bool(tally.failures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
