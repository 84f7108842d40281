from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import ToolError
from tests import needs
from tool.beneath import Root
from tool.path_errors import NoSuchPath

ON_MACOS = sys.platform == "darwin"
CHECKOUT = Path(__file__).resolve().parents[2]
AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    return folder


@pytest.fixture
def root(workspace: Path) -> Root:
    (workspace / "a").mkdir()
    (workspace / "a/file").write_text("inside")
    for closed in (".agent", ".git", "skills"):
        (workspace / closed).mkdir()
        (workspace / closed / "file").write_text(closed)
    return Root(workspace)


@pytest.fixture(autouse=True)
def _no_descriptor_leaks() -> Iterator[None]:
    before = descriptors()
    yield
    assert descriptors() == before


def descriptors() -> int:
    return len(os.listdir("/dev/fd" if ON_MACOS else "/proc/self/fd"))


def read(root: Root, path: str) -> str:
    with root.open_file(path) as file:
        return file.read().decode()


def refused(root: Root, path: str) -> str:
    """Return why reading, listing and writing are refused: all three must be."""
    with pytest.raises(ToolError) as listing:
        root.entries(path)
    with pytest.raises(ToolError) as reading:
        root.open_file(path)
    with pytest.raises(ToolError) as writing:
        root.write_atomically(path, b"owned")
    return f"{listing.value}\n{reading.value}\n{writing.value}"


@pytest.mark.parametrize("path", ["a/file", "./a//file", "a/../a/file", "a/.", "."])
def test_what_lies_inside_is_open(root: Root, path: str) -> None:
    if path.endswith("file"):
        assert read(root, path) == "inside"
    else:
        assert root.entries(path)


