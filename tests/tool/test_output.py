from __future__ import annotations

import random
import re
import tracemalloc
from pathlib import Path

import pytest

from core.errors import ToolError
from tests.tool.conftest import runner_of
from tests.tool.file_outputs import FileOutputs
from tool.output import OUTPUT_LIMIT, BoundedOutput, bound, clean
from tool.read_output import read_output_tool
from tool.toolbox import ToolBox

MARKER = re.compile(r'\[(\d+) bytes in all, (\d+) left out here; next: read_output\(handle="(\w+)", offset=(\d+)\)\]')


def test_what_fits_is_given_whole_and_not_stored(outputs: FileOutputs) -> None:
    assert bound("a\n" * 4000, outputs) == "a\n" * 4000
    assert list(outputs.folder.iterdir()) == []


def test_what_does_not_fit_keeps_head_and_tail_around_one_marker_line(outputs: FileOutputs) -> None:
    whole = "".join(f"line {n}\n" for n in range(10_000))
    text = bound(whole, outputs)
    found = MARKER.search(text)
    assert found
    total, left_out, handle, offset = int(found[1]), int(found[2]), found[3], int(found[4])
    head, tail = text[: found.start()], text[found.end() + 1 :]
    assert whole.startswith(head)
    assert head.endswith("\n")
    assert whole.endswith(tail)
    assert tail.startswith("line ")
    assert (total, offset) == (len(whole), len(head))
    assert left_out == len(whole) - len(head) - len(tail)
    assert len(text.encode()) <= OUTPUT_LIMIT
    assert outputs.read(handle, 0, total).data == whole.encode()


@pytest.mark.parametrize("size", [OUTPUT_LIMIT - 1, OUTPUT_LIMIT, OUTPUT_LIMIT + 1, OUTPUT_LIMIT * 2 + 7])
@pytest.mark.parametrize("piece", [b"a", "ä".encode(), "日".encode(), "😀".encode(), b"\xff", b"\x00", b"\x80", b"\n"])
def test_the_text_stays_under_its_limit_whatever_is_written(outputs: FileOutputs, size: int, piece: bytes) -> None:
    data = (piece * size)[:size]
    output = BoundedOutput(outputs)
    for start in range(0, size, 777):
        output.write(data[start : start + 777])
    text = output.text()
    assert len(text.encode()) <= OUTPUT_LIMIT
    if piece.decode("utf-8", "ignore"):
        assert text.count("\ufffd") <= 1  # of a character that was cut in the data itself


def test_random_bytes_never_break_the_limit(outputs: FileOutputs) -> None:
    source = random.Random(7)
    for _ in range(200):
        data = source.randbytes(source.randrange(3000))
        output = BoundedOutput(outputs, limit=1000)
        for piece in (data[:500], data[500:]):
            output.write(piece)
        assert len(output.text().encode()) <= 1000


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (b"\x1b[31;1mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b]52;c;never closed\nnext", "\nnext"),
        (b"\x1bPpayload\x1b\\end", "end"),
        (b"\x1b(Bplain\x1b7\x1b8", "plain"),
        (b"\x1b\x1b[31m[31mx", "[31mx"),
        (b"cut off \x1b[3", "cut off "),
        (b"a\x00b\x07c\x08d\x7f", "abcd"),
        ("a\x9b31mb".encode(), "a31mb"),
        (b"tab\tand\nline", "tab\tand\nline"),
        (b"dos\r\nline", "dos\nline"),
        (b"10%\r20%\r", "10%\n20%\n"),
        (b"\xff\xfeab\xc3", "\ufffd\ufffdab\ufffd"),
    ],
)
def test_the_model_reads_no_escapes_controls_or_broken_characters(raw: bytes, read: str) -> None:
    assert clean(raw) == read


