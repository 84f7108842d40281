from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.errors import ToolError
from core.types import Opening, OpeningKind
from tests.tool.file_outputs import FileOutputs
from tests.tool.sandbox.conftest import SMALL, Sh
from tests.tool.sandbox.processes import children, command_lines, descriptors, is_gone
from tool.output import OUTPUT_LIMIT, BoundedOutput
from tool.sandbox.confinement import Confinement, running_python
from tool.sandbox.level import Level
from tool.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow  # real limits take real seconds

SLEEP = f"sleep 6{os.getpid()}"  # found again by its command line, and by that of no other run


def test_commands_share_a_sandbox_that_is_already_there(lane_sh: Sh) -> None:
    lane_sh("true")
    before = children()
    assert lane_sh("echo one; echo two >&2; exit 3")[0] == "one\ntwo"
    assert lane_sh("exit 3")[1].code == 3
    assert children() == before


def test_a_signal_is_told_as_shells_do(lane_sh: Sh) -> None:
    assert lane_sh("kill -TERM $$")[1].code == 143


def test_a_command_has_the_workspace_and_no_input(lane_sh: Sh, workspace: Path) -> None:
    text, ended = lane_sh("pwd; cat; read x; echo hi > made; mktemp >/dev/null && echo made")
    assert (text, ended.code) == (f"{workspace}\nmade", 0)
    assert (workspace / "made").read_text() == "hi\n"


def test_nothing_that_was_started_outlives_its_call(lane_sh: Sh) -> None:
    text, ended = lane_sh(
        f"{SLEEP} & setsid {SLEEP} & (setsid {SLEEP} &); (setsid setsid {SLEEP} >/dev/null 2>&1 &); echo hi"
    )
    assert (text, ended.code) == ("hi", 0)
    assert ended.seconds < 5
    assert not any(SLEEP in line for line in command_lines())


def test_a_pipe_held_open_does_not_hold_the_call(lane_sh: Sh) -> None:
    text, ended = lane_sh(f"(trap '' TERM HUP; {SLEEP}) & echo done")
    assert (text, ended.seconds < 5) == ("done", True)


def test_a_timeout_ends_what_ignores_every_signal_it_can(lane_sh: Sh) -> None:
    text, ended = lane_sh(f"echo before; trap '' TERM INT HUP QUIT; while :; do {SLEEP}; done", timeout_s=0.3)
    assert (text, ended.code, ended.stopped) == ("before", None, "0.3 s of time")
    assert ended.seconds < 3
    assert is_gone(SLEEP)


def test_the_lane_goes_on_after_a_timeout(lane_sh: Sh) -> None:
    lane_sh("true")
    before = children()
    assert lane_sh("sleep 60", timeout_s=0.1)[1].code is None
    assert lane_sh("echo on")[0] == "on"
    assert children() == before


@pytest.mark.parametrize(
    ("command", "limit"),
    [
        ("for i in $(seq 200); do sleep 50 & done 2>/dev/null; wait", "60 processes"),
        ("python3 -c \"b = bytearray(b'1') * (900 << 20); import time; time.sleep(50)\"", "400 MB of memory"),
        (
            "for i in 1 2 3 4 5; do python3 -c \"b = b'1' * (100 << 20); import time; time.sleep(50)\" & done; wait",
            "400 MB",
        ),
        (
            "for i in $(seq 100); do dd if=/dev/zero of=f$i bs=1M count=20 status=none; sleep 0.01; done",
            "50 MB of new files",
        ),
        ("yes", "4 MB of output"),
        ("while :; do :; done", "2 s of processor time"),
        ("(while :; do :; done) & (while :; do :; done) & wait", "2 s of processor time"),
    ],
)
def test_each_limit_ends_the_call_and_is_named(lane_sh: Sh, command: str, limit: str) -> None:
    text, ended = lane_sh(command)
    assert ended.code is None
    assert limit in ended.stopped
    assert len(text.encode()) <= OUTPUT_LIMIT
    assert ended.seconds < 10
    assert lane_sh("echo on")[0] == "on"


def test_what_others_write_to_the_disk_is_not_held_against_a_command(lane_sh: Sh, tmp_path: Path) -> None:
    lane_sh("true")
    other = threading.Thread(target=lambda: (tmp_path / "other").write_bytes(b"x" * (120 << 20)))
    other.start()
    ended = lane_sh("for i in $(seq 20); do sleep 0.05; done")[1]
    other.join()
    assert (ended.code, ended.stopped) == (0, "")


