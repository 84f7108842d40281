"""The program as a person starts it: `python cli.py ...` in a process of its own, with a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, str(ROOT / "cli.py")]


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Return the variables of a run: nothing of the developer's own settings, `settings` as AGENT_* variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AGENT_")}
    chosen = {f"AGENT_{name.upper()}": value for name, value in settings.items()}
    return kept | {"AGENT_HOME": str(home), "AGENT_CONFIG": os.devnull} | chosen


def run(home: Path, *arguments: str, stdin: str | bytes = b"", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end. Returns: exit code, standard output and error as text."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [*COMMAND, *arguments], input=data, capture_output=True, env=environment(home, **settings), timeout=100
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
