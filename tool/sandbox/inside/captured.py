"""Whatever somebody else's code raises, caught where the process must outlive it."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Captured:
    """A `with` block from which nothing escapes; `error` is what would have."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error
        return True
