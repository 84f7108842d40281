from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from core.errors import ToolError
from core.types import Opening, OpeningKind
from tests import needs
from tests.tool.sandbox.people import PEOPLE, PYTHON, open_to_all, run_as
from tool.sandbox.confinement import Confinement, running_python
from tool.sandbox.level import WALLS, Level
from tool.sandbox.mounts import Access, mounts_of, private_parts

# Run by an ordinary user too, so it is a program of its own.
RUN = (
    "import sys, json, subprocess; from pathlib import Path; from tool.sandbox.confinement import Confinement;"
    " from tool.sandbox.level import Level; workspace, hidden, read_only, level, command = json.loads(sys.argv[1]);"
    " c = Confinement(Path(workspace), [*map(Path, hidden)], [*map(Path, read_only)]);"
    " sys.exit(subprocess.run([*c.argv(Level(level)), '--', '/bin/bash', '-c', command], env=c.environment()).returncode)"
)


def inside(
    workspace: Path,
    command: str,
    *,
    hidden: tuple[str, ...] = (".agent",),
    read_only: tuple[str, ...] = ("skills",),
    level: Level = Level.BUBBLEWRAP,
    who: str = "me",
    **environment: str,
) -> str:
    """Return everything a command says in a sandbox."""
    needs.bubblewrap()
    given = json.dumps([str(workspace), hidden, read_only, level, command])
    ran = run_as(who, [PYTHON, "-c", RUN, given], environment=environment)
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("level", [Level.BUBBLEWRAP, Level.BOUND_PROC])
def test_each_part_of_the_boundary_holds(workspace: Path, who: str, level: Level) -> None:
    open_to_all(workspace)
    said = inside(
        workspace,
        "id -un; pwd; touch new && ls; for f in /x /usr/x /etc/x /dev/x /proc/sys/kernel/x; do touch $f; done;"
        " cat /etc/shadow; ls /home /root; grep ^Cap /proc/self/status; hostname; ls -A /run /tmp/home",
        who=who,
        level=level,
    )
    assert said.startswith(f"agent\n{workspace}\nnew\n")
    assert said.count("touch: cannot touch") == 5
    assert "/etc/shadow: No such file" in said
    assert said.count("0000000000000000") == 5
    assert "sandbox" in said


def test_people_and_machines_are_not_told_about(workspace: Path) -> None:
    said = inside(workspace, "cat /etc/passwd /etc/group /etc/hosts; hostname; ls /etc/ssl/private")
    for word in (os.uname().nodename, "postgres", "www-data"):
        assert word not in said
    assert "agent:x:1000" in said


def test_what_only_we_may_read_in_etc_is_absent(workspace: Path) -> None:
    private = "find /etc -type f ! -perm -o=r; find /etc -type d ! -perm -o=r ! -empty ! -path /etc"
    assert inside(workspace, private) == ""


def test_what_others_may_not_read_is_found_as_a_whole(tmp_path: Path) -> None:
    for name, mode in (("open", 0o755), ("closed", 0o700)):
        (tmp_path / name).mkdir(mode=mode)
        for key, key_mode in (("key", 0o600), ("text", 0o644)):
            (tmp_path / name / key).write_text("x")
            (tmp_path / name / key).chmod(key_mode)
    (tmp_path / "link").symlink_to("closed")
    assert sorted(private_parts(tmp_path)) == [f"{tmp_path}/closed", f"{tmp_path}/open/key"]


def test_the_environment_is_an_allow_list(workspace: Path) -> None:
    said = inside(workspace, "env; cat /proc/*/environ", AGENT_API_KEY="key-1", AWS_SECRET="key-2", TZ="Asia/Tokyo")
    assert "key-" not in said
    assert "TZ=Asia/Tokyo" in said
    assert "HOME=/tmp/home" in said


def test_the_agents_state_is_never_seen_wherever_it_lies(workspace: Path, tmp_path: Path) -> None:
    state = workspace / "deep/home/.agent"
    state.mkdir(parents=True)
    (state / "agent.db").write_text("secret")
    said = inside(
        workspace, "find . -name agent.db; cat deep/home/.agent/agent.db; mv deep elsewhere", hidden=(str(state),)
    )
    assert "secret" not in said
    assert "No such file" in said
    assert (state / "agent.db").exists()


