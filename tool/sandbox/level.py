"""What this machine allows turned into the strongest boundary that really works here, and the reason for a weaker one."""

from __future__ import annotations

import enum
import functools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tool.sandbox.inside import landlock
from tool.sandbox.inside.seccomp import is_known_machine
from tool.sandbox.mounts import PROGRAMS
from tool.sandbox.namespaces import bubblewrap_command
from tool.sandbox.seatbelt import SANDBOX_EXEC


class Level(enum.StrEnum):
    """How strong the boundary around commands is; strongest first."""

    BUBBLEWRAP = "bubblewrap"
    BOUND_PROC = "bubblewrap with bound /proc"
    LANDLOCK = "Landlock and seccomp"
    SEATBELT = "Seatbelt"
    RULES = "rules only"

    @property
    def has_namespaces(self) -> bool:
        """Whether commands run in namespaces of their own: nothing outlives them, their network leads nowhere."""
        return self in (Level.BUBBLEWRAP, Level.BOUND_PROC)


WALLS = os.path.realpath(Path(__file__).parent / "inside/walls.py")
_PROBE_S = 10.0
_SETTINGS = (  # a kernel setting, the value with which it forbids user namespaces, and what allows them
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor lets no program make user namespaces; allow bubblewrap with an AppArmor profile for /usr/bin/bwrap"
        " (`userns,`), or all programs: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    (
        "kernel/unprivileged_userns_clone",
        "0",
        "user namespaces are forbidden; allow them: sudo sysctl kernel.unprivileged_userns_clone=1",
    ),
    (
        "user/max_user_namespaces",
        "0",
        "user namespaces are forbidden; allow them: sudo sysctl user.max_user_namespaces=10000",
    ),
)


@functools.cache
def probe() -> tuple[Level, str]:
    """Try the boundaries, strongest first, by running a program in each; return the first that holds, and why.

    The reason is empty for the strongest. Takes some milliseconds the first time: call it in a thread, when first needed.
    """
    if sys.platform == "darwin":
        return _probe_macos()
    if sys.platform != "linux":
        return Level.RULES, "this system has no sandbox the agent can use; on Windows, run the agent in WSL2"
    if not is_known_machine():
        return Level.RULES, f"the sandbox knows no {platform.machine()!r} processor; it needs x86_64 or aarch64"
    said = _failure(own_proc=True)
    if said is None:
        return Level.BUBBLEWRAP, ""
    if _failure(own_proc=False) is None:
        return Level.BOUND_PROC, (
            f"part of /proc is hidden here, as in containers ({said}), so commands see the processes around them"
        )
    why = _explained(said)
    if (missing := _landlock_failure()) is None:
        return Level.LANDLOCK, (
            f"{why}; until then commands cannot make files at the top of a workspace that holds .git, skills or .agent,"
            " only in its folders"
        )
    return Level.RULES, f"{why}; and {missing}"


def _probe_macos() -> tuple[Level, str]:
    if (
        os.access(SANDBOX_EXEC, os.X_OK)
        and _run([SANDBOX_EXEC, "-p", "(version 1)(allow default)", "/usr/bin/true"]) is None
    ):
        return Level.SEATBELT, "macOS has no namespaces; its sandbox-exec holds files and network, and is not tested"
    return Level.RULES, "sandbox-exec does not work on this Mac; run the agent in a Linux virtual machine"


def _failure(*, own_proc: bool) -> str | None:
    """Return what bubblewrap says when it cannot make a sandbox, or None when it can."""
    try:
        return _run([*bubblewrap_command([], "/", own_proc=own_proc), "--", "/bin/true"])
    except FileNotFoundError:
        return ""


def _explained(said: str) -> str:
    """Return why bubblewrap does not work and what helps."""
    if not said:
        return "bubblewrap is not installed; install it: apt install bubblewrap (or dnf, pacman, zypper, apk)"
    for name, forbidding, words in _SETTINGS:
        if _setting(name) == forbidding:
            return words
    if any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv")):
        return (
            f"this container forbids user namespaces ({said}); start it with --security-opt seccomp=unconfined"
            " --security-opt apparmor=unconfined"
        )
    return f"bubblewrap cannot make a sandbox here ({said}); is the agent running inside another sandbox?"


def _landlock_failure() -> str | None:
    """Return why the kernel cannot keep commands in by itself, or None when it can."""
    known = landlock.version()
    if known < landlock.NEEDED:
        return f"this kernel ({platform.release()}) has no Landlock that holds; it needs Linux 6.2 or newer"
    readable = [*PROGRAMS, sys.prefix, sys.base_prefix]  # the launcher itself goes on inside the walls
    bounds = json.dumps({"writable": [], "readable": readable, "network": False})
    said = _run([sys.executable, "-I", "-S", WALLS, bounds, "/bin/true"])
    return None if said is None else f"Landlock and seccomp do not hold here ({said})"


def _run(argv: Sequence[str]) -> str | None:
    """Return the last line a program complains with, or None when it ends well."""
    try:
        ended = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, env={}, timeout=_PROBE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if ended.returncode == 0:
        return None
    lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].partition(" See <")[0] if lines else f"exit {ended.returncode}"


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return ""