def test_an_absolute_path_inside_is_open_however_the_root_is_spelled(root: Root, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to("workspace")
    aliased = Root(tmp_path / "alias")
    for each in (root, aliased):
        for top in ("workspace", "alias", "outside/../alias/a/.."):
            (tmp_path / "outside").mkdir(exist_ok=True)
            assert read(each, f"{tmp_path}/{top}/a/file") == "inside"
    assert {entry.name for entry in root.entries(str(tmp_path / "alias"))} == {"a", ".git", "skills"}


@pytest.mark.parametrize(
    "path",
    ["../outside/secret", "a/../../outside/secret", "..", "/etc/passwd", "/", "//etc/passwd", "/../etc", "~/.ssh/id"],
)
def test_no_path_leads_out(root: Root, outside: Path, path: str) -> None:
    assert "workspace" in refused(root, path)


def test_an_absolute_path_does_not_leave_after_the_root(root: Root, outside: Path, workspace: Path) -> None:
    refused(root, f"{workspace}/../outside/secret")
    refused(root, f"{workspace}2/secret")


@pytest.mark.parametrize("target", ["../outside", "{outside}", "/", "a/../../outside", "link2"])
def test_no_link_leads_out(root: Root, workspace: Path, outside: Path, target: str) -> None:
    (workspace / "link").symlink_to(target.format(outside=outside))
    (workspace / "link2").symlink_to(outside)
    refused(root, "link/secret")
    refused(root, "link/new/deep")
    refused(root, "link")
    refused(root, "a/../link/secret")
    assert (outside / "secret").read_text() == "secret"
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_a_link_to_a_file_outside_is_neither_read_nor_written(root: Root, workspace: Path, outside: Path) -> None:
    (workspace / "link").symlink_to(outside / "secret")
    assert "outside the workspace" in refused(root, "link")
    assert (outside / "secret").read_text() == "secret"


def test_links_that_stay_inside_are_followed_for_reading(root: Root, workspace: Path) -> None:
    (workspace / "relative").symlink_to("a")
    (workspace / "absolute").symlink_to(workspace / "a")
    (workspace / "a/up").symlink_to("../a/file")
    assert read(root, "relative/file") == "inside"
    assert read(root, "absolute/file") == "inside"
    assert read(root, "a/up") == "inside"
    assert [entry.target for entry in root.entries("a") if entry.name == "up"] == ["../a/file"]


def test_writing_to_a_link_is_refused_naming_its_target(root: Root, workspace: Path) -> None:
    (workspace / "link").symlink_to("a/file")
    with pytest.raises(ToolError, match="'link' is a symbolic link to 'a/file'; write to that path instead"):
        root.write_atomically("link", b"x")
    assert (workspace / "a/file").read_text() == "inside"


def test_a_circle_of_links_ends(root: Root, workspace: Path) -> None:
    (workspace / "one").symlink_to("two")
    (workspace / "two").symlink_to("one")
    with pytest.raises(ToolError, match="circle of symbolic links"):
        root.open_file("one")
    with pytest.raises(ToolError, match="circle of symbolic links"):
        root.write_atomically("one/x", b"")


# Exchanges two paths as fast as it can, in a process of its own so that it really runs side by side.
EXCHANGE = """
import os, sys
one, other = sys.argv[1:]
kept, made = other + ".kept", 0
while True:
    os.rename(one, kept)
    while True:
        try:
            os.rename(other, one)
            break
        except OSError:  # the tool made it anew in the moment it was away
            made += 1
            os.rename(one, f"{other}.made{made}")
    os.rename(kept, other)
"""


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_swap_while_the_path_is_walked_never_leads_out(root: Root, workspace: Path, outside: Path, what: str) -> None:
    (outside / "file").write_text("secret")
    link = workspace / "target"
    link.symlink_to(outside if what == "folder" else outside / "file")
    victim = workspace / ("a" if what == "folder" else "a/file")
    attacker = subprocess.Popen([sys.executable, "-c", EXCHANGE, str(victim), str(link)])
    seen: set[str] = set()
    deadline = time.monotonic() + 1.0
    try:
        while time.monotonic() < deadline:
            for path in ("a/file", "a/new"):
                try:
                    seen.update(read(root, path) for _ in range(30))
                    root.write_atomically(path, b"inside")
                except ToolError:
                    seen.add("refused")
    finally:
        attacker.kill()
        attacker.wait()
    assert seen == {"inside", "refused"}
    assert (outside / "file").read_text() == "secret"
    assert sorted(path.name for path in outside.iterdir()) == ["file", "secret"]


def test_what_has_other_names_is_refused_with_the_remedy(root: Root, workspace: Path, outside: Path) -> None:
    os.link(outside / "secret", workspace / "hard")
    assert refused(root, "hard").count("copy it with cp") == 2
    assert (outside / "secret").read_text() == "secret"


def test_a_fifo_does_not_block(root: Root, workspace: Path) -> None:
    os.mkfifo(workspace / "fifo")
    assert refused(root, "fifo").count("is a FIFO, not a regular file") == 2


def test_a_socket_is_refused(root: Root, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)  # socket addresses are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert "is a socket" in refused(root, "socket")


@pytest.mark.skipif(not AS_ROOT or ON_MACOS, reason="only root makes devices")
def test_a_device_is_refused(root: Root, workspace: Path) -> None:
    os.mknod(workspace / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    assert "is a device" in refused(root, "zero")


def test_nul_and_very_long_names_are_refused(root: Root, workspace: Path) -> None:
    assert refused(root, "a\0b").count("NUL") == 3
    assert refused(root, "x" * 300).count("too long") == 3
    assert "too long" in refused(root, "a/" + "x/" * 10 + "y" * 5000)
    assert refused(root, "x/" * 3000 + "y").count("more than 128 folders") == 3
    assert not (workspace / "x").exists()


@pytest.mark.parametrize(
    "path", [".agent/file", ".agent", "a/../.agent/file", ".agent/new", ".AGENT/file", "./.agent/."]
)
def test_the_agents_own_folder_is_closed(root: Root, workspace: Path, path: str) -> None:
    assert refused(root, path).count("closed to tools") == 3
    assert [entry.name for entry in root.entries(".")] == [".git", "a", "skills"]
    assert (workspace / ".agent/file").read_text() == ".agent"


def test_the_agents_own_folder_is_closed_under_any_other_name(root: Root, workspace: Path) -> None:
    (workspace / "link").symlink_to(".agent")
    (workspace / "deep").symlink_to(workspace / ".agent/file")
    for path in ("link/file", "link", "link/new", "deep"):
        refused(root, path)
    os.rename(workspace / ".agent", workspace / "store")
    (workspace / ".agent").symlink_to("store")
    assert "closed to tools" in refused(root, "store/file")
    assert "store" not in [entry.name for entry in root.entries(".")]


def test_the_agents_own_folder_cannot_be_planted(workspace: Path) -> None:
    with pytest.raises(ToolError, match="closed to tools"):
        Root(workspace).write_atomically(".agent/settings", b"x")
    assert list(workspace.iterdir()) == []


def test_a_hidden_folder_may_lie_deeper(root: Root, workspace: Path) -> None:
    nested = Root(workspace, hidden=("a/.agent",))
    (workspace / "a/.agent").mkdir()
    (workspace / "a/.agent/file").write_text("x")
    refused(nested, "a/.agent/file")
    assert [entry.name for entry in nested.entries("a")] == ["file"]


@pytest.mark.parametrize(
    "path", [".git/config", ".git", "a/.git/hooks/pre-commit", "a/.GIT/config", "skills/new.py", "Skills/x", "link/x"]
)
def test_git_and_skills_are_read_and_never_written(root: Root, workspace: Path, path: str) -> None:
    (workspace / "link").symlink_to("skills")
    with pytest.raises(ToolError, match="read-only for tools"):
        root.write_atomically(path, b"x")
    assert read(root, ".git/file") == ".git"
    assert read(root, "skills/file") == "skills"
    assert not (workspace / "a/.git").exists()


def test_only_the_roots_own_skills_are_read_only(root: Root, workspace: Path) -> None:
    assert root.write_atomically("a/skills/new.py", b"x")
    assert (workspace / "a/skills/new.py").read_bytes() == b"x"


def test_a_missing_path_is_told_apart(root: Root) -> None:
    with pytest.raises(NoSuchPath):
        root.open_file("a/none")
    with pytest.raises(NoSuchPath):
        root.open_file("none/file")
    with pytest.raises(ToolError, match="a part of 'a/file/x' is a file"):
        root.open_file("a/file/x")


def test_what_is_replaced_keeps_its_permissions(root: Root, workspace: Path) -> None:
    (workspace / "run.sh").write_text("old")
    (workspace / "run.sh").chmod(0o4750)
    assert root.write_atomically("run.sh", b"new") is False
    status = (workspace / "run.sh").stat()
    assert stat.S_IMODE(status.st_mode) == 0o750
    assert (workspace / "run.sh").read_bytes() == b"new"


@pytest.mark.skipif(not AS_ROOT, reason="only root writes files of others")
def test_what_is_replaced_keeps_its_owner(root: Root, workspace: Path) -> None:
    os.chown(workspace / "a/file", 12345, 12345)
    root.write_atomically("a/file", b"new")
    assert (workspace / "a/file").stat().st_uid == 12345


def test_a_new_file_gets_the_usual_permissions_and_its_folders(root: Root, workspace: Path) -> None:
    assert root.write_atomically("x/y/z", b"new") is True
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((workspace / "x/y/z").stat().st_mode) == 0o666 & ~umask


def test_a_name_as_long_as_the_file_system_allows_can_be_written(root: Root) -> None:
    assert root.write_atomically("n" * 255, b"x")


def test_readers_see_the_old_content_or_the_new(root: Root) -> None:
    sizes = set()
    done = threading.Event()

    def write() -> None:
        for n in range(60):
            root.write_atomically("a/file", bytes([65 + n % 2]) * (1 + n % 2) * 100_000)
        done.set()

    root.write_atomically("a/file", b"A" * 100_000)
    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        content = read(root, "a/file")
        sizes.add((len(content), len(set(content))))
    writer.join()
    assert sizes <= {(100_000, 1), (200_000, 1)}


@pytest.mark.parametrize("path", ["a", ".", "a/", "new/", "a/file/"])
def test_a_folder_is_not_written_over(root: Root, workspace: Path, path: str) -> None:
    with pytest.raises(ToolError):
        root.write_atomically(path, b"x")
    assert (workspace / "a/file").read_text() == "inside"


def test_a_workspace_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = Root(tmp_path / "gone")
    assert refused(gone, "a").count("is no longer there") == 3
    refused(gone, str(tmp_path / "gone/a"))


FAIL = """
import sys; sys.path.insert(0, {checkout!r})
from pathlib import Path
from core.errors import ToolError
from tool.beneath import Root
{setup}
try:
    Root(Path(sys.argv[1])).write_atomically("a/file", b"x" * 500_000)
except ToolError as error:
    print(error)
"""


def failing_write(workspace: Path, *wrapper: str, setup: str = "") -> str:
    """Write half a megabyte to a/file in a child process and return the error it tells."""
    code = FAIL.format(checkout=str(CHECKOUT), setup=setup)
    shown = subprocess.run(
        [*wrapper, sys.executable, "-c", code, str(workspace)], capture_output=True, text=True, check=False
    )
    return shown.stdout + shown.stderr


def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else(root: Root, workspace: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    assert failing_write(workspace, setup=limit) == (
        "'a/file' would be larger than files may be here; it was not written\n"
    )
    assert (workspace / "a/file").read_text() == "inside"
    assert os.listdir(workspace / "a") == ["file"]


def test_a_full_disk_is_told_and_leaves_no_temporary_file(workspace: Path) -> None:
    needs.bubblewrap()
    full = str(workspace / "full")
    bwrap = ("bwrap", "--dev-bind", "/", "/", "--size", "65536", "--tmpfs", full)
    setup = "import atexit, os; sys.argv[1] += '/full'; atexit.register(lambda: print(os.listdir(sys.argv[1] + '/a')))"
    assert failing_write(workspace, *bwrap, setup=setup) == (
        "the disk is full: 'a/file' was not written; free some space first\n[]\n"
    )


def test_a_read_only_disk_is_told(root: Root, workspace: Path) -> None:
    needs.bubblewrap()
    bwrap = ("bwrap", "--dev-bind", "/", "/", "--ro-bind", str(workspace), str(workspace))
    assert "'a/file' lies on a read-only file system" in failing_write(workspace, *bwrap)


def test_a_file_without_permission_is_told(root: Root, workspace: Path) -> None:
    needs.bubblewrap()
    (workspace / "a/file").chmod(0)
    read = "import sys, pathlib; from tool.beneath import Root; Root(pathlib.Path(sys.argv[1])).open_file('a/file')"
    without_rights = ("bwrap", "--dev-bind", "/", "/", "--cap-drop", "ALL")  # root may read everything
    done = subprocess.run(
        [*without_rights, sys.executable, "-c", read, str(workspace)], capture_output=True, text=True, cwd=CHECKOUT
    )
    assert "ToolError: no permission for 'a/file'" in done.stderr
