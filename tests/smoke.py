"""Looks at a working installation from outside, one line a check: `python -m tests.smoke`.

Needs only the packages of requirements.txt. A missing system part is skipped with the command that installs it, and
fails where CI=true. Writes: a temporary folder.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import select
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEY = "a-key-that-must-stay-secret-7391"
MOST_S = 20.0  # of one command
CHECKS: list[tuple[str, Callable[[Place], None]]] = []


class Failed(Exception):
    """What is wrong, and the next move."""


class Skipped(Exception):
    """A part of the system that a newcomer may lack, and the command that installs it."""


class Place:
    """A home of its own for the program under test, and commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.outside = folder / "outside.txt"
        self.outside.write_text("outside-4711")
        ours = {name: value for name, value in os.environ.items() if not name.startswith("AGENT_")}
        switches = {f"AGENT_ENABLE_{name}": "on" for name in ("SHELL", "FILES")}
        places = {"AGENT_HOME": str(self.home), "AGENT_CONFIG": str(folder / "none.toml")}
        self.environment = ours | switches | places

    def cli(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        command = [sys.executable, str(ROOT / "cli.py"), *arguments]
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment | more,
            timeout=MOST_S,
            check=False,
        )

    def ask(self, task: str) -> str:
        """Return what the embedded rules answer."""
        done = self.cli("run", "--model", "rules", task)
        require(done.returncode == 0, f"exit {done.returncode}: {(done.stderr or done.stdout).strip()}", SEE_LOG)
        return done.stdout

    def refused(self, task: str) -> str:
        """Return why the embedded rules could not do a task."""
        done = self.cli("run", "--model", "rules", task)
        require(done.returncode == 3, f"exit {done.returncode}: {(done.stderr or done.stdout).strip()}", SEE_LOG)
        return done.stderr

    def run_script(self, script: str) -> str:
        """Return what a script prints in the sandbox. As a file, because a command that reaches out would be asked about."""
        (self.home / "probe.sh").write_text(script)
        return self.ask("run bash probe.sh")


SEE_LOG = "see .agent/logs/agent.log in the home, or run it with AGENT_LOG_LEVEL=DEBUG"
REINSTALL = "run: make clean chat"


def require(holds: object, why: str, next_move: str) -> None:
    """Raises: Failed unless it holds."""
    if not holds:
        raise Failed(f"{why}; {next_move}")


def check(what: str) -> Callable[[Callable[[Place], None]], Callable[[Place], None]]:
    """Add a check; it fails by raising."""

    def add(function: Callable[[Place], None]) -> Callable[[Place], None]:
        CHECKS.append((what, function))
        return function

    return add


@check("Python is 3.11 or newer")
def python_version(place: Place) -> None:
    require(sys.version_info >= (3, 11), f"this is {sys.version.split()[0]}", "make PYTHON=python3.12 clean chat")


@check("the packages of requirements.txt are there")
def packages(place: Place) -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    for name in (line.partition(">=")[0] for line in lines if line and not line.startswith(("#", "-"))):
        try:
            importlib.import_module(name.replace("-", "_"))
        except ImportError as error:
            raise Failed(f"{error}; {REINSTALL}") from error


@check("the program's own parts import")
def own_parts(place: Place) -> None:
    for name in ("boot.wire", "servr.terminal.main", "servr.model_server"):
        importlib.import_module(name)


@check("SQLite has full text search (FTS5)")
def full_text_search(place: Place) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5 (text)")
        connection.execute("INSERT INTO words VALUES ('a needle in the hay')")
        found = connection.execute("SELECT text FROM words WHERE words MATCH 'needle'").fetchall()
    except sqlite3.OperationalError as error:
        raise Failed(f"{error}; use a Python whose sqlite3 is built with FTS5, such as Debian's") from error
    finally:
        connection.close()
    require(found, "a word that was stored is not found", "use another build of SQLite")


@check("bubblewrap makes a sandbox")
def bubblewrap(place: Place) -> None:
    need_bubblewrap()


@check("ripgrep is there")
def ripgrep(place: Place) -> None:
    if shutil.which("rg") is None:
        raise Skipped("apt install ripgrep")


@check("--version tells the version")
def version(place: Place) -> None:
    from core.version import VERSION

    said = place.cli("--version").stdout.strip()
    require(said == f"agent {VERSION}", f"it says {said!r}", REINSTALL)


@check("--help lists every command")
def help_page(place: Place) -> None:
    from servr.terminal.commands import COMMANDS

    said = place.cli("--help").stdout
    missing = [name for name in COMMANDS if name not in said]
    require(not missing, f"it does not name {missing}", REINSTALL)


