from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from core.errors import SessionInUse, StoreError, UsageError
from core.protocols import SessionStore
from core.session import Session
from core.types import Entry, Head, Message, Notice, ToolCall
from store.journal import SessionJournal, new_session_id
from tests.store.samples import BROKEN_CALL, CALL, ENTRIES, HEAD

ID = "20261120-131522-k3f9"
REPLY = Message("assistant", tool_calls=(CALL, BROKEN_CALL), finish="tool_calls")
RESULT = Message("tool", "done", call_id=CALL.id)


def begin(journal: SessionJournal, *entries: Entry, session_id: str = ID) -> Session:
    session = journal.begin(session_id, HEAD, "/w", "m")
    for entry in entries:
        session.append(entry)
    return session


def execute(home: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(home / "agent.db") as connection:
        connection.execute(statement, values)
    connection.close()


def test_the_journal_is_a_session_store(journal: SessionJournal) -> None:
    store: SessionStore = journal
    assert list(store.list(10)) == []


def test_every_kind_of_entry_and_the_head_come_back_as_they_were(
    journal: SessionJournal, other: SessionJournal
) -> None:
    begin(journal, *ENTRIES).close()
    loaded = other.open(ID)
    assert tuple(loaded.entries) == ENTRIES
    assert loaded.head == HEAD
    loaded.close()


def test_a_loaded_session_goes_on_where_it_stopped(journal: SessionJournal) -> None:
    begin(journal, Message("user", "one")).close()
    session = journal.open(ID)
    session.append(Message("assistant", "two"))
    session.close()
    assert [message.content for message in journal.peek(ID).messages] == ["one", "two"]


def test_text_that_utf8_cannot_hold_is_saved(journal: SessionJournal) -> None:
    odd = Message("user", "a file named \udce4")
    journal.begin(ID, Head("\udce4", "[]"), "/w\udce4", "m").append(odd)
    assert list(journal.peek(ID).entries) == [odd]
    assert journal.find(ID).title == "a file named ?"


def test_a_prompt_of_a_megabyte_is_saved(journal: SessionJournal) -> None:
    begin(journal, Message("user", "\u00e9" * 500_000))
    assert len(journal.peek(ID).messages[0].content) == 500_000
    assert len(journal.find(ID).title) == 80


def test_the_title_is_the_first_user_message_on_one_line(journal: SessionJournal) -> None:
    begin(journal, Notice("no"), Message("user", "  fix\n\tthe \x1bbug  "), Message("user", "and then"))
    assert journal.find(ID).title == "fix the bug"


def test_the_list_has_the_newest_first_and_counts_messages(journal: SessionJournal) -> None:
    first = begin(journal, Message("user", "one"), session_id="a1")
    begin(journal, Message("user", "two"), Notice("n"), Message("assistant", "three"), session_id="b2")
    assert [(s.id, s.messages, s.workspace, s.model) for s in journal.list(10)] == [
        ("b2", 2, "/w", "m"),
        ("a1", 1, "/w", "m"),
    ]
    first.append(Message("assistant", "late"))
    assert [s.id for s in journal.list(1)] == ["a1"]
    summary = journal.find("a1")
    assert 1_700_000_000 < summary.created <= summary.updated


def test_a_beginning_of_an_id_finds_its_session(journal: SessionJournal) -> None:
    begin(journal, session_id="20261120-1-abcd")
    begin(journal, session_id="20261120-1")
    begin(journal, session_id="20261121-9_%x")
    assert journal.find("20261120-1-").id == "20261120-1-abcd"
    assert journal.find("20261120-1").id == "20261120-1"
    assert journal.peek("20261121").id == "20261121-9_%x"
    assert journal.fork("20261121").messages == []


@pytest.mark.parametrize("wanted", ["nope", "%", "_", "2026112_", "\udce4", "x" * 5000])
def test_an_unknown_id_is_a_usage_error(journal: SessionJournal, wanted: str) -> None:
    begin(journal)
    for look in (journal.find, journal.open, journal.peek, journal.fork):
        with pytest.raises(UsageError, match=re.escape(f"no session {wanted!r}; `python cli.py sessions` lists them")):
            look(wanted)


def test_an_ambiguous_beginning_names_what_it_fits(journal: SessionJournal) -> None:
    begin(journal, session_id="20261120-a")
    begin(journal, session_id="20261120-b")
    with pytest.raises(UsageError, match="several sessions begin with '2026': 20261120-b, 20261120-a; give more"):
        journal.open("2026")


def test_new_ids_sort_by_time_and_differ() -> None:
    ids = [new_session_id() for _ in range(50)]
    assert len(set(ids)) == 50
    assert all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-z]{4}", session_id) for session_id in ids)
    assert sorted(ids, key=lambda session_id: session_id[:15]) == ids


