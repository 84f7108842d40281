"""The log file and what never stands in it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from boot.logs import MOST_BYTES, open_log


@pytest.mark.parametrize(
    "line",
    [
        "key is hunter2-secret",
        "Authorization: Bearer hunter2-secret",
        "api_key=hunter2-other",
        "GET http://user:hunter2@host/v1",
        "sk-hunter2abcdef",
    ],
)
def test_a_key_never_reaches_the_log(tmp_path: Path, line: str) -> None:
    close = open_log(tmp_path, "INFO", ["hunter2-secret"])
    logging.getLogger("agent.gate").info("%s", line)
    close()
    written = (tmp_path / "agent.log").read_text()
    assert "hunter2" not in written
    assert "(hidden)" in written


def test_a_secret_in_a_traceback_is_removed_too(tmp_path: Path) -> None:
    close = open_log(tmp_path, "INFO", ["hunter2"])
    try:
        raise ValueError("refused hunter2")
    except ValueError:
        logging.getLogger("agent").exception("failed")
    close()
    written = (tmp_path / "agent.log").read_text()
    assert "ValueError: refused (hidden)" in written


def test_nothing_is_written_until_there_is_something_to_say(tmp_path: Path) -> None:
    close = open_log(tmp_path, "WARNING", [])
    logging.getLogger("agent").info("quiet")
    close()
    assert not (tmp_path / "agent.log").exists()


def test_two_agents_of_one_process_write_each_line_once(tmp_path: Path) -> None:
    first, second = (open_log(tmp_path, "INFO", [key]) for key in ("hunter1", "hunter2"))
    logging.getLogger("agent").info("once hunter1 hunter2")
    written = (tmp_path / "agent.log").read_text()
    assert written.count("once (hidden) (hidden)") == 1
    first()
    logging.getLogger("agent").info("the other one goes on")
    second()
    logging.getLogger("agent").info("nobody listens")
    lines = (tmp_path / "agent.log").read_text().splitlines()
    assert lines[-1].endswith("the other one goes on")


def test_a_long_log_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "agent.log").write_bytes(b"x" * (MOST_BYTES + 1))
    close = open_log(tmp_path, "INFO", [])
    logging.getLogger("agent").info("fresh")
    close()
    assert (tmp_path / "agent.log").stat().st_size < 1000
    assert (tmp_path / "agent.log.1").stat().st_size == MOST_BYTES + 1