def test_a_fork_bomb_is_ended_whole(lane_sh: Sh) -> None:
    name = f"bomb{os.getpid()}"
    bomb = (
        f"{name}() {{ [ $1 -gt 0 ] && {{ {name} $(($1-1)) & {name} $(($1-1)) & sleep 50; }}; }}; {name} 8"  # 511 in all
    )
    _, ended = lane_sh(bomb)
    assert ended.stopped in ("60 processes", "400 MB of memory")
    assert is_gone(name)


def test_signals_to_everything_hit_only_the_command(lane_sh: Sh, level: Level) -> None:
    lane_sh("true")
    before = children()
    lane_sh("kill -9 -1; kill -9 1; kill -9 $PPID; sleep 0.05; echo here")
    assert lane_sh("echo on")[0] == "on"
    if level is Level.BUBBLEWRAP:
        assert children() == before


def test_the_supervisor_cannot_be_looked_into(lane_sh: Sh) -> None:
    text, _ = lane_sh("cat /proc/$PPID/environ; readlink -v /proc/$PPID/fd/3; head -c 1 /proc/$PPID/mem")
    assert text.count("Permission denied") == 3


def test_a_command_gets_its_output_and_nothing_else(lane_sh: Sh) -> None:
    assert lane_sh("cd /proc/self/fd && echo *")[0] in ("0 1 2", "0 1 2 3")  # 3 is the folder, being listed
    assert "socket" not in lane_sh("ls -l /proc/self/fd")[0]


def test_forged_messages_reach_nobody(lane_sh: Sh) -> None:
    code = (
        'import os\nfor n in range(3, 64):\n for data in (b\'{"code": 0, "stopped": "", "kept": true}\\nforged\', b\'x\'):\n'
        "  try: os.write(n, data)\n  except OSError: pass\nraise SystemExit(7)"
    )
    text, ended = lane_sh(f'python3 - <<"E"\n{code}\nE')
    assert (text, ended.code) == ("", 7)


def test_a_lane_that_died_is_told_and_replaced(lane_sh: Sh) -> None:
    lane_sh("true")
    for number in map(int, children()):
        os.kill(number, signal.SIGKILL)
        os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)
    assert lane_sh("echo new")[0] == "new"


@pytest.mark.parametrize("level", [Level.BUBBLEWRAP], indirect=True)  # elsewhere nobody is left to end the command
def test_a_lane_that_dies_during_a_call_is_told(sandbox: Sandbox, outputs: FileOutputs, workspace: Path) -> None:
    async def scenario() -> None:
        output = BoundedOutput(outputs)
        running = asyncio.create_task(sandbox.run(f"touch running; {SLEEP}", timeout_s=60, output=output))
        await until((workspace / "running").exists)
        for number in children():
            os.kill(int(number), signal.SIGKILL)
        with pytest.raises(ToolError, match="the sandbox ended while this ran"):
            await running

    asyncio.run(scenario())


def test_cancellation_ends_the_command_and_keeps_the_lane(
    sandbox: Sandbox, outputs: FileOutputs, workspace: Path
) -> None:
    async def scenario() -> None:
        output = BoundedOutput(outputs)
        await sandbox.run("true", timeout_s=60, output=output)
        before = (descriptors(), children())
        running = asyncio.create_task(sandbox.run(f"touch running; setsid {SLEEP}", timeout_s=60, output=output))
        await until((workspace / "running").exists)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not any(SLEEP in line for line in command_lines())
        assert (descriptors(), children()) == before

    asyncio.run(scenario())


async def until(is_so: object) -> None:
    """Let others run until something is so, for at most ten seconds."""
    assert callable(is_so)
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0)


def test_commands_run_side_by_side(sandbox: Sandbox, outputs: FileOutputs) -> None:
    async def one(n: int) -> str:
        output = BoundedOutput(outputs)
        await sandbox.run(
            f"touch {n}; until [ -e {1 - n} ]; do sleep 0.01; done; echo {n}", timeout_s=20, output=output
        )
        return output.text()

    async def scenario() -> list[str]:
        return list(await asyncio.gather(one(0), one(1)))

    assert asyncio.run(scenario()) == ["0\n", "1\n"]


