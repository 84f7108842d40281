"""What a test needs of the machine: where it is missing the test skips, telling how to get it, and fails on CI."""

from __future__ import annotations

import functools
import importlib.util
import os
from pathlib import Path

import pytest

from tool.sandbox.bubblewrap import Bubblewrap


def llama() -> None:
    """Need llama.cpp's server and the writer of its model files."""
    missing = [name for name in ("xllamacpp", "gguf") if importlib.util.find_spec(name) is None]
    if missing:
        _unmet(f"{' and '.join(missing)} not installed; run: pip install -r requirements-local.txt")


def bubblewrap() -> None:
    """Need a bubblewrap that can make its namespaces."""
    if reason := _why_no_bubblewrap():
        _unmet(reason)


@functools.cache
def _why_no_bubblewrap() -> str | None:
    return Bubblewrap(Path()).why_unavailable()


def _unmet(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
