"""A person at a terminal: starts the program on a real pty, types, and reads the screen as it would look."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pexpect
import pyte

from tests.program import COMMAND, ROOT, environment

PATIENCE_S = 30.0


class _Screen(pyte.HistoryScreen):  # type: ignore[misc, unused-ignore]
    """A screen that answers, as terminals do, when it is asked where its cursor is."""

    def __init__(self, columns: int, rows: int, send: Callable[[str], object]) -> None:
        super().__init__(columns, rows, history=5000, ratio=1)
        self._send = send

    def write_process_input(self, data: str) -> None:
        """Send an answer."""
        self._send(data)


class Terminal:
    """One running program and its screen; what scrolled away stays readable."""

    def __init__(self, arguments: Sequence[str], variables: Mapping[str, str], columns: int, rows: int) -> None:
        self._child = pexpect.spawn(
            COMMAND[0], [*COMMAND[1:], *arguments], env=dict(variables), cwd=str(ROOT), dimensions=(rows, columns)
        )
        self._screen = _Screen(columns, rows, self._child.send)
        self._stream = pyte.ByteStream(self._screen)

    def type(self, text: str) -> None:
        """Type a line and press Enter."""
        self._child.send(text + "\r")

    def press(self, key: str) -> None:
        """Press Ctrl and a letter."""
        self._child.sendcontrol(key)

    def text(self) -> str:
        """Return everything shown so far, scrolled away or not, one line a row."""
        rows = [*self._screen.history.top, *(self._screen.buffer[n] for n in range(self._screen.lines))]
        width = self._screen.columns
        return "\n".join("".join(row[column].data for column in range(width)).rstrip() for row in rows)

    def wait_for(self, wanted: str | Callable[[str], bool]) -> str:
        """Return the text once it contains `wanted`. Raises: AssertionError when it does not come."""
        shows = wanted if callable(wanted) else lambda text: wanted in text
        deadline = time.monotonic() + PATIENCE_S
        while not shows(self.text()):
            assert time.monotonic() < deadline, f"waited for {wanted!r}; the screen shows:\n{self.text()}"
            self._read()
        return self.text()

    def exit_code(self) -> int | None:
        """Wait until the program ends. Returns: its exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self._child.isalive():
            assert time.monotonic() < deadline, f"the program goes on; the screen shows:\n{self.text()}"
            self._read()
        status: int | None = self._child.exitstatus
        return status

    def close(self) -> None:
        """End the program if it still runs."""
        self._child.close(force=True)

    def _read(self) -> None:
        with suppress(pexpect.TIMEOUT, pexpect.EOF):
            self._stream.feed(self._child.read_nonblocking(65536, timeout=0.1))


@contextmanager
def terminal(
    home: Path, *arguments: str, columns: int = 100, rows: int = 30, path: str = "", **settings: str
) -> Iterator[Terminal]:
    """Yield the program running in a terminal; `settings` become AGENT_* variables, `path` the search path."""
    variables = environment(home, **settings) | {"TERM": "xterm-256color", "PATH": path or os.environ["PATH"]}
    person = Terminal(arguments, variables, columns, rows)
    try:
        yield person
    finally:
        person.close()