def test_an_id_is_given_out_once(journal: SessionJournal) -> None:
    begin(journal, Message("user", "first")).close()
    with pytest.raises(StoreError, match=f"there is a session '{ID}' already"):
        journal.begin(ID, HEAD, "/w", "m")
    journal.open(ID).close()  # the failure left no lock behind


def test_a_session_opened_for_reading_cannot_be_written(journal: SessionJournal) -> None:
    begin(journal, REPLY)
    peeked = journal.peek(ID)
    with pytest.raises(StoreError, match="opened for reading"):
        peeked.append(RESULT)
    with pytest.raises(StoreError, match="opened for reading"):
        peeked.hold(CALL)
    with pytest.raises(StoreError, match="opened for reading"):
        peeked.start(CALL)
    assert len(peeked.entries) == 1


def test_a_closed_session_cannot_be_written(journal: SessionJournal) -> None:
    session = begin(journal)
    session.close()
    session.close()
    with pytest.raises(StoreError, match="is closed; resume it"):
        session.append(Message("user", "late"))


def test_a_started_call_without_a_result_is_in_doubt(journal: SessionJournal) -> None:
    session = begin(journal, Message("user", "go"))
    session.append(REPLY, [CALL.id, BROKEN_CALL.id])
    session.close()
    reopened = journal.open(ID)
    assert reopened.in_doubt == {CALL.id}
    reopened.append(RESULT)
    reopened.close()
    assert journal.open(ID).in_doubt == {BROKEN_CALL.id}


def test_only_a_writer_is_told_of_doubt(journal: SessionJournal) -> None:
    begin(journal).append(REPLY, [CALL.id])
    assert journal.peek(ID).in_doubt == set()


def test_a_call_that_waits_for_approval_is_in_no_doubt_until_it_starts(journal: SessionJournal) -> None:
    session = begin(journal)
    session.append(REPLY, [CALL.id])
    session.hold(CALL)
    session.close()
    held = journal.open(ID)
    assert held.in_doubt == set()
    held.start(CALL)
    held.start(CALL)
    held.close()
    assert journal.open(ID).in_doubt == {CALL.id}


def test_an_append_that_fails_changes_nothing(journal: SessionJournal, home: Path) -> None:
    session = begin(journal, Message("user", "go"))
    execute(home, "CREATE TRIGGER no BEFORE INSERT ON started BEGIN SELECT raise(ABORT, 'broken on purpose'); END")
    with pytest.raises(StoreError):
        session.append(REPLY, [CALL.id])
    assert len(session.entries) == len(journal.peek(ID).entries) == 1
    execute(home, "DROP TRIGGER no")
    session.append(REPLY, [CALL.id])
    assert len(journal.peek(ID).entries) == 2


def test_a_follower_reads_what_came_since(journal: SessionJournal, other: SessionJournal) -> None:
    session = begin(journal, Message("user", "one"), Notice("two"))
    assert other.entries_after(ID, 0) == [(1, Message("user", "one")), (2, Notice("two"))]
    session.append(Message("assistant", "three"))
    assert other.entries_after(ID, 2) == [(3, Message("assistant", "three"))]
    assert other.entries_after(ID, 3) == []