def test_agents_in_several_threads_do_not_meet(tmp_path: Path, outputs: FileOutputs, level: Level) -> None:
    said: dict[int, str] = {}

    def agent(n: int) -> None:
        folder = tmp_path / f"workspace{n}"
        folder.mkdir()
        sandbox = Sandbox(Confinement(folder, python=running_python()), level=level)

        async def work() -> None:
            for _ in range(5):
                output = BoundedOutput(outputs)
                await sandbox.run(f"echo {n} >> mine; cat mine", timeout_s=20, output=output)
                said[n] = output.text()

        asyncio.run(work())
        sandbox.close()

    threads = [threading.Thread(target=agent, args=[n]) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {n: f"{n}\n" * 5 for n in range(3)}


def test_a_lane_outlives_the_thread_that_first_needed_it(sandbox: Sandbox, lane_sh: Sh) -> None:
    thread = threading.Thread(target=lambda: lane_sh("true"))
    thread.start()
    thread.join()
    before = children()
    assert lane_sh("echo on")[0] == "on"
    assert children() == before


def test_closing_leaves_no_process_and_no_descriptor(workspace: Path, outputs: FileOutputs, level: Level) -> None:
    async def once() -> None:
        await sandbox.run(f"{SLEEP} & true", timeout_s=20, output=BoundedOutput(outputs))

    before = (descriptors(), children())
    sandbox = Sandbox(Confinement(workspace, python=running_python()), level=level)
    asyncio.run(once())
    assert children() != before[1]
    sandbox.close()
    assert (descriptors(), children()) == before
    assert is_gone(f"{workspace}")


def test_an_agent_that_is_killed_leaves_nothing(workspace: Path, tmp_path: Path, level: Level) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from tests.tool.file_outputs import FileOutputs;"
        "from tool.output import BoundedOutput; from tool.sandbox.sandbox import Sandbox;"
        "from tool.sandbox.confinement import Confinement, running_python; from tool.sandbox.level import Level;"
        f"box = Sandbox(Confinement(Path({str(workspace)!r}), python=running_python()), level=Level({str(level)!r}));"
        f"out = BoundedOutput(FileOutputs(Path({str(tmp_path / 'o')!r})));"
        f"asyncio.run(box.run('touch running; setsid {SLEEP} & {SLEEP}', timeout_s=60, output=out))"
    )
    agent = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3])
    try:
        asyncio.run(until((workspace / "running").exists))
    finally:
        agent.kill()
        agent.wait()
    assert is_gone(SLEEP)
    assert is_gone(str(workspace))


def test_an_opening_and_strictness_get_a_sandbox_of_their_own(workspace: Path, outputs: FileOutputs) -> None:
    def printed(sandbox: Sandbox, opening: Opening | None) -> str:
        output = BoundedOutput(outputs)
        asyncio.run(
            sandbox.run(
                "cat /proc/1/comm; echo x >> /tmp/left; wc -l < /tmp/left", timeout_s=20, output=output, opening=opening
            )
        )
        return output.text()

    confinement = Confinement(workspace, python=running_python())
    lanes, strict = Sandbox(confinement), Sandbox(confinement, strict=True)
    assert "bwrap" in printed(strict, None)
    assert printed(strict, None).endswith("\n1\n")
    assert [printed(lanes, None)[-2:] for _ in range(2)] == ["1\n", "2\n"]
    assert printed(lanes, Opening(OpeningKind.NETWORK)).endswith("\n1\n")
    assert printed(lanes, None).endswith("\n3\n")
    lanes.close()
    strict.close()


def test_an_approved_command_has_the_same_limits_and_leaves_nothing(workspace: Path, outputs: FileOutputs) -> None:
    sandbox = Sandbox(Confinement(workspace, python=running_python()), limits=SMALL)
    bomb = f"for i in $(seq 200); do {SLEEP} & done 2>/dev/null; wait"
    output = BoundedOutput(outputs)
    ended = asyncio.run(sandbox.run(bomb, timeout_s=30, output=output, opening=Opening(OpeningKind.NETWORK)))
    sandbox.close()
    assert (ended.code, ended.stopped) == (None, "60 processes")
    assert is_gone(SLEEP)


def test_an_approved_path_is_open_and_its_neighbours_are_not(workspace: Path, outputs: FileOutputs) -> None:
    beside = workspace.parent / "beside"
    (beside / "open").mkdir(parents=True)
    (beside / "closed").mkdir()
    sandbox = Sandbox(Confinement(workspace, python=running_python()))
    command = f"echo x > {beside}/open/a; echo x > {beside}/closed/a; echo x > inside"
    opening = Opening(OpeningKind.PATH, str(beside / "open"))
    asyncio.run(sandbox.run(command, timeout_s=30, output=BoundedOutput(outputs), opening=opening))
    sandbox.close()
    assert [path.exists() for path in (beside / "open/a", beside / "closed/a", workspace / "inside")] == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("name", [".git", "skills", ".agent"])
