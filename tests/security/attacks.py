"""Every attack and every control, one list each."""

from __future__ import annotations

from tests.security.controls import CONTROLS
from tests.security.fetch_attacks import FETCH
from tests.security.file_attacks import FILES
from tests.security.python_attacks import PYTHON
from tests.security.shell_attacks import SHELL

__all__ = ["ATTACKS", "CONTROLS"]

ATTACKS = [*SHELL, *PYTHON, *FILES, *FETCH]
