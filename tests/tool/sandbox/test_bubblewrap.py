from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import ToolError
from core.types import Opening, OpeningKind
from tests import needs
from tests.tool.file_outputs import FileOutputs
from tests.tool.sandbox.processes import children
from tool.output import OUTPUT_LIMIT, BoundedOutput
from tool.runner import Exit
from tool.sandbox.bubblewrap import Bubblewrap
from tool.sandbox.confinement import Confinement
from tool.sandbox.inside import limits

Sh = Callable[..., tuple[str, Exit]]
SLEEP = f"sleep 4{os.getpid()}"  # found again by its command line, and by that of no other run


def confined(workspace: Path) -> Confinement:
    return Confinement(workspace, [Path(".agent")], [Path("skills")])


def git(folder: Path, *arguments: str) -> str:
    """Run git on the host, as a person would; return what it prints."""
    ran = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return ran.stdout.strip()


@pytest.fixture
def repository(workspace: Path) -> Path:
    git(workspace, "init", "-q")
    git(workspace, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first")
    return workspace


@pytest.fixture
def sh(workspace: Path, outputs: FileOutputs) -> Sh:
    """Run a command in the workspace; return what it printed and how it ended."""
    needs.bubblewrap()
    runner = Bubblewrap(confined(workspace))

    def sh(command: str, timeout_s: float = 30, opening: Opening | None = None) -> tuple[str, Exit]:
        output = BoundedOutput(outputs)
        ended = asyncio.run(runner.run(command, timeout_s=timeout_s, output=output, opening=opening))
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


def test_every_limit_that_the_kernel_keeps_is_set(sh: Sh) -> None:
    text, _ = sh("ulimit -c; ulimit -v; ulimit -n; ulimit -f; ulimit -t")
    assert [int(line) for line in text.splitlines()] == [
        0,
        limits.MEMORY_BYTES >> 10,
        limits.OPEN_FILES,
        limits.FILE_BYTES >> 10,
        limits.PROCESSOR_S,
    ]
    assert sh("python3 -c 'bytearray(5 << 30)' 2>&1 | tail -1")[0] == "MemoryError"


def test_unix_sockets_are_closed_even_to_a_socket_in_the_workspace(sh: Sh, workspace: Path) -> None:
    code = "import socket; socket.socket(socket.AF_UNIX).connect('s')"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(workspace / "s"))
        listener.listen(1)
        subprocess.run([sys.executable, "-c", code], check=True, cwd=workspace)
        text, ended = sh(f'python3 -c "{code}"')
    assert ended.code == 1
    assert "Operation not permitted" in text


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
        running = asyncio.create_task(Bubblewrap(confined(workspace)).run(command, timeout_s=60, output=output))
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
    runner = Bubblewrap(confined(workspace))

    async def scenario() -> tuple[str, str]:
        async def one(n: int) -> str:
            output = BoundedOutput(outputs)
            await runner.run(f"touch {n}; until [ -e {1 - n} ]; do :; done; echo {n}", timeout_s=20, output=output)
            return output.text()

        return await asyncio.gather(one(0), one(1))

    assert list(asyncio.run(scenario())) == ["0\n", "1\n"]


def test_a_workspace_that_cannot_be_one_is_refused(tmp_path: Path, outputs: FileOutputs) -> None:
    for path, message in ((tmp_path / "gone", "is no longer there"), (Path("/usr"), "is part of the system")):
        with pytest.raises(ToolError, match=message):
            asyncio.run(Bubblewrap(confined(path)).run("true", timeout_s=5, output=BoundedOutput(outputs)))


def test_a_workspace_may_have_spaces_and_lie_behind_a_link(tmp_path: Path, outputs: FileOutputs) -> None:
    needs.bubblewrap()
    (tmp_path / "a b").mkdir()
    (tmp_path / "link").symlink_to("a b")
    output = BoundedOutput(outputs)
    asyncio.run(Bubblewrap(confined(tmp_path / "link")).run("pwd; touch x", timeout_s=20, output=output))
    assert output.text() == f"{tmp_path / 'a b'}\n"
    assert (tmp_path / "a b/x").exists()


def test_a_timeout_says_which_limit_it_was(sh: Sh) -> None:
    assert sh("sleep 9", timeout_s=0.2)[1].stopped == "0.2 s of time"