def test_a_protected_folder_made_anew_is_protected_like_the_old_one(
    workspace: Path, outputs: FileOutputs, name: str
) -> None:
    hidden, read_only = [workspace / ".agent"], [workspace / "skills"]
    sandbox = Sandbox(Confinement(workspace, hidden, read_only, running_python()))
    file = workspace / name / "config"

    def reaches_it() -> bool:
        file.parent.mkdir()
        file.write_text("secret\n")
        output = BoundedOutput(outputs)
        command = f"echo armed >> {name}/config; [ {name} = .agent ] && cat {name}/config"
        asyncio.run(sandbox.run(command, timeout_s=20, output=output))
        return "armed" in file.read_text() or "secret" in output.text()

    before = reaches_it()
    shutil.rmtree(file.parent)  # its inode's number is free now, and may be that of the next folder
    looked_at_again = time.monotonic() + 0.25  # two calls at once are looked at as one
    while time.monotonic() < looked_at_again:
        pass
    after = reaches_it()
    sandbox.close()
    assert (before, after) == (False, False)


def test_what_has_come_to_need_protection_gets_it(sandbox: Sandbox, lane_sh: Sh, workspace: Path) -> None:
    lane_sh("echo before")
    (workspace / ".git").mkdir()
    deadline = time.monotonic() + 5
    while (refused := lane_sh("touch .git/config || echo refused")[0]) == "" and time.monotonic() < deadline:
        (workspace / ".git/config").unlink()
    assert refused.endswith("refused")
    assert not (workspace / ".git/config").exists()


def test_a_workspace_that_was_deleted_is_told_and_one_made_anew_is_used(lane_sh: Sh, workspace: Path) -> None:
    lane_sh("touch old")
    shutil.rmtree(workspace)
    with pytest.raises(ToolError, match="is no longer there"):
        lane_sh("true")
    workspace.mkdir()
    assert lane_sh("touch new; ls")[0] == "new"
    assert (workspace / "new").exists()


def test_commands_that_cannot_be_sent_are_refused(lane_sh: Sh) -> None:
    with pytest.raises(ToolError, match="NUL"):
        lane_sh("echo \0")
    with pytest.raises(ToolError, match=r"has 200000 bytes, over 131071; write it to a file"):
        lane_sh("#" * 200_000)
    assert lane_sh("#" * 131_071)[1].code == 0
    assert lane_sh("echo \udcff | od -An -tx1")[0].strip() == "ff 0a"


def test_a_hundred_commands_leave_nothing_behind(lane_sh: Sh, temporary: Path) -> None:
    leaves_nothing_behind(lane_sh, temporary, 100)


@pytest.mark.slow
def test_a_thousand_commands_leave_nothing_behind(lane_sh: Sh, temporary: Path) -> None:
    leaves_nothing_behind(lane_sh, temporary, 1000)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files that nobody else on this machine uses."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def leaves_nothing_behind(lane_sh: Sh, temporary: Path, commands: int) -> None:
    lane_sh("true")
    before = (descriptors(), children(), mounts(), sorted(os.listdir(temporary)))
    inside = lane_sh("ls /proc | grep -c '^[0-9]'; ls -A /tmp | wc -l")[0]
    for n in range(commands):
        assert lane_sh(f"{SLEEP} & echo {n}")[0] == str(n)
    assert lane_sh("ls /proc | grep -c '^[0-9]'; ls -A /tmp | wc -l")[0].splitlines()[1:] == inside.splitlines()[1:]
    assert (descriptors(), children(), mounts(), sorted(os.listdir(temporary))) == before
    assert is_gone(SLEEP)


def mounts() -> int:
    return Path("/proc/self/mountinfo").read_text().count("\n")


def call(
    sandbox: Sandbox, source: str, function: str = "run", timeout_s: float = 20, **arguments: object
) -> tuple[object, str]:
    called = asyncio.run(sandbox.call_function(source, function, arguments, timeout_s))
    return called.value, called.error


def test_a_function_is_called_with_arguments_and_gives_a_json_value(sandbox: Sandbox) -> None:
    source = "def run(a, b=2):\n    print('said', a)\n    return {'sum': a + b, 'all': [a, None, 'ä']}"
    called = asyncio.run(sandbox.call_function(source, "run", {"a": 1}, 20))
    assert (called.value, called.printed, called.error) == ({"sum": 3, "all": [1, None, "ä"]}, "said 1\n", "")