def test_a_fork_has_the_same_start_and_goes_its_own_way(journal: SessionJournal, home: Path) -> None:
    session = begin(journal, *ENTRIES)
    fork = journal.fork(ID)
    assert fork.id != ID
    assert (tuple(fork.entries), fork.head) == (ENTRIES, HEAD)
    fork.append(Message("assistant", "in the fork"))
    session.append(Message("assistant", "in the source"))
    assert journal.peek(fork.id).messages[-1].content == "in the fork"
    assert journal.peek(ID).messages[-1].content == "in the source"
    assert journal.find(fork.id).title == journal.find(ID).title
    with sqlite3.connect(home / "agent.db") as connection:
        assert connection.execute("SELECT parent FROM session WHERE id = ?", (fork.id,)).fetchone() == (ID,)
    connection.close()


def test_a_fork_leaves_out_the_step_that_is_not_finished(journal: SessionJournal) -> None:
    session = begin(journal, Message("user", "go"), Notice("hurry"))
    session.append(REPLY, [CALL.id])
    session.append(RESULT)
    session.append(Notice("one more"))
    fork = journal.fork(ID)
    assert list(fork.entries) == [Message("user", "go"), Notice("hurry")]
    assert fork.in_doubt == set()
    session.append(Message("tool", "no", call_id=BROKEN_CALL.id, is_error=True))
    assert len(journal.fork(ID).entries) == 6


def test_a_fork_is_locked_and_its_source_need_not_be_free(journal: SessionJournal, other: SessionJournal) -> None:
    begin(journal, Message("user", "busy"))
    fork = other.fork(ID)
    with pytest.raises(SessionInUse):
        journal.open(fork.id)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("message", '{"role": "user", "cont'),
        ("message", ""),
        ("message", "[1, 2]"),
        ("message", b"\xff\xfe\x00\xd8"),
        ("message", "[" * 100_000),
        ("message", '{"role": "system", "content": "no"}'),
        ("message", '{"content": "no role"}'),
        ("message", '{"role": "user", "content": 5}'),
        ("message", '{"role": "user", "colour": "red"}'),
        ("message", '{"role": "tool", "content": "answers nothing"}'),
        ("message", '{"role": "assistant", "tool_calls": 5}'),
        ("message", '{"role": "assistant", "tool_calls": [{"id": "c1"}]}'),
        ("message", '{"role": "assistant", "tool_calls": [{"id": "c1", "name": "x", "arguments": 3}]}'),
        ("message", '{"role": "assistant", "usage": 3}'),
        ("message", '{"role": "tool", "call_id": "c1", "details": 3}'),
        ("notice", '{"text": 3}'),
        ("notice", "{}"),
        ("dream", "{}"),
    ],
)
def test_a_damaged_entry_is_named(journal: SessionJournal, home: Path, kind: str, payload: str | bytes) -> None:
    begin(journal, Message("user", "fine"), Message("assistant", "also fine")).close()
    execute(home, "UPDATE entry SET kind = ?, payload = CAST(? AS TEXT) WHERE seq = 2", kind, payload)
    for read in (journal.open, journal.peek, journal.fork, lambda name: journal.entries_after(name, 0)):
        with pytest.raises(StoreError, match=f"entry 2 of session '{ID}' is damaged"):
            read(ID)
    assert journal.find(ID).title == "fine"


def test_a_session_without_its_head_is_an_error(journal: SessionJournal, home: Path) -> None:
    begin(journal).close()
    execute(home, "DELETE FROM head")
    with pytest.raises(StoreError, match="has lost its system prompt"):
        journal.open(ID)


def test_a_closed_store_says_so(journal: SessionJournal) -> None:
    journal.close()
    journal.close()
    with pytest.raises(StoreError, match="closed"):
        journal.list(1)


def test_calls_keep_their_order_and_arguments(journal: SessionJournal) -> None:
    many = tuple(ToolCall(f"c{n}", "read_file", {"z": n, "a": n}) for n in range(20, 0, -1))
    begin(journal, Message("assistant", tool_calls=many, finish="tool_calls"))
    (reply,) = journal.peek(ID).messages
    assert reply.tool_calls == many
    assert [list(call.arguments) for call in reply.tool_calls] == [["z", "a"]] * 20