def test_a_protected_file_that_is_not_there_cannot_be_planted(workspace: Path) -> None:
    (workspace / ".config").mkdir()
    inside(
        workspace,
        "mkdir -p .config/agent && echo x > .config/agent/config.toml; mv .config c",
        read_only=(".config/agent/config.toml",),
    )
    assert list((workspace / ".config").iterdir()) == []


def test_the_agents_own_checkout_is_read_only_inside_the_workspace_and_as_the_workspace(workspace: Path) -> None:
    (workspace / "checkout").mkdir()
    (workspace / "checkout/cli.py").write_text("x")
    change = "echo y > checkout/cli.py; rm -rf checkout; mv checkout c; ls checkout"
    assert "cli.py" in inside(workspace, change, read_only=("checkout",)).splitlines()
    assert "Read-only file system" in inside(workspace, "touch new", read_only=(str(workspace),))
    assert (workspace / "checkout/cli.py").read_text() == "x"


def test_a_workspace_may_have_spaces_lie_behind_a_link_and_on_another_file_system(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "link").symlink_to("a b")
    assert inside(tmp_path / "link", "pwd; touch x; ls") == f"{tmp_path / 'a b'}\nx\n"
    shared = Path("/dev/shm", f"agent-test-{os.getpid()}")
    shared.mkdir()
    try:
        assert inside(shared, "touch x; ls") == "x\n"
    finally:
        subprocess.run(["rm", "-r", str(shared)], check=True)


def make_worktree(main: Path, tree: Path) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (
        ["init", "-q"],
        [*identity, "commit", "-q", "--allow-empty", "-m", "x"],
        ["worktree", "add", tree],
    ):
        main.mkdir(exist_ok=True)
        subprocess.run(["git", "-C", main, *arguments], check=True, capture_output=True)


def test_a_linked_worktree_sees_its_repository_and_cannot_write_it(tmp_path: Path) -> None:
    main, tree = tmp_path / "main", tmp_path / "tree"
    make_worktree(main, tree)
    assert inside(tree, "git log --format=%s; git status --short") == "x\n"
    assert "Read-only" in inside(tree, f"touch {main}/.git/x")


def test_a_file_that_claims_to_belong_to_a_repository_opens_nothing(tmp_path: Path, workspace: Path) -> None:
    main = tmp_path / "main"
    make_worktree(main, tmp_path / "tree")
    (workspace / ".git").write_text((tmp_path / "tree/.git").read_text())
    assert "No such file" in inside(workspace, f"ls {main}/.git")
    (workspace / ".git").write_text(f"gitdir: {main}/.git\n")
    assert "No such file" in inside(workspace, f"ls {main}/.git")


def test_the_running_python_is_there_with_its_packages(workspace: Path) -> None:
    needs.bubblewrap()
    confinement = Confinement(workspace, python=running_python())
    argv = [
        *confinement.argv(Level.BUBBLEWRAP),
        "--",
        "/bin/bash",
        "-c",
        "python -c 'import pytest, sys; print(sys.prefix)'",
    ]
    ran = subprocess.run(argv, env=confinement.environment(), capture_output=True, text=True, check=True)
    assert ran.stdout.strip() in [os.path.realpath(path) for path in running_python()]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/", "part of the system"),
        ("/etc/ssh", "part of the system"),
        ("/proc/self", "part of the system"),
        ("{tmp}", "holds the agent's own files"),
        ("{tmp}/state", "holds the agent's own files"),
        ("{tmp}/state/logs", "holds the agent's own files"),
        ("{tmp}/link", "holds the agent's own files"),
        ("~", "would open everything"),
        ("~/..", "would open everything"),
        ("{tmp}/missing", "does not exist"),
    ],
)
def test_an_opening_that_is_too_large_is_refused(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:
    (tmp_path / "state/logs").mkdir(parents=True)
    (tmp_path / "link").symlink_to("state")
    monkeypatch.setenv("HOME", "/var/tmp")  # outside of what holds the state
    confinement = Confinement(workspace, [tmp_path / "state"])
    opening = Opening(OpeningKind.PATH, path.format(tmp=tmp_path))
    with pytest.raises(ToolError, match=message):
        confinement.argv(Level.BUBBLEWRAP, opening=opening)


@pytest.mark.parametrize("path", ["/", "/usr", "/etc/x", "/tmp"])
def test_a_part_of_the_system_is_no_workspace(path: str) -> None:
    with pytest.raises(ToolError, match=r"is part of the system|is no longer there"):
        Confinement(Path(path)).argv(Level.BUBBLEWRAP)


def test_a_workspace_that_is_gone_or_is_the_agents_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="is no longer there"):
        Confinement(tmp_path / "gone").argv(Level.BUBBLEWRAP)
    with pytest.raises(ToolError, match="the agent's own state"):
        Confinement(tmp_path, [tmp_path]).argv(Level.BUBBLEWRAP)