@check("a home is created, closed to other users")
def home(place: Place) -> None:
    done = place.cli("sessions")
    require(done.returncode == 0, done.stderr.strip(), "set AGENT_HOME to a folder you can write")
    mode = stat.S_IMODE((place.home / ".agent").stat().st_mode)
    require(os.name != "posix" or mode == 0o700, f"its mode is {mode:o}", "report it as a bug")


@check("a session is written, and read again after the database was closed")
def database(place: Place) -> None:
    from core.types import Head, Message
    from store.database import Database
    from store.journal import SessionJournal, new_session_id

    path, locks, session_id = place.home / "check.db", place.home / "check-locks", new_session_id()
    said = Message("user", "Grüße")
    first = SessionJournal(Database(path), locks)
    session = first.begin(session_id, Head("system", "[]"), "workspace", "none")
    session.append(said)
    session.close()
    first.close()
    second = SessionJournal(Database(path), locks)
    read = list(second.peek(session_id).messages)
    second.close()
    require(read == [said], f"read {read!r}", "look whether the file system keeps what is written")


@check("a task is answered from end to end (6 * 7)")
def answer(place: Place) -> None:
    said = place.ask("calculate 6*7")
    require("42" in said, f"the answer is {said!r}", SEE_LOG)


@check("the session is listed, and resume prints its answer")
def resume(place: Place) -> None:
    place.ask("calculate 6*7")
    listed = place.cli("sessions").stdout
    require("calculate 6*7" in listed, f"the list says {listed!r}", SEE_LOG)
    said = place.cli("resume", "--model", "rules", "--output", "text").stdout
    require("42" in said, f"resume prints {said!r}", SEE_LOG)


@check("the agent writes a file and reads it again")
def files(place: Place) -> None:
    place.ask("write smoke-1234 to folder/a.txt")
    require((place.home / "folder/a.txt").read_text() == "smoke-1234", "the file is not as asked", SEE_LOG)
    said = place.ask("read folder/a.txt")
    require("smoke-1234" in said, f"the answer is {said!r}", SEE_LOG)


@check("a path outside the workspace is refused")
def path_outside(place: Place) -> None:
    (place.home / "link.txt").symlink_to(place.outside)
    for path in ("../outside.txt", str(place.outside), "link.txt"):
        said = place.refused(f'read "{path}"')
        require("outside-4711" not in said and "did not work" in said, f"reading {path!r} says {said!r}", STOP_USING)


STOP_USING = "do not let a model use this installation; report it"


@check("a shell command runs, and reaches no network")
def shell_without_network(place: Place) -> None:
    need_bubblewrap()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = place.run_script(f"echo in-$((40+2)); if : < /dev/tcp/127.0.0.1/{port}; then echo connected; fi")
    require("\nin-42\n" in said, f"the command printed {said!r}", SEE_LOG)
    require("\nconnected" not in said, "a command connected to this machine", STOP_USING)


@check("a shell command sees neither the home folder nor the agent's own files")
def shell_without_home(place: Place) -> None:
    need_bubblewrap()
    see = 'for file in "$@"; do [ -e "$file" ] && echo "sees $file"; done'
    where = f"{Path.home()}/* {Path.home()}/.[!.]* {place.home / '.agent'}/*"
    said = place.run_script(f"cat {place.outside}; set -- {where}; {see}; echo the-end")
    require("\nthe-end" in said, f"the command printed {said!r}", SEE_LOG)
    require("outside-4711" not in said, "a command read a file outside the workspace", STOP_USING)
    # The folders that lead to the workspace and to the interpreter are there, with nothing else in them.
    open_paths = (place.home, Path(sys.prefix), Path(sys.base_prefix))
    on_the_way = {f"sees {folder}" for path in open_paths for folder in (path, *path.parents)}
    seen = [line for line in said.splitlines() if line.startswith("sees ") and line not in on_the_way]
    require(not seen, f"a command {', '.join(seen[:5])}", STOP_USING)


