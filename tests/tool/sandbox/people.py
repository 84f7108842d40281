"""Programs run as different people: as whoever runs the tests, and as an ordinary user where that is root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
PYTHON = "/usr/bin/python3"  # one that everybody may run; the tests' own may lie in somebody's home
PEOPLE = ["me", "nobody"] if os.geteuid() == 0 else ["me"]
_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def run_as(
    who: str, argv: Sequence[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it said."""
    return subprocess.run(
        [*(_NOBODY if who == "nobody" else ()), *argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": ROOT, **(environment or {})},
    )


def open_to_all(folder: Path) -> None:
    """Let everybody write to a folder."""
    folder.chmod(0o777)
