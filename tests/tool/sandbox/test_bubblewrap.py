from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import ToolError
from tests import needs
from tests.tool.file_outputs import FileOutputs
from tool.output import OUTPUT_LIMIT, BoundedOutput
from tool.runner import Exit
from tool.sandbox.bubblewrap import Bubblewrap

Sh = Callable[..., tuple[str, Exit]]
SLEEP = f"sleep 4{os.getpid()}"  # found again by its command line, and by that of no other run


@pytest.fixture
def sh(workspace: Path, outputs: FileOutputs) -> Sh:
    """Run a command in the workspace; return what it printed and how it ended."""
    needs.bubblewrap()
    runner = Bubblewrap(workspace)

    def sh(command: str, timeout_s: float = 30) -> tuple[str, Exit]:
        output = BoundedOutput(outputs)
        ended = asyncio.run(runner.run(command, timeout_s=timeout_s, output=output))
        return output.text().removesuffix("\n"), ended

    return sh


def gone(marker: str) -> bool:
    """Whether no process with `marker` in its command line is left, waiting for the kernel to clear up."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not any(marker in line for line in command_lines()):
            return True
    return False


def command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_text(errors="replace").replace("\0", " ")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_it_prints_and_ends_as_the_command_does(sh: Sh) -> None:
    text, ended = sh("echo out; echo err >&2; exit 3")
    assert (text, ended.code) == ("out\nerr", 3)
    assert 0 < ended.seconds < 10
    assert sh("kill -TERM $$")[1].code == 143


def test_the_workspace_is_at_its_own_path_and_writable(sh: Sh, workspace: Path) -> None:
    assert sh("pwd; mkdir -p a; echo hi > a/new")[0] == str(workspace)
    assert (workspace / "a/new").read_text() == "hi\n"


def test_git_and_skills_are_read_only_and_the_agents_folder_is_empty(sh: Sh, workspace: Path) -> None:
    for name in (".git", "skills", ".agent"):
        (workspace / name).mkdir()
        (workspace / name / "file").write_text("here")
    text, _ = sh("cat .git/file skills/file; ls -A .agent; for d in .git skills .agent; do touch $d/x; done")
    assert text.startswith("herehere")
    assert "touch: cannot touch '.git/x'" in text
    assert "touch: cannot touch 'skills/x'" in text
    sh("mv .git old; rm -rf .git .agent skills; echo x > .agent/db")
    for name in (".git", "skills", ".agent"):
        assert [path.name for path in (workspace / name).iterdir()] == ["file"]


def test_what_is_not_there_is_not_made_to_be_protected(sh: Sh, workspace: Path) -> None:
    sh("true")
    assert list(workspace.iterdir()) == []


def test_nothing_else_can_be_written_or_seen(sh: Sh, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    home = Path.home()
    text, _ = sh(f"cat {tmp_path}/secret; ls {home}; touch /x /usr/x /etc/x; cat /etc/shadow; ls -A /tmp")
    assert "secret\n" not in text.replace(f"{tmp_path}/secret", "")
    assert text.count("Read-only file system") == 3
    assert "/etc/shadow: No such file" in text


def test_nothing_of_the_hosts_environment_gets_in(sh: Sh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_API_KEY", "secret-key")
    text, _ = sh("env; cat /proc/*/environ")
    assert "HOME=/tmp/home" in text
    assert "secret-key" not in text


def test_there_is_no_network_and_no_way_to_system_settings(sh: Sh) -> None:
    assert sh("cat /proc/net/dev | grep -vc lo:")[0] == "2"  # the two lines of its heading
    assert sh("test -w /proc/sys/kernel/core_pattern && echo writable")[0] == ""
    assert "CapEff:\t0000000000000000" in sh("cat /proc/self/status")[0]


@pytest.mark.parametrize(
    "command",
    [
        "id",
        "git init -q . && git status --short",
        "python3 -c 'import ssl, subprocess, tempfile; tempfile.mkstemp(); subprocess.run([\"true\"])'",
        "python3 -c 'import multiprocessing as m; m.Pool(2).map(abs, [1])'",
        "cd && pwd && touch x",
        "echo x > /dev/null; head -c 3 /dev/urandom | wc -c",
        "sleep 0.01 & wait",
        "cat; read x || true",
    ],
)
def test_ordinary_commands_work(sh: Sh, command: str) -> None:
    text, ended = sh(command)
    assert ended.code == 0, text


def test_git_status_works_while_git_is_read_only(sh: Sh, workspace: Path) -> None:
    (workspace / "file").write_text("x")
    subprocess.run(["git", "init", "-q", str(workspace)], check=True)
    assert sh("git status --short")[0] == "?? file"


def test_a_background_child_neither_holds_the_call_nor_outlives_it(sh: Sh) -> None:
    text, ended = sh(f"{SLEEP} & setsid {SLEEP} & echo started")
    assert (text, ended.code) == ("started", 0)
    assert ended.seconds < 5
    assert gone(SLEEP)


def test_a_background_flood_does_not_hold_the_call(sh: Sh) -> None:
    text, ended = sh("yes flood & sleep 0.1; exit 5", timeout_s=20)
    assert ended.code == 5
    assert len(text.encode()) <= OUTPUT_LIMIT


def test_a_timeout_kills_everything_and_keeps_what_was_printed(sh: Sh) -> None:
    text, ended = sh(
        f"echo before; trap '' TERM INT; for i in {{1..60}}; do setsid {SLEEP} & done; {SLEEP}", timeout_s=0.7
    )
    assert (text, ended.code) == ("before", None)
    assert ended.seconds < 4
    assert not any(SLEEP in line for line in command_lines())  # at once, not soon


def test_a_program_that_closes_its_output_is_still_waited_for(sh: Sh) -> None:
    assert sh("exec >&- 2>&-; sleep 0.2; exit 9")[1].code == 9


def test_cancellation_kills_and_reaps(workspace: Path, outputs: FileOutputs) -> None:
    needs.bubblewrap()

    async def scenario() -> None:
        output = BoundedOutput(outputs)
        command = f"touch running; {SLEEP}"
        running = asyncio.create_task(Bubblewrap(workspace).run(command, timeout_s=60, output=output))
        deadline = time.monotonic() + 10
        while not (workspace / "running").exists() and time.monotonic() < deadline:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    before = descriptors()
    asyncio.run(scenario())
    assert children() == []
    assert descriptors() == before
    assert gone(SLEEP)


def test_a_flood_costs_no_memory_and_is_kept_whole(sh: Sh, outputs: FileOutputs) -> None:
    text, ended = sh("head -c 5000000 /dev/zero | tr '\\0' x; echo; echo the end")
    assert ended.code == 0
    assert text.endswith("the end")
    assert len(text.encode()) <= OUTPUT_LIMIT
    assert outputs.read("out1", 0, 1).total == 5_000_009


@pytest.mark.slow
def test_two_hundred_commands_leave_nothing_behind(sh: Sh) -> None:
    sh("true")
    before = descriptors()
    for n in range(200):
        assert sh(f"{SLEEP} & echo {n}")[0] == str(n)
    assert descriptors() == before
    assert children() == []
    assert gone(SLEEP)


def test_commands_run_side_by_side(workspace: Path, outputs: FileOutputs) -> None:
    needs.bubblewrap()
    runner = Bubblewrap(workspace)

    async def scenario() -> tuple[str, str]:
        async def one(n: int) -> str:
            output = BoundedOutput(outputs)
            await runner.run(f"touch {n}; until [ -e {1 - n} ]; do :; done; echo {n}", timeout_s=20, output=output)
            return output.text()

        return await asyncio.gather(one(0), one(1))

    assert list(asyncio.run(scenario())) == ["0\n", "1\n"]


def test_without_bubblewrap_the_sentence_tells_how_to_get_it(
    workspace: Path, outputs: FileOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(workspace))
    runner = Bubblewrap(workspace)
    with pytest.raises(ToolError, match=r"shell commands are off: .* install it: apt install bubblewrap"):
        asyncio.run(runner.run("true", timeout_s=5, output=BoundedOutput(outputs)))


def test_a_bubblewrap_that_may_not_make_namespaces_is_told(
    workspace: Path, outputs: FileOutputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = tmp_path / "bin/bwrap"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(stub.parent))
    runner = Bubblewrap(workspace)
    with pytest.raises(ToolError, match=r"No permissions to create new namespace\); allow unprivileged user"):
        asyncio.run(runner.run("true", timeout_s=5, output=BoundedOutput(outputs)))
    stub.unlink()
    assert "No permissions" in (runner.why_unavailable() or "")  # asked only once


def test_a_workspace_that_cannot_be_one_is_refused(tmp_path: Path, outputs: FileOutputs) -> None:
    for path, message in ((tmp_path / "gone", "is no longer there"), (Path("/usr"), "is part of the system")):
        with pytest.raises(ToolError, match=message):
            asyncio.run(Bubblewrap(path).run("true", timeout_s=5, output=BoundedOutput(outputs)))


def test_a_workspace_may_have_spaces_and_lie_behind_a_link(tmp_path: Path, outputs: FileOutputs) -> None:
    needs.bubblewrap()
    (tmp_path / "a b").mkdir()
    (tmp_path / "link").symlink_to("a b")
    output = BoundedOutput(outputs)
    asyncio.run(Bubblewrap(tmp_path / "link").run("pwd; touch x", timeout_s=20, output=output))
    assert output.text() == f"{tmp_path / 'a b'}\n"
    assert (tmp_path / "a b/x").exists()
