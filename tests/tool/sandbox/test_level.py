from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests import needs
from tests.tool.sandbox.people import PEOPLE, PYTHON, run_as
from tool.sandbox.level import Level

PROBE = "import json; from tool.sandbox.level import probe; print(json.dumps(probe()))"
WHOLE_SYSTEM = ["bwrap", "--dev-bind", "/", "/", "--unshare-user", "--unshare-pid"]


def probed(*outer: str, who: str = "me", **environment: str) -> tuple[Level, str]:
    """Return what a fresh process finds, inside `outer`."""
    ran = run_as(who, [*outer, PYTHON, "-c", PROBE], environment=environment)
    assert ran.returncode == 0, ran.stderr
    level, reason = json.loads(ran.stdout)
    return Level(level), reason


@pytest.mark.parametrize("who", PEOPLE)
def test_the_strongest_level_needs_no_reason(who: str) -> None:
    needs.bubblewrap()
    assert probed(who=who) == (Level.BUBBLEWRAP, "")


def test_without_bubblewrap_landlock_holds_and_the_reason_says_how_to_get_more(tmp_path: Path) -> None:
    level, reason = probed(PATH=str(tmp_path))
    assert level == Level.LANDLOCK
    assert "bubblewrap is not installed; install it: apt install bubblewrap" in reason


def test_a_bubblewrap_in_a_relative_folder_is_not_believed(tmp_path: Path) -> None:
    stub = tmp_path / "bwrap"
    stub.write_text("#!/bin/sh\nexit 0\n")
    stub.chmod(0o755)
    found = run_as("me", [PYTHON, "-c", PROBE], cwd=tmp_path, environment={"PATH": "."})
    assert json.loads(found.stdout)[0] == Level.LANDLOCK


def test_a_bubblewrap_that_cannot_make_namespaces_is_quoted(tmp_path: Path) -> None:
    stub = tmp_path / "bwrap"
    stub.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    stub.chmod(0o755)
    level, reason = probed(PATH=str(tmp_path))
    assert level == Level.LANDLOCK
    assert "No permissions to create new namespace" in reason


def test_where_user_namespaces_are_forbidden_landlock_holds() -> None:
    needs.bubblewrap()
    level, reason = probed(*WHOLE_SYSTEM, "--proc", "/proc", "--disable-userns")
    assert level == Level.LANDLOCK
    assert "namespace" in reason


def test_where_part_of_proc_is_hidden_the_outer_proc_is_bound() -> None:
    needs.bubblewrap()
    level, reason = probed(*WHOLE_SYSTEM, "--proc", "/proc")  # bubblewrap covers parts of it, as containers do
    assert level == Level.BOUND_PROC
    assert "part of /proc is hidden" in reason


def test_importing_it_starts_nothing_and_costs_little() -> None:
    code = "import time; t = time.perf_counter(); import tool.sandbox.level as l; print(l.probe.cache_info().misses)"
    assert run_as("me", [PYTHON, "-c", code]).stdout == "0\n"


def test_a_probe_is_made_once() -> None:
    from tool.sandbox.level import probe

    probe()
    started = time.perf_counter()
    probe()
    assert time.perf_counter() - started < 0.001
