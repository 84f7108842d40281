"""A run that is killed at any moment loses nothing it told as saved, repeats nothing unnoticed, and can be finished."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import needs
from tests.bench.kills import KILLS_PER_TASK
from tests.bench.programs import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_a_killed_task_is_finished_without_loss_or_repetition(seed: int) -> None:
    needs.bubblewrap()
    # In a process of its own, which adopts what a killed run leaves behind.
    command = [sys.executable, "-m", "tests.bench.kills", "--kills", str(KILLS_PER_TASK), "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{KILLS_PER_TASK} of {KILLS_PER_TASK}" in done.stdout
