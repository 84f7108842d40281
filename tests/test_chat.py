"""The chat in a real terminal, with a real llama.cpp server behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import needs
from tests.llama_server import Serve
from tests.program import run
from tests.scripted_gguf import Script
from tests.terminal import terminal

pytestmark = pytest.mark.slow  # real terminals


@pytest.fixture(scope="module")
def script() -> Script:
    return (
        Script()
        .on("what is here?", calls=[("shell", {"command": "ls *.txt; echo listed"})])
        .on_result("listed", "There is one file, and it is called poem.txt.")
        .on("count for ever", "one two three ", endless=True)
        .on("and now?", "Now I listen again.")
        .on("", "Hello from the model.")
    )


@pytest.mark.llama
def test_a_person_types_sees_the_tool_run_and_reads_the_answer(
    llama_server: Serve, script: Script, tmp_path: Path
) -> None:
    needs.bubblewrap()
    (tmp_path / "poem.txt").write_text("roses")
    with terminal(tmp_path, "--model-url", llama_server(script)) as person:
        person.wait_for("Ctrl-D leaves")
        person.type("what is here?")
        screen = person.wait_for("it is called poem.txt.")
        assert "● shell ls *.txt; echo listed" in screen
        assert "\n  poem.txt\n  listed\n" in screen
        assert "tokens read" in person.wait_for("tokens read")
        person.press("d")
        assert person.exit_code() == 0
        assert "goes on with this session" in person.text()


@pytest.mark.llama
def test_ctrl_c_stops_the_reply_and_not_the_program(llama_server: Serve, script: Script, tmp_path: Path) -> None:
    with terminal(tmp_path, "--model-url", llama_server(script)) as person:
        person.wait_for("Ctrl-D leaves")
        person.type("count for ever")
        person.wait_for("one two three one two three")
        person.press("c")
        person.wait_for("stopped")
        person.type("and now?")
        assert "Now I listen again." in person.wait_for("Now I listen again.")


@pytest.mark.llama
def test_a_resumed_chat_shows_what_was_said(llama_server: Serve, script: Script, tmp_path: Path) -> None:
    url = llama_server(script)
    assert run(tmp_path, "run", "hi there", model_url=url).returncode == 0
    with terminal(tmp_path, "resume", "--model-url", url) as person:
        screen = person.wait_for("Hello from the model.")
        assert "› hi there" in screen
        person.type("and now?")
        assert "Now I listen again." in person.wait_for("Now I listen again.")


def test_ctrl_c_while_a_command_runs_ends_the_command(tmp_path: Path) -> None:
    needs.bubblewrap()
    with terminal(tmp_path, "--model", "rules") as person:
        person.wait_for("Ctrl-D leaves")
        person.type("run echo begun; sleep 1000; echo slept")
        person.wait_for("shell is running")
        person.press("c")
        person.wait_for("stopped")
        person.type("calculate 6*7")
        assert "exit" not in person.wait_for("6*7 = 42")


def test_what_is_typed_during_a_turn_is_sent_after_it(tmp_path: Path) -> None:
    needs.bubblewrap()
    with terminal(tmp_path, "--model", "rules") as person:
        person.wait_for("Ctrl-D leaves")
        person.type("run sleep 1; echo slept")
        person.wait_for("shell is running")
        person.type("calculate 6*7")
        screen = person.wait_for("6*7 = 42")
        assert screen.index("slept") < screen.index("calculate 6*7")
        assert screen.count("› calculate 6*7") == 1


def test_the_chat_works_in_a_terminal_of_20_columns(tmp_path: Path) -> None:
    with terminal(tmp_path, "--model", "rules", columns=20, rows=20) as person:
        person.wait_for("Ctrl-D")
        person.type("calculate 6*7")
        person.wait_for("6*7 = 42")
        person.wait_for(lambda screen: screen.endswith("›"))
        person.press("d")
        assert person.exit_code() == 0


def test_a_slash_command_helps_and_begins_a_new_session(tmp_path: Path) -> None:
    with terminal(tmp_path, "--model", "rules") as person:
        person.wait_for("Ctrl-D leaves")
        person.type("/help")
        person.wait_for("/resume ID")
        person.type("calculate 1+1")
        person.wait_for("1+1 = 2")
        person.type("/resume nothing")
        person.wait_for("no session 'nothing'")
        person.type("/new")
        person.wait_for("new session")
        person.type("calculate 2+2")
        person.wait_for("2+2 = 4")
        person.type("/exit")
        assert person.exit_code() == 0
    assert run(tmp_path, "sessions").stdout.count("messages") == 2


def test_a_session_in_use_can_be_watched_or_forked(tmp_path: Path) -> None:
    with terminal(tmp_path, "--model", "rules") as first:
        first.wait_for("Ctrl-D leaves")
        first.type("calculate 6*7")
        first.wait_for("6*7 = 42")
        with terminal(tmp_path, "resume", "--model", "rules") as second:
            second.wait_for("[w/f/n]")
            second.type("w")
            second.wait_for("6*7 = 42")
            first.type("calculate 1+2")
            second.wait_for("1+2 = 3")
            second.press("c")
            second.type("/resume " + run(tmp_path, "sessions").stdout.split()[0])
            second.wait_for(lambda screen: screen.count("[w/f/n]") == 2)
            second.type("f")
            second.type("calculate 3+4")
            second.wait_for("3+4 = 7")
        headless = run(tmp_path, "resume", run(tmp_path, "sessions", "--limit", "2").stdout.split("\n")[1].split()[0])
        assert headless.returncode == 2
        assert "fork" in headless.stderr


def test_without_a_terminal_the_chat_says_what_to_use(tmp_path: Path) -> None:
    done = run(tmp_path, "--model", "rules")
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
