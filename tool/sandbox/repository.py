"""A workspace turned into the paths through which git would one day run a program, and how to take that power away.

Whoever may write a repository's configuration or hooks decides what the next git command of its owner runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.types import Opening, OpeningKind

_DEEPEST = 3  # folders below the workspace in which repositories are looked for
_MOST_FOLDERS = 500
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "target", "build", "dist"})
# Parts of a `.git` that a commit never writes and that make git run programs, or read its configuration elsewhere.
_ARMING = ("commondir", "config", "config.worktree", "gitdir", "hooks", "info", "modules", "worktrees")
_TIMEOUT_S = 5.0


def repositories(workspace: Path) -> list[str]:
    """Return the real path of each `.git` found in and a little below the workspace: a folder, or a submodule's file."""
    return list(_find(str(workspace)))


def arming_parts(repository: str) -> list[str]:
    """Return the parts of a `.git` folder that stay read-only even where an approval opens it."""
    return [path for path in _candidates(repository) if os.path.lexists(path)]


@contextmanager
def disarm(workspace: Path, opening: Opening | None) -> Iterator[None]:
    """While git is open, forget what was not there before of the parts that cannot be mounted read-only for that."""
    if opening is None or opening.kind != OpeningKind.GIT:
        yield
        return
    before = repositories(workspace)
    planted = [path for each in before for path in _candidates(each) if not os.path.lexists(path)]
    try:
        yield
    finally:
        for path in planted:
            if Path(path).is_dir() and not Path(path).is_symlink():
                shutil.rmtree(path)
            else:
                Path(path).unlink(missing_ok=True)


def linked_repository(workspace: Path) -> str | None:
    """Return the repository that a linked worktree belongs to, when that repository says so too.

    The file in the workspace alone proves nothing: whoever may write it could name any folder.
    """
    try:
        named = (workspace / ".git").read_text().removeprefix("gitdir:").strip()
        own = Path(os.path.realpath(workspace / named))
        common = Path(os.path.realpath(own / (own / "commondir").read_text().strip()))
        says = os.path.realpath((own / "gitdir").read_text().strip())
    except (OSError, UnicodeDecodeError):
        return None
    is_its = own.parent == common / "worktrees" and says == os.path.realpath(workspace / ".git")
    return str(common) if is_its else None


def _candidates(repository: str) -> list[str]:
    return [f"{repository}/{name}" for name in _ARMING] if Path(repository).is_dir() else []


def _find(folder: str) -> Iterator[str]:
    waiting, seen = [(folder, 0)], 0
    while waiting and seen < _MOST_FOLDERS:
        path, depth = waiting.pop(0)
        seen += 1
        try:
            with os.scandir(path) as entries:
                found = list(entries)
        except OSError:
            continue
        for entry in found:
            if entry.name == ".git" and not entry.is_symlink():
                yield entry.path
            elif depth < _DEEPEST and entry.is_dir(follow_symlinks=False) and _is_worth_a_look(entry.name):
                waiting.append((entry.path, depth + 1))


def _is_worth_a_look(name: str) -> bool:
    return name not in _SKIPPED and not name.startswith(".")


def git_environment(workspace: Path) -> dict[str, str]:
    """Return the variables that make git run nothing a repository names, and commit in the person's name."""
    settings = {
        "core.hooksPath": "/dev/null",
        "core.fsmonitor": "false",
        "core.pager": "cat",
        "core.editor": "true",
        "core.sshCommand": "false",
        "core.attributesFile": "/dev/null",
        "diff.external": "",
        "commit.gpgSign": "false",
        "tag.gpgSign": "false",
        "gc.auto": "0",
        "maintenance.auto": "false",
        "protocol.ext.allow": "never",
        "credential.helper": "",
    }
    settings |= _identity(workspace)
    numbered = {f"GIT_CONFIG_KEY_{n}": key for n, key in enumerate(settings)}
    numbered |= {f"GIT_CONFIG_VALUE_{n}": value for n, value in enumerate(settings.values())}
    return {
        "GIT_CONFIG_COUNT": str(len(settings)),
        **numbered,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_EDITOR": "true",
        "GIT_OPTIONAL_LOCKS": "1",
    }


def _identity(workspace: Path) -> dict[str, str]:
    """Return the person's name and address where the repository does not name its own."""
    found = {}
    for key in ("user.name", "user.email"):
        if _asked("--file", str(workspace / ".git/config"), key):
            continue
        if value := _asked("--global", key):
            found[key] = value
    return found


def _asked(*question: str) -> str:
    """Return a value of git's configuration; reading one file of it runs nothing."""
    try:
        answer = subprocess.run(
            ["git", "config", *question[:-1], "--get", question[-1]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode("utf-8", "replace").strip()
