from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from store.journal import SessionJournal
from tests.store.child import HEAD, finish, start

KILLS = 6


def read_acknowledged(process: subprocess.Popen[str], count: int) -> list[int]:
    """Kill an appending process after `count` lines and return every number it printed whole."""
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(count)]
    process.kill()
    lines += process.stdout.readlines()
    process.communicate()
    return [int(line) for line in lines if line.endswith("\n")]


def test_whatever_was_acknowledged_before_kill_9_is_there_and_nothing_is_torn(
    journal: SessionJournal, home: Path
) -> None:
    journal.begin("s1", HEAD, "/w", "m").close()
    chance = random.Random(7)
    saved = 0
    for _ in range(KILLS):
        acknowledged = read_acknowledged(start("append_forever", home, "s1"), chance.randint(1, 120))
        found = [entry_seq for entry_seq, _ in journal.entries_after("s1", 0)]
        assert found == list(range(1, len(found) + 1))
        assert acknowledged == list(range(saved + 1, acknowledged[-1] + 1))
        assert acknowledged[-1] <= len(found) <= acknowledged[-1] + 1
        assert all(len(m.content) == len(f"{n} ") + 5000 for n, m in enumerate(journal.peek("s1").messages, 1))
        saved = len(found)


def test_two_processes_on_two_sessions_do_not_disturb_each_other(journal: SessionJournal, home: Path) -> None:
    count = 2000
    children = [start("append_many", home, name, count) for name in ("s1", "s2")]
    for child in children:
        assert child.stdout and child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        finish(child)
    expected = [str(number) for number in range(count)]
    assert [m.content for m in journal.peek("s1").messages] == expected
    assert [m.content for m in journal.peek("s2").messages] == expected


@pytest.mark.parametrize("attempt", range(3))
def test_processes_that_create_the_file_at_once_all_succeed(home: Path, attempt: int) -> None:
    home.mkdir()
    children = [start("open_at_once", home) for _ in range(4)]
    for child in children:
        assert child.stdout and child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        finish(child)


def test_the_output_of_a_killed_process_is_left_alone(journal: SessionJournal, home: Path) -> None:
    child = start("start_an_output", home, "s1")
    assert child.stdout and child.stdout.readline() == "out1\n"
    child.kill()
    child.communicate()
    outputs = journal.outputs("s1")
    orphan = outputs.read("out1", 0, 10)
    writer = outputs.create()
    writer.write(b"new")
    writer.close()
    assert writer.handle == "out2"
    assert outputs.read("out1", 0, 10) == orphan
    assert orphan.data == b"orphanorph"
    assert outputs.read("out2", 0, 10).data == b"new"
