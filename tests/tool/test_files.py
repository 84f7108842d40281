from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tool.conftest import Run
from tool.output import OUTPUT_LIMIT


def test_a_listing_shows_folders_sizes_and_links(run: Run, workspace: Path) -> None:
    (workspace / "b.txt").write_text("hello")
    (workspace / "src").mkdir()
    (workspace / "src/main.py").write_text("x" * 3000)
    (workspace / ".hidden").write_text("x")
    (workspace / "link").symlink_to("src")
    (workspace / ".agent").mkdir()
    assert run("list_files").content == ".hidden (1 byte)\nb.txt (5 bytes)\nlink -> src\nsrc/"
    assert run("list_files", depth=2).content.endswith("src/\n  main.py (2.9 KB)")
    assert run("list_files", path="src").content == "main.py (2.9 KB)"
    assert run("list_files", path=str(workspace / "src")).content == "main.py (2.9 KB)"


def test_a_long_listing_says_how_to_see_the_rest(run: Run, workspace: Path) -> None:
    for n in range(450):
        (workspace / f"{n:03}").touch()
    names, offset = [], 0
    for _ in range(3):
        content = run("list_files", offset=offset).content
        *lines, last = content.splitlines()
        if not last.startswith("["):
            lines.append(last)
            break
        offset += 200
        assert last == f'[there are more; next: list_files(path=".", depth=1, offset={offset})]'
        names += lines
    names += lines
    assert names == [f"{n:03} (0 bytes)" for n in range(450)]
    assert run("list_files", offset=450).content == "[nothing after entry 450]"


def test_a_name_cannot_pretend_to_be_two(run: Run, workspace: Path) -> None:
    (workspace / "a\nb\x1b[31m").touch()
    (workspace / os.fsdecode(b"\xff")).touch()
    assert run("list_files").content == "'a\\nb\\x1b[31m' (0 bytes)\n'\\udcff' (0 bytes)"


def test_an_empty_folder_says_so(run: Run) -> None:
    assert run("list_files").content == "['.' is empty]"


def test_listing_a_file_points_to_read_file(run: Run, workspace: Path) -> None:
    (workspace / "a").touch()
    assert run("list_files", path="a").content == "'a' is a file, not a folder; read it with read_file"


def test_lines_come_numbered(run: Run, workspace: Path) -> None:
    (workspace / "a").write_text("one\n\n\tthree")
    assert run("read_file", path="a").content == "1\tone\n2\t\n3\t\tthree"


def test_the_last_line_of_a_page_says_how_to_go_on(run: Run, workspace: Path) -> None:
    (workspace / "a").write_text("".join(f"{n}\n" for n in range(1, 11)))
    assert run("read_file", path="a", offset=3, limit=2).content == (
        '3\t3\n4\t4\n[lines 3 to 4 of a file of 21 bytes; next: read_file(path="a", offset=5)]'
    )
    assert run("read_file", path="a", offset=9, limit=2).content == "9\t9\n10\t10"
    assert run("read_file", path="a", offset=11).content == "'a' has no line 11; read it from offset=1"


def test_pages_fit_one_result_and_together_are_the_file(run: Run, workspace: Path) -> None:
    lines = [f"{n} " + "ä" * (n % 300) for n in range(1000)]
    (workspace / "a").write_text("\n".join(lines))
    offset, read = 1, []
    while True:
        content = run("read_file", path="a", offset=offset).content
        assert len(content.encode()) <= OUTPUT_LIMIT
        assert "read_output" not in content
        *page, last = content.split("\n")
        more = last.startswith("[lines")
        read += [line.partition("\t")[2] for line in (page if more else [*page, last])]
        if not more:
            break
        offset = int(last.rpartition("offset=")[2].rstrip(")]"))
    assert read == lines


def test_a_long_line_is_cut_and_said_so(run: Run, workspace: Path) -> None:
    (workspace / "a").write_text("ä" * 100_000 + "\nnext\n")
    first, second = run("read_file", path="a").content.split("\n")
    assert first.endswith("ä [line cut: 200001 bytes]")
    assert len(first.encode()) < 2100
    assert second == "2\tnext"


def test_a_sparse_file_of_five_gigabytes_is_read_at_once(run: Run, workspace: Path) -> None:
    with (workspace / "big").open("wb") as file:
        file.write(b"line\n" * 10_000)
        file.truncate(5_000_000_000)
    content = run("read_file", path="big", limit=2).content
    assert content.startswith("1\tline\n2\tline\n[lines 1 to 2 of a file of 5000000000 bytes;")


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (b"a\r\nb\r\n", "1\ta\n2\tb\n[lines end in CRLF]"),
        (b"\xef\xbb\xbfa\n", "1\ta\n[begins with a UTF-8 byte order mark]"),
        (b"caf\xe9\n", "1\tcafé\n[not UTF-8, shown as Latin-1]"),
        (b"", "['a' is empty]"),
        (b"\x89PNG\r\n\x1a\n\0\0", "'a' is binary, not text: 10 bytes, a PNG image"),
        (b"what\0ever", "'a' is binary, not text: 9 bytes, of an unknown kind"),
        (b"\xff\xfea\0", "'a' is UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8 a > a.utf8"),
    ],
)
def test_what_is_special_about_a_file_is_told(run: Run, workspace: Path, data: bytes, content: str) -> None:
    (workspace / "a").write_bytes(data)
    assert run("read_file", path="a").content == content


def test_a_missing_file_brings_names_like_it(run: Run, workspace: Path) -> None:
    (workspace / "src").mkdir()
    for name in ("zebra.py", "main.py", "aaa.py"):
        (workspace / "src" / name).touch()
    missing = run("read_file", path="src/mian.py")
    assert missing.is_error
    assert missing.content == "no 'mian.py' in the folder 'src'; there are: main.py, aaa.py, zebra.py"
    assert run("read_file", path="scr/main.py").content == "no 'scr' in the folder '.'; there are: src"


def test_write_file_says_what_it_did(run: Run, workspace: Path) -> None:
    assert run("write_file", path="a/b/c.txt", content="one\ntwo\n").content == "created 'a/b/c.txt': 2 lines, 8 bytes"
    assert run("write_file", path="a/b/c.txt", content="ä").content == "replaced 'a/b/c.txt': 1 line, 2 bytes"
    assert "already has this content" in run("write_file", path="a/b/c.txt", content="ä").content
    assert run("write_file", path="empty", content="").content == "created 'empty': 0 lines, 0 bytes"
    assert (workspace / "a/b/c.txt").read_bytes() == "ä".encode()


def test_half_a_character_is_refused(run: Run, workspace: Path) -> None:
    assert run("write_file", path="a", content="ab\ud800").is_error
    assert "no file name can hold" in run("write_file", path="\ud800", content="a").content
    assert list(workspace.iterdir()) == []
