from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from core.errors import SessionInUse, StoreError
from core.types import Message
from store.journal import SessionJournal
from store.lock import lock_session
from tests.store.child import HEAD, finish, start


def test_a_second_process_is_told_who_writes_the_session(journal: SessionJournal, home: Path) -> None:
    journal.begin("s1", HEAD, "/w", "m").close()
    holder = start("hold", home, "s1")
    assert holder.stdout and holder.stdout.readline() == "held\n"
    with pytest.raises(SessionInUse, match=rf"session 's1' is being written by process {holder.pid}; close it there"):
        journal.open("s1")
    assert journal.peek("s1").entries == []
    assert journal.fork("s1").id != "s1"
    finish(holder)
    journal.open("s1").append(Message("user", "mine now"))


def test_a_killed_process_leaves_no_lock(journal: SessionJournal, home: Path) -> None:
    journal.begin("s1", HEAD, "/w", "m").close()
    holder = start("hold", home, "s1")
    assert holder.stdout and holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate()
    journal.open("s1").close()


def test_one_process_cannot_open_a_session_twice(journal: SessionJournal, other: SessionJournal) -> None:
    session = journal.begin("s1", HEAD, "/w", "m")
    with pytest.raises(SessionInUse, match=f"process {os.getpid()}"):
        other.open("s1")
    session.close()
    other.open("s1").close()


def test_a_released_lock_leaves_no_file(tmp_path: Path) -> None:
    lock = lock_session(tmp_path / "locks", "s1")
    assert [path.name for path in (tmp_path / "locks").iterdir()] == ["s1.lock"]
    lock.release()
    assert list((tmp_path / "locks").iterdir()) == []


def test_removing_the_file_on_release_never_lets_two_in(tmp_path: Path) -> None:
    inside = 0
    most = 0
    taken = 0

    def work() -> None:
        nonlocal inside, most, taken
        for _ in range(1500):
            try:
                lock = lock_session(tmp_path, "s1")
            except SessionInUse:
                continue
            inside += 1
            os.listdir(tmp_path)  # the others run meanwhile
            most = max(most, inside)
            taken += 1
            inside -= 1
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert taken > 0


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot lock session 's1' with the file .*AGENT_HOME"):
        lock_session(tmp_path / "file" / "locks", "s1")
