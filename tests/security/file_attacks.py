"""Attacks through the file tools. A table."""

from __future__ import annotations

import json

from tests.security.cases import CRASHES, FLOODS, HANGS, LEAKS, Attack, Check, changes, prints

_READ, _WRITE = "reading outside the workspace", "writing outside the workspace"
_SECRETS, _LATER = "secrets of the agent", "code that runs later"
_GIT, _SKILLS, _OUT = changes("{WS}/.git"), changes("{WS}/skills"), changes("{OUT}")
_AGENT, _STATE = changes("{WS}/.agent"), prints("{STATE}")


def _read(
    id: str, path: str, check: Check = LEAKS, *, kind: str = _READ, setup: str = "", shown: bool = True
) -> Attack:
    return _file(id, "read", path, check, kind=kind, setup=setup, shown=shown)


def _write(id: str, path: str, check: Check, *, kind: str = _WRITE, setup: str = "", shown: bool = True) -> Attack:
    return _file(id, "write", path, check, kind=kind, setup=setup, shown=shown)


def _file(id: str, operation: str, path: str, check: Check, *, kind: str, setup: str, shown: bool) -> Attack:
    payload = json.dumps({"op": operation, "path": path} | ({"data": "x"} if operation == "write" else {}))
    return Attack(f"files-{operation}-{id}", kind, "files", payload, (check, HANGS, FLOODS, CRASHES), setup, "", shown)