def test_each_call_of_a_function_starts_from_nothing(sandbox: Sandbox) -> None:
    source = "import os, sys\ndef run():\n    sys.seen = getattr(sys, 'seen', 0) + 1\n    os.environ['X'] = '1'\n    return sys.seen"
    assert [call(sandbox, source) for _ in range(3)] == [(1, "")] * 3


def test_an_error_shows_the_line(sandbox: Sandbox) -> None:
    value, error = call(sandbox, "def run(n):\n    return 1 / n", n=0)
    assert value is None
    assert error.startswith('  File "<skill>", line 2, in run\n    return 1 / n')
    assert error.endswith("ZeroDivisionError: division by zero")
    assert "function.py" not in error
    assert "SyntaxError" in call(sandbox, "def run(:")[1]
    assert "the source defines no function 'run'" in call(sandbox, "x = 1")[1]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 'x' * 1_000_000", "the result has 1000013 bytes, over the 140000 that can be returned"),
        ("return object()", "the result is no JSON value"),
        ("import os; os._exit(0)", "the process ended without a result"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import os; os.kill(os.getpid(), 9)", "the process ended without a result"),
        ("while True: pass", "stopped after 1 s of time"),
        ("return input()", "EOFError"),
        ("l = []; l.append(l); return l", "no JSON value"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_function_that_gives_no_value_says_why(sandbox: Sandbox, body: str, said: str) -> None:
    value, error = call(sandbox, f"def run():\n    {body}", timeout_s=1)
    assert value is None
    assert said in error
    assert call(sandbox, "def run():\n    return 1") == (1, "")


def test_a_function_leaves_no_process(sandbox: Sandbox) -> None:
    source = (
        "import subprocess\ndef run(command):\n    return subprocess.Popen(command, start_new_session=True).pid > 0"
    )
    assert call(sandbox, source, command=SLEEP.split()) == (True, "")
    assert is_gone(SLEEP)


def test_a_function_can_only_lie_about_itself(sandbox: Sandbox) -> None:
    forge = (
        "import os\ndef run():\n  for n in range(3, 64):\n    for data in (b'{}', b'{\"token\": \"\"}\\n{\"value\": 6}', b'[' * 99999):\n"
        "      try: os.write(n, data)\n      except OSError: pass\n  return 5"
    )
    assert call(sandbox, forge)[0] in (5, None)
    assert call(sandbox, "def run():\n    return 1") == (1, "")


def test_a_function_may_be_async_and_print_much(sandbox: Sandbox) -> None:
    assert call(sandbox, "import asyncio\nasync def run():\n    await asyncio.sleep(0)\n    return 7") == (7, "")
    called = asyncio.run(sandbox.call_function("def run():\n    print('x' * 100_000)", "run", {}, 20))
    assert called.printed.startswith("xxx")
    assert called.printed.endswith("[68001 more bytes were printed]")


def test_data_work_gives_plain_values(sandbox: Sandbox) -> None:
    pytest.importorskip("pandas")
    source = (
        "import numpy, pandas\ndef run():\n    f = pandas.DataFrame({'a': [1, 2]})\n"
        "    return [f, f.a.sum(), numpy.arange(2), f.a.mean(), {3, 1}]"
    )
    assert call(sandbox, source) == ([[{"a": 1}, {"a": 2}], 3, [0, 1], 1.5, [1, 3]], "")


def test_where_there_is_no_boundary_there_is_no_python(workspace: Path) -> None:
    with pytest.raises(ToolError, match="Python is off: there is no sandbox for it at the level 'rules only'"):
        call(Sandbox(Confinement(workspace), level=Level.RULES), "def run(): pass")


def test_a_sandbox_that_does_not_start_says_what_it_said(
    workspace: Path, outputs: FileOutputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = tmp_path / "bin/bwrap"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\necho 'bwrap: no namespaces here' >&2\nexit 1\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(stub.parent))
    sandbox = Sandbox(Confinement(workspace, python=running_python()), level=Level.BUBBLEWRAP)
    before = descriptors()
    with pytest.raises(ToolError, match="the sandbox does not start: bwrap: no namespaces here"):
        asyncio.run(sandbox.run("true", timeout_s=5, output=BoundedOutput(outputs)))
    sandbox.close()
    assert descriptors() <= before + 1