@check("a wrong address gives one sentence and exit code 3")
def wrong_address(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = place.cli("run", "--model-url", f"http://127.0.0.1:{port}/v1", "hello")
    require(done.returncode == 3, f"exit {done.returncode}: {done.stderr.strip()}", "report it as a bug")
    lines = done.stderr.splitlines()
    is_sentence = len(lines) == 1 and str(port) in lines[0] and not done.stdout
    require(is_sentence, f"it says {done.stderr!r}", "report it as a bug")


@check("an unknown option gives one sentence and exit code 2")
def wrong_option(place: Place) -> None:
    done = place.cli("run", "--no-such-option", "hello")
    require(done.returncode == 2, f"exit {done.returncode}", "report it as a bug")
    require(len(done.stderr.splitlines()) == 1, f"it says {done.stderr!r}", "report it as a bug")


@check("neither the log nor the database nor the settings show the API key")
def key_is_hidden(place: Place) -> None:
    from boot.logs import open_log

    open_log(place.home / "key-log", "DEBUG", [KEY])
    logging.getLogger("agent.smoke").info("a request with %s", KEY)
    written = (place.home / "key-log/agent.log").read_text()
    require("a request with" in written, "nothing was logged", "look whether the home can be written")
    done = place.cli("run", "--model-url", "http://127.0.0.1:9", "hi", AGENT_API_KEY=KEY, AGENT_LOG_LEVEL="DEBUG")
    shown = place.cli("settings", AGENT_API_KEY=KEY)
    said = (done.stdout + done.stderr + shown.stdout + shown.stderr).encode()
    files = [path for path in place.home.rglob("*") if path.is_file()]
    where = [str(path) for path in files if KEY.encode() in path.read_bytes()] + ["the output"] * (KEY.encode() in said)
    require(not where, f"the key is in {', '.join(where)}", "set a new key; report it")


@check("the chat opens in a terminal, answers, and Ctrl-D leaves it")
def chat(place: Place) -> None:
    if os.name != "posix":
        raise Skipped("needs a POSIX terminal: run it in WSL2")
    with terminal([sys.executable, str(ROOT / "cli.py"), "--model", "rules"], place.environment) as (process, screen):
        screen.expect("Ctrl-D leaves")
        screen.expect("›")
        screen.type("calculate 6*7\r")
        screen.expect("6*7 = 42")
        screen.expect("›")
        screen.type("\x04")
        screen.expect("resume")
        code = process.wait(MOST_S)
    require(code == 0, f"exit {code}", SEE_LOG)


class Screen:
    """The other end of a terminal, read in order."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unread = ""

    def type(self, text: str) -> None:
        """Send keys."""
        os.write(self._descriptor, text.encode())

    def expect(self, text: str) -> None:
        """Read up to and including `text`. Raises: Failed when it does not come."""
        deadline = time.monotonic() + MOST_S / 2
        while text not in self._unread:
            left = deadline - time.monotonic()
            require(left > 0, f"{text!r} did not appear; the terminal shows {self._unread[-300:]!r}", SEE_LOG)
            if select.select([self._descriptor], [], [], left)[0]:
                self._read(text)
        self._unread = self._unread.partition(text)[2]

    def _read(self, awaited: str) -> None:
        try:
            data = os.read(self._descriptor, 65536).decode(errors="replace")
        except OSError as error:  # the program left
            raise Failed(f"it ended before {awaited!r} appeared; it said {self._unread[-300:]!r}; {SEE_LOG}") from error
        if "\x1b[6n" in data:  # it asks where the cursor is, as real terminals are asked
            self.type("\x1b[1;1R")
        self._unread += re.sub(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>])", "", data)


@contextmanager
def terminal(command: list[str], environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], Screen]]:
    """Run a command in a terminal of its own, and end it with the block."""
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 100))
    environment = environment | {"TERM": "xterm"}
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    try:
        yield process, Screen(ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def need_bubblewrap() -> None:
    """Raises: Skipped where no sandbox can be made."""
    from tool.sandbox.level import probe

    level, reason = probe()
    if not level.has_namespaces:
        raise Skipped(reason)


def main() -> int:
    """Run every check. Returns: 1 when one failed."""
    failures = 0
    with tempfile.TemporaryDirectory(prefix="agent-smoke-") as folder:
        place = Place(Path(folder).resolve())
        for what, function in CHECKS:
            line = outcome(what, function, place)
            failures += line.startswith("FAILED")
            print(line, flush=True)
    return 1 if failures else 0


def outcome(what: str, function: Callable[[Place], None], place: Place) -> str:
    """Run one check and return its line."""
    try:
        function(place)
    except Skipped as reason:
        return f"{'FAILED' if os.environ.get('CI') == 'true' else 'skip'} {what}: {reason}"
    except Failed as reason:
        return f"FAILED {what}: {' '.join(str(reason).split())}"
    except (OSError, ImportError, subprocess.TimeoutExpired) as error:
        return f"FAILED {what}: {type(error).__name__}: {error}; {REINSTALL}"
    return f"ok  {what}"


if __name__ == "__main__":
    sys.exit(main())