def test_landlock_opens_a_workspace_around_what_is_protected(workspace: Path) -> None:
    for name in (".agent", ".git", "skills", "src"):
        (workspace / name).mkdir()
    (workspace / "file").write_text("x")
    (workspace / "out").symlink_to("/")
    confinement = Confinement(workspace, [Path(".agent")], [Path("skills")])
    writable, readable = confinement.landlock("/scratch")
    assert writable == ["/scratch", f"{workspace}/file", f"{workspace}/src"]
    assert [path for path in readable if path.startswith(str(workspace))] == [
        f"{workspace}/.",
        f"{workspace}/.git",
        f"{workspace}/skills",
    ]
    assert confinement.argv(Level.LANDLOCK) == []


@pytest.mark.parametrize("who", PEOPLE)
def test_landlock_alone_keeps_state_git_and_skills(workspace: Path, tmp_path: Path, who: str) -> None:
    for name in (".agent", ".git", "skills", "src"):
        (workspace / name).mkdir()
        (workspace / name / "file").write_text(f"text of {name}")
        (workspace / name / "file").chmod(0o666)
        open_to_all(workspace / name)
    (tmp_path / "scratch").mkdir()
    open_to_all(tmp_path / "scratch")
    confinement = Confinement(workspace, [Path(".agent")], [Path("skills")])
    writable, readable = confinement.landlock(str(tmp_path / "scratch"))
    walls = json.dumps({"writable": writable, "readable": readable, "network": False})
    attack = (
        "cat */file .*/file; for d in .agent .git skills src; do echo x > $d/file; echo x > $d/new; done; mv .git old;"
        " rm -rf .agent; ln .agent/file src/link; mv .agent/file src/; touch top; echo y > $TMPDIR/y && cat $TMPDIR/y"
    )
    environment = confinement.environment(scratch=str(tmp_path / "scratch"))
    ran = run_as(
        who, [PYTHON, "-I", "-S", WALLS, walls, "/bin/bash", "-c", attack], cwd=workspace, environment=environment
    )
    assert ran.stdout == "text of skillstext of srctext of .gity\n"
    found = {str(path.relative_to(workspace)): path.read_text() for path in workspace.glob("*/*")}
    assert found == {
        ".agent/file": "text of .agent",
        ".git/file": "text of .git",
        "skills/file": "text of skills",
        "src/file": "x\n",
        "src/new": "x\n",
    }


def test_landlock_opens_a_workspace_without_protected_parts_as_a_whole(workspace: Path) -> None:
    assert Confinement(workspace).landlock("/scratch")[0] == ["/scratch", str(workspace)]


def test_mounts_are_parents_first_and_none_is_made_twice(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    a, b, c = str(tmp_path / "a"), str(tmp_path / "a/b"), str(tmp_path / "a/b/c")
    paths = {c: Access.WRITE, b: Access.READ, a: Access.WRITE, f"{a}/gone": Access.READ}
    assert mounts_of(paths) == ["--bind", a, a, "--ro-bind", b, b, "--bind", c, c]
    assert mounts_of({a: Access.READ, b: Access.READ, "/usr/lib": Access.READ}) == ["--ro-bind", a, a]
    assert mounts_of({a: Access.HIDDEN}) == []
