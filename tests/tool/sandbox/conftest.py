"""A sandbox over the test's workspace, at each level this machine has."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.tool.file_outputs import FileOutputs
from tool.output import BoundedOutput
from tool.runner import Exit
from tool.sandbox.confinement import Confinement, running_python
from tool.sandbox.inside.limits import Limits
from tool.sandbox.level import Level
from tool.sandbox.sandbox import Sandbox

Sh = Callable[..., tuple[str, Exit]]
SMALL = Limits(memory_bytes=400 << 20, processes=60, processor_s=2, disk_bytes=50 << 20)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that everybody can reach: pytest closes its own to others, and some tests run as somebody else."""
    with tempfile.TemporaryDirectory(prefix="agent-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder).resolve()


@pytest.fixture(params=[Level.BUBBLEWRAP, Level.LANDLOCK], ids=["bubblewrap", "landlock"])
def level(request: pytest.FixtureRequest) -> Level:
    needs.bubblewrap()
    found: Level = request.param
    return found


@pytest.fixture
def sandbox(workspace: Path, level: Level) -> Iterator[Sandbox]:
    sandbox = Sandbox(Confinement(workspace, python=running_python()), level=level, limits=SMALL, output_bytes=4 << 20)
    yield sandbox
    sandbox.close()


@pytest.fixture
def lane_sh(sandbox: Sandbox, outputs: FileOutputs) -> Sh:
    """Run a command in the sandbox's shell lane; return what it printed and how it ended."""

    def run(command: str, timeout_s: float = 30) -> tuple[str, Exit]:
        output = BoundedOutput(outputs)
        ended = asyncio.run(sandbox.run(command, timeout_s=timeout_s, output=output))
        return output.text().removesuffix("\n"), ended

    return run
