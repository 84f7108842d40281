"""A home for the store's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.journal import SessionJournal
from tests.store.child import open_journal


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def journal(home: Path) -> Iterator[SessionJournal]:
    journal = open_journal(home)
    yield journal
    journal.close()


@pytest.fixture
def other(home: Path) -> Iterator[SessionJournal]:
    """A second connection to the same home, as another process would have."""
    journal = open_journal(home)
    yield journal
    journal.close()


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users of this machine can reach, which `tmp_path` is not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)
