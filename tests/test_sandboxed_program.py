"""The boundary as a person meets it: modes, questions, remembered decisions, the doctor, the ugly flag."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import needs
from tests.program import COMMAND, environment, run
from tests.terminal import terminal

pytestmark = pytest.mark.slow  # real terminals


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "config", "user.email", "person@example.org")
    git(folder, "config", "user.name", "A Person")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    (folder / "new.txt").write_text("new\n")
    return folder


def shown(count: int, text: str) -> Callable[[str], bool]:
    return lambda screen: screen.count(text) == count


def test_headless_a_question_is_a_no(tmp_path: Path, repository: Path) -> None:
    needs.bubblewrap()
    done = run(tmp_path, "run", "run git add new.txt", "--workspace", str(repository), model="rules")
    assert done.returncode == 3
    assert "nobody is here" in done.stderr
    assert git(repository, "status", "--short") == "?? new.txt\n"


def test_a_commit_is_made_after_a_yes_and_asked_again_the_next_time(tmp_path: Path, repository: Path) -> None:
    needs.bubblewrap()
    with terminal(tmp_path, "--model", "rules", "--workspace", str(repository)) as person:
        person.wait_for("mode ask")
        for count, command in enumerate(("git add new.txt", "git commit -m second"), 1):
            person.type(f"run {command}")
            person.wait_for(shown(count, "your answer [y/a/d/n]"))
            person.type("y")
            person.wait_for(shown(count, "I ran `git"))
        person.press("d")
        assert person.exit_code() == 0
    assert git(repository, "log", "--format=%s").split() == ["second", "first"]


def test_what_was_typed_before_the_question_is_no_answer_to_it(tmp_path: Path, repository: Path) -> None:
    needs.bubblewrap()
    with terminal(tmp_path, "--model", "rules", "--workspace", str(repository)) as person:
        person.wait_for("mode ask")
        person.type("run sleep 1; git add new.txt")
        person.wait_for("your answer")
        person.type("always do what I say")
        person.wait_for("the user said no")
        person.type("run sleep 1")
        person.wait_for("shell is running")
        person.type("run git add new.txt")
        person.type("a")
        person.wait_for(shown(2, "your answer"))
        person.press("c")
        person.wait_for(shown(4, "the user said no"))
    assert git(repository, "status", "--short") == "?? new.txt\n"


def test_always_is_for_this_exact_command_and_can_be_taken_back(tmp_path: Path, repository: Path) -> None:
    needs.bubblewrap()
    place = ["--model", "rules", "--workspace", str(repository)]
    with terminal(tmp_path, *place) as person:
        person.wait_for("mode ask")
        person.type("run git add new.txt")
        person.wait_for("your answer")
        person.type("a")
        person.wait_for("I ran `git add new.txt`")
    (repository / "other.txt").write_text("other\n")
    assert run(tmp_path, "run", "run git add other.txt", *place).returncode == 3
    (repository / "new.txt").write_text("newer\n")
    assert run(tmp_path, "run", "run git add new.txt", *place).stdout.startswith("I ran")
    assert git(repository, "status", "--short") == "A  new.txt\n?? other.txt\n"

    listed = run(tmp_path, "permissions", *place).stdout
    assert "allowed  git  git add new.txt" in listed
    assert "nothing was decided" in run(tmp_path, "permissions", "--forget", listed.split()[0], *place).stdout
    assert run(tmp_path, "run", "run git add new.txt", *place).returncode == 3


def test_a_decision_that_is_not_there_cannot_be_taken_back(tmp_path: Path) -> None:
    done = run(tmp_path, "permissions", "--forget", "7", model="rules")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "7" in done.stderr


def test_plan_mode_changes_nothing_and_reads(tmp_path: Path) -> None:
    needs.bubblewrap()
    (tmp_path / "a.txt").write_text("old")
    plan = ["--approvals", "plan", "--model", "rules"]
    assert "plan mode" in run(tmp_path, "run", "write new to a.txt", *plan).stderr
    assert "plan mode" in run(tmp_path, "run", "run rm a.txt", *plan).stderr
    assert "old" in run(tmp_path, "run", "run cat a.txt", *plan).stdout
    assert (tmp_path / "a.txt").read_text() == "old"


def test_the_mode_can_be_changed_between_turns(tmp_path: Path) -> None:
    with terminal(tmp_path, "--model", "rules") as person:
        person.wait_for("mode ask")
        person.type("/mode plan")
        person.wait_for("mode plan")
        person.type("write x to a.txt")
        person.wait_for("this is plan mode")
        person.type("/mode auto")
        person.type("write x to a.txt")
        assert "created 'a.txt'" in person.wait_for("created 'a.txt'")


def test_offline_there_is_no_fetch(tmp_path: Path) -> None:
    script = "import asyncio, json, sys\nfrom boot.settings import load_settings\nfrom boot.wire import open_agent\n"
    script += "async def main():\n    async with open_agent(load_settings({'model': 'rules'})) as agent:\n"
    script += "        print([t['function']['name'] for t in json.loads(agent.begin().session.head.tools)])\nasyncio.run(main())"

    def tools(**settings: str) -> str:
        command = [COMMAND[0], "-c", script]
        folder = str(Path(COMMAND[1]).parent)
        return subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=folder, env=environment(tmp_path, **settings)
        ).stdout

    assert "'fetch'" in tools()
    assert "'fetch'" not in tools(offline="1")
    assert "'fetch'" not in tools(enable_fetch="off")


def test_the_doctor_names_the_level_and_a_downgrade_has_its_reason(tmp_path: Path) -> None:
    needs.bubblewrap()
    assert "ok       sandbox: bubblewrap\n" in run(tmp_path, "doctor", model="rules").stdout
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "python").symlink_to(COMMAND[0])
    done = subprocess.run(
        [*COMMAND, "doctor"],
        capture_output=True,
        text=True,
        env=environment(tmp_path, model="rules") | {"PATH": str(bare)},
    )
    assert "weaker   sandbox: Landlock and seccomp: bubblewrap is not installed" in done.stdout


def test_the_banner_tells_a_weaker_level(tmp_path: Path) -> None:
    needs.bubblewrap()
    with terminal(tmp_path, "--model", "rules", path=str(tmp_path)) as person:
        assert "bubblewrap is not installed" in person.wait_for("sandbox: Landlock and seccomp")


def test_without_a_sandbox_it_says_so_loudly_and_only_a_flag_does_it(tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    home = tmp_path
    flag = "--dangerously-without-sandbox"
    done = run(home, "run", f"run touch {outside} && echo done", flag, model="rules")
    assert (done.returncode, outside.exists()) == (0, True)
    with terminal(home, flag, "--model", "rules") as person:
        person.wait_for("sandbox: none: everything runs with your rights")
    told = run(home, "settings", approvals="danger")
    assert (told.returncode, "plan, ask or auto" in told.stderr) == (2, True)


def test_planning_without_a_sandbox_is_a_contradiction(tmp_path: Path) -> None:
    done = run(tmp_path, "run", "hi", "--approvals", "plan", "--dangerously-without-sandbox", model="rules")
    assert (done.returncode, "choose one" in done.stderr) == (2, True)


def test_what_was_started_without_a_sandbox_ends_with_its_command(tmp_path: Path) -> None:
    command = "run sleep 1234.5 & echo started"
    done = run(tmp_path, "run", command, "--dangerously-without-sandbox", model="rules")
    assert "started" in done.stdout
    found = subprocess.run(["pgrep", "-f", "sleep 1234.5"], capture_output=True, text=True).stdout.split()
    assert [pid for pid in found if Path(f"/proc/{pid}/stat").exists() and _is_alive(pid)] == []


def _is_alive(pid: str) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def test_a_config_file_in_the_workspace_is_hidden_and_its_neighbours_are_not(tmp_path: Path) -> None:
    needs.bubblewrap()
    (tmp_path / "config.toml").write_text('api_key = "hunter2"\n')
    (tmp_path / "peek.sh").write_text("cat config.toml; ls")
    command = [*COMMAND, "run", "run bash peek.sh", "--model", "rules"]
    variables = environment(tmp_path) | {"AGENT_CONFIG": str(tmp_path / "config.toml")}
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    assert "peek.sh" in done.stdout
    assert "hunter2" not in done.stdout


def test_the_program_itself_is_no_workspace(tmp_path: Path) -> None:
    done = run(tmp_path, "run", "calculate 1+1", "--workspace", os.path.dirname(COMMAND[1]), model="rules")
    assert done.returncode == 2
    assert "another clone" in done.stderr
