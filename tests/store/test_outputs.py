from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from core.errors import ToolError
from core.protocols import OutputStore
from store.journal import SessionJournal
from store.outputs import CHUNK_BYTES
from tests.store.child import HEAD, finish, start


def write(outputs: OutputStore, *pieces: bytes) -> str:
    writer = outputs.create()
    for piece in pieces:
        writer.write(piece)
    writer.close()
    return writer.handle


def test_a_page_begins_and_ends_at_any_byte(journal: SessionJournal) -> None:
    data = "a\u00e9\u20ac\U0001f600\n".encode() * 3
    outputs = journal.outputs("s1")
    handle = write(outputs, data)
    for offset in range(len(data)):
        for limit in (1, 2, 3, len(data)):
            page = outputs.read(handle, offset, limit)
            assert (page.data, page.offset, page.total) == (data[offset : offset + limit], offset, len(data))


def test_pages_run_across_chunks(journal: SessionJournal) -> None:
    data = b"".join(b"%07d\n" % n for n in range(30_000))
    outputs = journal.outputs("s1")
    handle = write(outputs, data[:10], data[10:200_000], b"", data[200_000:])
    for offset in [*range(CHUNK_BYTES - 5, CHUNK_BYTES + 5), *range(2 * CHUNK_BYTES - 3, 2 * CHUNK_BYTES + 3)]:
        for limit in (1, 4, 7000, 100_000, len(data)):
            assert outputs.read(handle, offset, limit).data == data[offset : offset + limit]
    assert outputs.read(handle, 0, len(data)).data == data


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_the_end_is_an_empty_page(journal: SessionJournal, size: int) -> None:
    outputs = journal.outputs("s1")
    handle = write(outputs, b"x" * size)
    for offset in (size, size + 1, 10**30):
        page = outputs.read(handle, offset, 100)
        assert (page.data, page.offset, page.total) == (b"", size, size)
    assert outputs.read(handle, -5, 10**30).data == b"x" * size
    assert outputs.read(handle, 0, -1).data == b""


def test_each_session_counts_its_own_handles(journal: SessionJournal, other: SessionJournal) -> None:
    assert [write(journal.outputs("s1"), b"a"), write(other.outputs("s1"), b"b")] == ["out1", "out2"]
    assert write(journal.outputs("s2"), b"c") == "out1"
    assert journal.outputs("s1").read("out2", 0, 9).data == b"b"
    assert journal.outputs("s2").read("out1", 0, 9).data == b"c"


@pytest.mark.parametrize("handle", ["out9", "out01", "out1 ", "", "1", "' OR 1", "out" + "9" * 500, "\udce4"])
def test_an_unknown_handle_names_the_known_ones(journal: SessionJournal, handle: str) -> None:
    outputs = journal.outputs("s1")
    with pytest.raises(ToolError, match="there is none yet"):
        outputs.read(handle, 0, 1)
    write(outputs, b"a")
    write(outputs, b"b")
    with pytest.raises(ToolError, match="there are: out1, out2"):
        outputs.read(handle, 0, 1)
    for _ in range(6):
        write(outputs, b"c")
    if handle != "out9":
        write(outputs, b"d")
        with pytest.raises(ToolError, match="the newest are: out5, out6, out7, out8, out9"):
            outputs.read(handle, 0, 1)


def test_a_fork_reads_the_outputs_of_its_source_and_adds_its_own(journal: SessionJournal) -> None:
    source = journal.begin("s1", HEAD, "/w", "m")
    write(journal.outputs("s1"), b"before")
    fork = journal.fork("s1")
    assert write(journal.outputs(fork.id), b"fork") == "out2"
    assert write(journal.outputs("s1"), b"source") == "out2"
    assert journal.outputs(fork.id).read("out1", 0, 9).data == b"before"
    assert journal.outputs(fork.id).read("out2", 0, 9).data == b"fork"
    assert journal.outputs("s1").read("out2", 0, 9).data == b"source"
    source.close()


def test_worker_threads_write_outputs_side_by_side(journal: SessionJournal) -> None:
    outputs = journal.outputs("s1")

    async def write_all() -> list[str]:
        texts = [bytes([65 + n]) * (CHUNK_BYTES * 3 + n) for n in range(8)]
        return await asyncio.gather(*(asyncio.to_thread(write, outputs, text) for text in texts))

    for number, handle in enumerate(asyncio.run(write_all())):
        page = outputs.read(handle, 0, CHUNK_BYTES * 4)
        assert page.data == bytes([65 + number]) * (CHUNK_BYTES * 3 + number)


@pytest.mark.skipif(sys.platform == "win32", reason="reads its peak of memory from getrusage")
def test_memory_does_not_follow_the_size_of_an_output(home: Path) -> None:
    grown_kib = int(finish(start("write_a_large_output", home, 50)))
    assert grown_kib < 4096