def test_the_stored_output_is_raw(outputs: FileOutputs) -> None:
    raw = b"\x1b[31m\xff\x00" * 3000
    output = BoundedOutput(outputs)
    output.write(raw)
    output.text()
    assert outputs.read("out1", 0, len(raw)).data == raw


def test_five_megabytes_cost_no_memory_and_can_be_read_to_the_end(outputs: FileOutputs) -> None:
    line = b"0123456789 and so on until the line is full\n"
    count = 5_000_000 // len(line)
    tracemalloc.start()
    output = BoundedOutput(outputs)
    for _ in range(count):
        output.write(line)
    text = output.text()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(text.encode()) <= OUTPUT_LIMIT
    assert peak < 200_000
    assert Path(outputs.folder, "out1").stat().st_size == count * len(line)
    last = runner_of(ToolBox([read_output_tool(outputs)], outputs))("read_output", handle="out1", offset=4_999_000)
    assert last.content.endswith("; this is the end]")


@pytest.mark.parametrize("text", ["ä日😀\n" * 3000, "😀" * 5000, "x" * 20_001, "one\n\ntwo\n" * 2000])
def test_following_the_next_call_reads_the_whole_output_once(outputs: FileOutputs, text: str) -> None:
    bound(text, outputs)
    run = runner_of(ToolBox([read_output_tool(outputs)], outputs))
    offset, pages = 0, []
    while True:
        page = run("read_output", handle="out1", offset=offset).content
        body, _, footer = page.rpartition("[bytes ")
        found = re.fullmatch(r"(\d+) to (\d+) of (\d+); (.*)\]", footer)
        assert found
        assert int(found[1]) == offset
        size = int(found[2]) - offset
        assert 0 < size <= 4000
        pages.append(body.encode()[:size])  # without the line end that keeps the footer on its own line
        offset = int(found[2])
        if found[4] == "this is the end":
            break
        assert found[4] == f'next: read_output(handle="out1", offset={offset})'
    assert b"".join(pages) == text.encode()


def test_read_output_begins_at_a_character_and_clamps_its_limit(outputs: FileOutputs) -> None:
    bound("日" * 10_000, outputs)
    run = runner_of(ToolBox([read_output_tool(outputs)], outputs))
    page = run("read_output", handle="out1", offset=1, limit=10**9).content
    assert page.startswith("日")
    assert "\ufffd" not in page
    assert "[bytes 3 to " in page
    assert len(page.encode()) <= OUTPUT_LIMIT
    assert "to 9" in run("read_output", handle="out1", offset=-5, limit=-5).content


def test_read_output_pages_through_what_is_no_text(outputs: FileOutputs) -> None:
    output = BoundedOutput(outputs)
    output.write(b"\x80" * 30_000)
    output.text()
    run = runner_of(ToolBox([read_output_tool(outputs)], outputs))
    page = run("read_output", handle="out1", offset=0, limit=7000).content
    assert len(page.encode()) <= OUTPUT_LIMIT
    found = re.search(r"\[bytes (\d+) to (\d+) of 30000", page)
    assert found
    assert int(found[2]) > int(found[1])


def test_read_output_says_when_there_is_nothing(outputs: FileOutputs) -> None:
    bound("x" * 9000, outputs)
    run = runner_of(ToolBox([read_output_tool(outputs)], outputs))
    assert run("read_output", handle="out1", offset=9000).content == "[bytes 9000 to 9000 of 9000; this is the end]"
    past = run("read_output", handle="out1", offset=9001)
    assert (past.is_error, past.content) == (True, "offset 9001 is past the end: 'out1' has 9000 bytes")
    assert run("read_output", handle="out9").is_error


def test_an_output_that_nobody_asks_for_is_closed(outputs: FileOutputs) -> None:
    output = BoundedOutput(outputs, limit=1000)
    output.write(b"x" * 2000)
    output.close()
    with pytest.raises(ValueError, match="closed file"):
        output.write(b"x")
    with pytest.raises(ToolError):
        outputs.read("out2", 0, 1)
