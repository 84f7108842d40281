"""A workspace, a store for long outputs, and a box that runs calls in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.types import ToolCall, ToolResult
from tests.tool.file_outputs import FileOutputs
from tool.beneath import Root
from tool.files import file_tools
from tool.toolbox import ToolBox

Run = Callable[..., ToolResult]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def outputs(tmp_path: Path) -> FileOutputs:
    return FileOutputs(tmp_path / "outputs")


@pytest.fixture
def run(workspace: Path, outputs: FileOutputs) -> Run:
    """Run one call of a file tool in the workspace."""
    return runner_of(ToolBox(file_tools(Root(workspace)), outputs))


def runner_of(box: ToolBox) -> Run:
    def run(name: str, /, **arguments: Any) -> ToolResult:
        return asyncio.run(box.run(ToolCall("call", name, arguments)))

    return run
