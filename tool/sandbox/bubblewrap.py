"""Shell commands turned into one bubblewrap each: the workspace, the system read-only, no network, no home, no keys."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from core.errors import ToolError
from core.types import Opening
from tool.output import BoundedOutput
from tool.runner import Exit
from tool.sandbox.process import run_process

HOME = "/tmp/home"
# Handed to bubblewrap itself instead of cleared by it: what it was started with can be read inside in /proc/1/environ.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": HOME,
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",  # lets `git status` be content with a read-only .git
}
_ETC = ("ld.so.cache", "alternatives", "ssl")
_TAKEN = ("/", "/usr", "/etc", "/proc", "/dev", "/bin", "/lib")
_PROBE_S = 10.0


class Bubblewrap:
    """Runs each command in namespaces of its own, which the kernel empties when the command is done."""

    def __init__(
        self,
        workspace: Path,
        hidden: Sequence[str] = (".agent",),
        read_only: Sequence[str] = (".git", "skills"),
    ) -> None:
        """`hidden` and `read_only` are paths relative to the workspace, protected where they exist."""
        self._workspace = os.path.realpath(workspace)
        self._hidden = hidden
        self._read_only = read_only
        self._works = False
        self._reason: str | None = None

    async def run(
        self, command: str, *, timeout_s: float, output: BoundedOutput, opening: Opening | None = None
    ) -> Exit:
        """Run a command with bash. Raises: ToolError where bubblewrap cannot run, or the workspace is gone."""
        if self._reason:
            raise ToolError(self._reason)
        if "\0" in command:
            raise ToolError("the command contains a NUL character; leave it out")
        self._require_workspace()
        started = time.monotonic()
        try:
            argv = [_find(), *self._options(), "--", "/bin/bash", "-c", command]
            code = await run_process(argv, ENVIRONMENT, timeout_s, output)
        except OSError as error:
            raise ToolError(self.why_unavailable() or f"the command could not be started: {error.strerror}") from error
        if code == 0:
            self._works = True
        elif not self._works and (reason := self.why_unavailable()):
            # Asked only after a failure, so that what works never pays for the question.
            raise ToolError(reason)
        return Exit(code, time.monotonic() - started)

    def why_unavailable(self) -> str | None:
        """Return why bubblewrap cannot run here and what helps, or None if it can; asked of the system once."""
        if not self._works and self._reason is None:
            self._reason = _probe()
            self._works = self._reason is None
        return self._reason

    def _require_workspace(self) -> None:
        if not Path(self._workspace).is_dir():
            raise ToolError(f"the workspace {self._workspace!r} is no longer there, so no command can run in it")
        if self._workspace in _TAKEN:
            raise ToolError(f"the workspace {self._workspace!r} is part of the system; choose a folder of your own")

    def _options(self) -> list[str]:
        options = [*_SYSTEM, "--bind", self._workspace, self._workspace]
        for path in self._existing(self._read_only):
            options += ["--ro-bind", path, path]
        for path in self._existing(self._hidden):
            options += ["--perms", "0555", "--tmpfs", path]
        return [*options, "--remount-ro", "/", "--chdir", self._workspace]

    def _existing(self, names: Sequence[str]) -> list[str]:
        """Return the real path of each name that leads somewhere inside the workspace."""
        paths = [os.path.realpath(f"{self._workspace}/{name}") for name in names]
        return [path for path in paths if path.startswith(f"{self._workspace}/") and Path(path).exists()]


def _system() -> list[str]:
    """Return the options that are the same for every command. Few of them: each mount takes its time."""
    options = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            options += ["--ro-bind", str(path), str(path)]
    for name in _ETC:
        options += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    # For root, /proc/sys would stay writable: a way out through core_pattern.
    options += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"]
    return [*options, "--tmpfs", "/tmp", "--dir", HOME]


_SYSTEM = _system()


def _find() -> str:
    """Return the program's path. Raises: FileNotFoundError."""
    for folder in os.get_exec_path():
        if os.access(f"{folder}/bwrap", os.X_OK):
            return f"{folder}/bwrap"
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "bwrap")


def _probe() -> str | None:
    """Return why bubblewrap cannot run here, or None."""
    if sys.platform != "linux":
        return "shell commands are off: their sandbox, bubblewrap, exists only on Linux (on Windows: WSL2)"
    try:
        probe = subprocess.run(
            [_find(), *_SYSTEM, "--", "/bin/bash", "-c", "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=ENVIRONMENT,
            timeout=_PROBE_S,
            check=False,
        )
    except FileNotFoundError:
        return "shell commands are off: their sandbox, bubblewrap, is not installed; install it: apt install bubblewrap"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"shell commands are off: bubblewrap does not start here: {error}"
    if probe.returncode == 0:
        return None
    said = probe.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
    return (
        f"shell commands are off: bubblewrap cannot make its sandbox here ({said}); allow unprivileged user namespaces"
        " (sysctl kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu)"
    )