def test_the_network_is_open_to_the_one_command_it_was_approved_for(sh: Sh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]} && echo connected"
        assert "refused" in sh(connect)[0]
        assert sh(connect, opening=Opening(OpeningKind.NETWORK))[0] == "connected"
        assert "refused" in sh(connect)[0]
    opened = Opening(OpeningKind.NETWORK)
    assert sh("test -r /etc/resolv.conf && ls /etc/ssl/certs | wc -l", opening=opened)[1].code == 0
    unix = "import socket; socket.socket(socket.AF_UNIX)"
    assert "not permitted" in sh(f'python3 -c "{unix}"', opening=opened)[0]


def test_one_path_outside_is_open_to_one_command(sh: Sh, tmp_path: Path) -> None:
    for name in ("wanted", "other"):
        (tmp_path / name).mkdir()
    opened = Opening(OpeningKind.PATH, str(tmp_path / "wanted"))
    write = f"touch {tmp_path}/wanted/x; touch {tmp_path}/other/x"
    sh(write)
    assert list(tmp_path.glob("*/x")) == []
    sh(write, opening=opened)
    assert list(tmp_path.glob("*/x")) == [tmp_path / "wanted/x"]


def test_a_commit_works_through_its_approval_and_not_without(sh: Sh, repository: Path) -> None:
    commit = "echo x > file && git add file && git -c user.name=a -c user.email=a@b commit -qm second"
    text, ended = sh(commit)
    assert ended.code
    assert "Read-only file system" in text
    text, ended = sh(commit, opening=Opening(OpeningKind.GIT))
    assert ended.code == 0, text
    assert git(repository, "log", "--format=%s") == "second\nfirst"
    assert git(repository, "status", "--short") == ""


@pytest.mark.parametrize(
    "attack",
    [
        "git config core.fsmonitor 'touch {mark}'",
        "printf '[core]\\n\\tfsmonitor = touch {mark}\\n' >> .git/config",
        "mv .git old && git init -q && git config core.fsmonitor 'touch {mark}'",
        "rm -rf .git; git init -q; git config core.fsmonitor 'touch {mark}'",
        "mkdir evil && cp -r .git/. evil && git -C evil config core.bare false; "
        "git config -f evil/config core.fsmonitor 'touch {mark}'; echo ../evil > .git/commondir",
        "cp .git/config .git/new && git config -f .git/new core.fsmonitor 'touch {mark}' && mv -f .git/new .git/config",
        "mkdir -p .git/hooks; printf '#!/bin/sh\\ntouch {mark}\\n' > .git/hooks/pre-commit;"
        " chmod +x .git/hooks/pre-commit",
        "git -c extensions.worktreeConfig=true config --worktree core.fsmonitor 'touch {mark}';"
        " printf '[core]\\n\\tfsmonitor = touch {mark}\\n' > .git/config.worktree",
    ],
)
@pytest.mark.parametrize("opening", [None, Opening(OpeningKind.GIT)], ids=["closed", "open"])
def test_nothing_is_planted_that_a_later_git_would_run(
    sh: Sh, repository: Path, tmp_path: Path, attack: str, opening: Opening | None
) -> None:
    mark = tmp_path / "ran"
    sh(attack.format(mark=mark), opening=opening)
    for later in ("status", "-c user.name=a -c user.email=a@b commit -q --allow-empty -m mine"):
        # An opened .git can be broken, but not armed.
        subprocess.run(["git", "-C", repository, *later.split()], capture_output=True, check=opening is None)
    assert not mark.exists()


def test_the_same_plant_runs_without_the_sandbox(repository: Path, tmp_path: Path) -> None:
    git(repository, "config", "core.fsmonitor", f"touch {tmp_path / 'ran'}; false")
    git(repository, "status")
    assert (tmp_path / "ran").exists()


def test_hooks_of_the_repository_do_not_run_while_git_is_open(sh: Sh, repository: Path) -> None:
    hook = repository / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch hook-ran\n")
    hook.chmod(0o755)
    commit = "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x"
    assert sh(commit, opening=Opening(OpeningKind.GIT))[1].code == 0
    assert not (repository / "hook-ran").exists()


def test_a_submodules_own_git_is_read_only_and_cannot_be_slipped_out(sh: Sh, repository: Path) -> None:
    (repository / "sub").mkdir()
    git(repository / "sub", "init", "-q")
    sh(
        "git -C sub config core.fsmonitor evil; mv sub/.git sub/old; mv sub old; mkdir -p sub/.git; touch sub/.git/config"
    )
    assert "evil" not in (repository / "sub/.git/config").read_text()
    assert not (repository / "old").exists()
    assert sh("touch sub/file && mv sub/file . && rm file")[1].code == 0
