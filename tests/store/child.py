"""What the store's tests run in other processes: `python -m tests.store.child NAME ARGUMENTS`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from core.errors import StoreError
from core.types import Head, Message
from store.database import Database
from store.journal import SessionJournal

ROOT = Path(__file__).resolve().parents[2]
HEAD = Head("You are a test.", "[]")
NOBODY = 65534


def start(name: str, *arguments: object, command: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start a function of this file in a process of its own."""
    return subprocess.Popen(
        [*command, sys.executable, "-m", "tests.store.child", name, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Return what a child printed, once it ended well."""
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0, printed
    return printed


def open_journal(home: Path) -> SessionJournal:
    return SessionJournal(Database(home / "agent.db"), home / "locks")


def append_forever(home: Path, session_id: str) -> None:
    """Append messages, print the number of each once it is saved."""
    session = open_journal(home).open(session_id)
    while True:
        number = len(session.entries) + 1
        session.append(Message("user", f"{number} " + "x" * 5000))
        print(number, flush=True)


def append_many(home: Path, session_id: str, count: str) -> None:
    """Wait for a line, then append to a new session."""
    journal = open_journal(home)
    session = journal.begin(session_id, HEAD, "/w", "m")
    print("ready", flush=True)
    input()
    for number in range(int(count)):
        session.append(Message("user", str(number)))
    session.close()
    journal.close()


def hold(home: Path, session_id: str) -> None:
    """Open a session and keep it until a line comes."""
    session = open_journal(home).open(session_id)
    print("held", flush=True)
    input()
    session.close()


def open_at_once(home: Path) -> None:
    """Wait for a line, then open the database."""
    print("ready", flush=True)
    input()
    Database(home / "agent.db").close()


def start_an_output(home: Path, session_id: str) -> None:
    """Write more than one chunk of an output and wait to be killed."""
    writer = open_journal(home).outputs(session_id).create()
    writer.write(b"orphan" * 20000)
    print(writer.handle, flush=True)
    input()


def use_unprivileged(home: Path) -> None:
    """Use a home without the rights of root, and print what went wrong."""
    if os.geteuid() == 0:
        os.setuid(NOBODY)
    try:
        journal = open_journal(home)
        print(f"{len(journal.list(10))} sessions")
        journal.begin("s1", HEAD, "/w", "m")
    except StoreError as error:
        print(error)


def fill_the_disk(home: Path) -> None:
    """Append until there is no room, print what went wrong and how much was saved."""
    journal = open_journal(home)
    session = journal.begin("s1", HEAD, "/w", "m")
    try:
        while True:
            session.append(Message("user", "x" * 5000))
    except StoreError as error:
        print(error)
    print(len(session.entries))
    print(len(journal.peek("s1").entries))


def exceed_the_file_size(home: Path, limit: str) -> None:
    """Do the same under a limit for the size of files, which every user may set; then lift it and go on."""
    import resource

    journal = open_journal(home)
    session = journal.begin("s1", HEAD, "/w", "m")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), hard))
    try:
        while True:
            session.append(Message("user", "x" * 5000))
    except StoreError as error:
        print(error)
    print(len(session.entries))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    session.append(Message("user", "the disk has room again"))
    print(len(journal.peek("s1").entries))


def write_a_large_output(home: Path, megabytes: str) -> None:
    """Print by how many KiB the peak of memory grew while an output was written."""
    import resource

    journal = open_journal(home)
    writer = journal.outputs("s1").create()
    piece = bytes(1024 * 1024)
    for _ in range(8):  # let SQLite's page cache fill
        writer.write(piece)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(int(megabytes)):
        writer.write(piece)
    writer.close()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


PROGRAMS = {
    program.__name__: program
    for program in (
        append_forever,
        append_many,
        hold,
        open_at_once,
        start_an_output,
        use_unprivileged,
        fill_the_disk,
        exceed_the_file_size,
        write_a_large_output,
    )
}

if __name__ == "__main__":
    with contextlib.suppress(EOFError):  # the test that waited for this process is gone
        PROGRAMS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
