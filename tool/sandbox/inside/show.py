"""A value turned into a preview a model can read: what it is, how large, and a part of it."""

from __future__ import annotations

import itertools
import pprint
import sys
from typing import Any

from tool.sandbox.inside.captured import Captured

_MOST_CHARACTERS = 4000
_WIDTH = 120
_MOST_ITEMS = 100
_MOST_COLUMNS = 20


def show(value: Any) -> str:
    """Return the preview; the value's own `__repr__` may fail without harm."""
    with Captured() as attempt:
        return cut(_preview(value))
    return f"<{type(value).__name__} whose repr failed: {type(attempt.error).__name__}: {attempt.error}>"


def cut(text: str) -> str:
    """Return a text with its middle left out where it is long."""
    if len(text) <= _MOST_CHARACTERS:
        return text
    half = _MOST_CHARACTERS // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def _preview(value: Any) -> str:
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas and isinstance(value, pandas.DataFrame):
        return _frame(value, pandas)
    if pandas and isinstance(value, pandas.Series):
        with _compact(pandas):
            return f"Series of {len(value)}, {value.dtype}\n{value!r}"
    if numpy and isinstance(value, numpy.ndarray):
        return f"array {value.shape} {value.dtype}\n{numpy.array2string(value, threshold=60, max_line_width=_WIDTH)}"
    if isinstance(value, (list, tuple, set, frozenset, dict)) and len(value) > _MOST_ITEMS:
        return _long(value)
    if type(value) in (list, tuple, set, dict):
        return pprint.pformat(value, width=_WIDTH, compact=True, sort_dicts=False)
    return repr(value)


def _frame(value: Any, pandas: Any) -> str:
    types = [f"{name} {kind}" for name, kind in itertools.islice(value.dtypes.items(), _MOST_COLUMNS)]
    more = ", ..." if len(value.columns) > _MOST_COLUMNS else ""
    with _compact(pandas):
        return f"DataFrame, {len(value)} rows x {len(value.columns)} columns ({', '.join(types)}{more})\n{value!r}"


def _compact(pandas: Any) -> Any:
    return pandas.option_context(
        "display.width", _WIDTH, "display.max_columns", 12, "display.max_rows", 10, "display.min_rows", 10,
        "display.max_colwidth", 40, "display.show_dimensions", False,
    )  # fmt: skip


def _long(value: Any) -> str:
    """Show the first items only: the whole text of a large collection may not fit into memory."""
    some = itertools.islice(value.items() if isinstance(value, dict) else value, _MOST_ITEMS)
    first = dict(some) if isinstance(value, dict) else list(some)
    shown = pprint.pformat(first, width=_WIDTH, compact=True, sort_dicts=False)
    return f"{type(value).__name__} of {len(value)}, the first {_MOST_ITEMS}:\n{shown}"
