"""An output store of plain files, as small as the protocol allows."""

from __future__ import annotations

from pathlib import Path

from core.errors import ToolError
from core.protocols import OutputPage


class FileWriter:
    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self.handle = path.name

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def close(self) -> None:
        self._file.close()


class FileOutputs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(exist_ok=True)

    def create(self) -> FileWriter:
        return FileWriter(self.folder / f"out{len(list(self.folder.iterdir())) + 1}")

    def read(self, handle: str, offset: int, limit: int) -> OutputPage:
        path = self.folder / handle
        if not path.is_file():
            raise ToolError(f"no output {handle!r}")
        with path.open("rb") as file:
            file.seek(offset)
            return OutputPage(file.read(limit), offset, path.stat().st_size)