FILES = [
    _read("absolute", "{OUT}/secret.txt"),
    _read("parent", "../outside/secret.txt"),
    _read("parent-inside", "skills/../../outside/secret.txt"),
    _read("sibling-prefix", "../ws-evil/secret.txt"),
    _read("sibling-prefix-absolute", "{WS}-evil/secret.txt"),
    _read("link", "l", setup="ln -s {OUT}/secret.txt l"),
    _read("relative-link", "l", setup="ln -s ../outside/secret.txt l"),
    _read("linked-folder", "d/secret.txt", setup="ln -s {OUT} d"),
    _read("link-to-link", "a", setup="ln -s b a; ln -s c/secret.txt b; ln -s {OUT} c"),
    _read("link-then-parent", "d/../outside/secret.txt", setup="ln -s {OUT} d", shown=True),
    _read("hard-link", "h", setup="ln {OUT}/secret.txt h"),
    _read("proc-root", "p/self/root{OUT}/secret.txt", setup="ln -s /proc p"),
    _read("proc-absolute", "/proc/self/root{OUT}/secret.txt"),
    _read("proc-cwd", "/proc/self/cwd/../outside/secret.txt", shown=False),
    _read("victim-descriptor", "/proc/{PID}/cwd/secret.txt"),
    _read("file-url", "file://{OUT}/secret.txt", shown=False),
    _read("encoded", "%2e%2e/outside/secret.txt", shown=False),
    _read("backslashes", "..\\outside\\secret.txt", shown=False),
    _read("nul", "data.csv\0/../../outside/secret.txt", shown=False),
    _read("doubled-slashes", ".//..//outside///secret.txt"),
    _read("home", "~/secret.txt", shown=False),
    _read("environment", "/proc/self/environ", prints("{KEY}"), kind=_SECRETS, shown=False),
    _read("environment-link", "p/self/environ", prints("{KEY}"), kind=_SECRETS, setup="ln -s /proc p", shown=False),
    _read("victim-environment", "/proc/{PID}/environ", prints("{KEY}"), kind=_SECRETS),
    _read("state", ".agent/state.txt", _STATE, kind=_SECRETS),
    _read("state-absolute", "{WS}/.agent/state.txt", _STATE, kind=_SECRETS),
    _read("state-link", "l/state.txt", _STATE, kind=_SECRETS, setup="ln -s .agent l"),
    _read("state-file-link", "l", _STATE, kind=_SECRETS, setup="ln -s .agent/state.txt l"),
    _read("state-hard-link", "h", _STATE, kind=_SECRETS, setup="ln .agent/state.txt h"),
    _read("state-roundabout", "skills/../.agent/./state.txt", _STATE, kind=_SECRETS),
    _read("fifo", "f", HANGS, kind="taking too much", setup="mkfifo f"),
    _read("zero", "z", HANGS, kind="taking too much", setup="ln -s /dev/zero z", shown=False),
    _read("random-device", "/dev/urandom", HANGS, kind="taking too much", shown=False),
    _read("huge", "big", HANGS, kind="taking too much", setup="truncate -s 3G big", shown=False),
    _read("endless-line", "big", FLOODS, kind="taking too much", setup="head -c 20M /dev/zero | tr '\\0' x > big"),
    _read("circle", "a", HANGS, kind="taking too much", setup="ln -s b a; ln -s a b", shown=False),
    _read("escapes", "e", prints("\x1b"), kind="fooling the terminal", setup="printf '\\033]0;x\\007' > e"),
    _read("eight-bit-escapes", "e", prints("\x9b"), kind="fooling the terminal", setup="printf '\\302\\2332J' > e"),
    _file("outside", "list", "..", prints("ws-evil"), kind=_READ, setup="", shown=True),
    _file("absolute", "list", "{OUT}", prints("secret.txt"), kind=_READ, setup="", shown=True),
    _file("link", "list", "d", prints("secret.txt"), kind=_READ, setup="ln -s {OUT} d", shown=True),
    _file("state", "list", ".agent", prints("state.txt"), kind=_SECRETS, setup="", shown=True),
    _file(
        "names",
        "list",
        ".",
        prints("\x1b"),
        kind="fooling the terminal",
        setup="touch $'\\033[2Jx' $'a\\nb'",
        shown=False,
    ),
    _write("absolute", "{OUT}/victim.txt", _OUT),
    _write("parent", "../outside/victim.txt", _OUT),
    _write("new-outside", "../outside/new/er/file", _OUT, shown=False),
    _write("link", "l", _OUT, setup="ln -s {OUT}/victim.txt l"),
    _write("dangling-link", "l", _OUT, setup="ln -s {OUT}/new l"),
    _write("linked-folder", "d/new", _OUT, setup="ln -s {OUT} d"),
    _write("hard-link", "h", _OUT, setup="ln {OUT}/victim.txt h"),
    _write("shell-start", "../outside/home/.bashrc", _OUT),
    _write("agent-code", "{OUT}/agent/cli.py", _OUT),
    _write("git-config", ".git/config", _GIT, kind=_LATER),
    _write("git-hook", ".git/hooks/post-checkout", _GIT, kind=_LATER),
    _write("git-commondir", ".git/commondir", _GIT, kind=_LATER),
    _write("git-roundabout", "skills/../.git/./config", _GIT, kind=_LATER),
    _write("git-link", "g/config", _GIT, kind=_LATER, setup="ln -s .git g"),
    _write("git-other-case", ".GIT/config", changes("{WS}/.GIT"), kind=_LATER, shown=False),
    _write("nested-git", "sub/.git/config", changes("{WS}/sub/.git"), kind=_LATER, setup="git init -q sub"),
    _write("planted-git", "new/.git/config", changes("{WS}/new/.git"), kind=_LATER, shown=False),
    _write("skill", "skills/evil.py", _SKILLS, kind=_LATER),
    _write("skill-link", "s/evil.py", _SKILLS, kind=_LATER, setup="ln -s skills s"),
    _write("skill-replaced", "skills/good.py", _SKILLS, kind=_LATER),
    _write("agent-state", ".agent/state.txt", _AGENT, kind=_LATER),
    _write("agent-state-link", "a/new", _AGENT, kind=_LATER, setup="ln -s .agent a"),
    _write("device", "z", prints("replaced"), kind=_WRITE, setup="ln -s /dev/null z", shown=False),
    _write("socket", "dev.sock", CRASHES, shown=False),
    Attack(
        "files-unzip-bomb",
        "taking too much",
        "files",
        json.dumps({"op": "unzip", "path": "z.zip", "dest": "x"}),
        (changes("{WS}/x"), CRASHES),
        "python3 -c \"import zipfile; zipfile.ZipFile('z.zip', 'w', 8).writestr('a', bytes(50 << 20))\"",
        is_shown=False,
    ),
]
