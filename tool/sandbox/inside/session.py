"""Cells of Python run one after another in one namespace, each answered with what it printed, showed and left.

Everything a person would read goes to the cell's output; the reply only says that the cell is done, whether it failed,
and which names there are.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import faulthandler
import inspect
import json
import os
import signal
import sys
import types
from typing import Any, NoReturn

from tool.sandbox.inside.captured import Captured
from tool.sandbox.inside.failure import explain, remember_source
from tool.sandbox.inside.figures import save_figures
from tool.sandbox.inside.protocol import Channel, Packet
from tool.sandbox.inside.show import show

_MOST_NAMES = 100
_LONGEST_NAME = 60


class Session:
    """The namespace and what runs in it."""

    def __init__(self, keeper: Channel) -> None:
        self._keeper = keeper
        self._module = types.ModuleType("__main__")
        self._names = self._module.__dict__
        self._given = {*self._names, "__builtins__"}
        self._number = 0
        self._is_running = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._nowhere = os.open(os.devnull, os.O_WRONLY)

    def serve(self) -> None:
        """Run cells until the keeper has gone."""
        sys.modules["__main__"] = self._module  # so that what is defined here can be pickled
        sys.path.insert(0, "")
        os.environ.setdefault("MPLBACKEND", "Agg")
        builtins.input = _no_input
        faulthandler.enable(file=2)
        while True:
            self._answer(self._keeper.receive())

    def _answer(self, cell: Packet) -> None:
        self._open_output(cell)
        self._number += 1
        name = f"<cell {self._number}>"
        signal.signal(signal.SIGINT, self._on_interrupt)
        with Captured() as attempt:
            self._is_running = True
            self._run(cell.body.decode(), name)
        self._is_running = False
        with Captured():
            self._tell(attempt.error, name)
            sys.stdout.flush()
        self._close_output()
        reply = {"error": attempt.error is not None, "names": self._own_names()}
        self._keeper.send({"token": cell.header["token"]}, json.dumps(reply).encode())

    def _run(self, source: str, name: str) -> None:
        """Run the statements, then show the value of an expression that stands last."""
        remember_source(name, source)
        tree = ast.parse(source, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        self._evaluate(tree, name, "exec")
        if isinstance(last, ast.Expr):
            value = self._evaluate(ast.Expression(last.value), name, "eval")
            if value is not None and not source.rstrip().endswith(";"):
                self._names["_"] = value
                print(show(value))

    def _evaluate(self, tree: ast.Module | ast.Expression, name: str, mode: str) -> Any:
        code = compile(tree, name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        value = eval(code, self._names)
        if not code.co_flags & inspect.CO_COROUTINE:
            return value
        self._loop = self._loop or asyncio.new_event_loop()
        return self._loop.run_until_complete(value)

    def _tell(self, error: BaseException | None, name: str) -> None:
        """Print what went wrong and which figures were saved."""
        for figure in save_figures():
            print(f"[figure saved: {figure}]")
        if isinstance(error, SystemExit):
            print(f"[the code called exit({'' if error.code is None else repr(error.code)}); the session goes on]")
        elif error is not None:
            print(explain(error, name))

    def _open_output(self, cell: Packet) -> None:
        for target in (1, 2):
            os.dup2(cell.files[0], target)
        cell.close()
        # Made anew for each cell: the one before may have closed or replaced it.
        sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.stderr = sys.stdout

    def _close_output(self) -> None:
        for target in (1, 2):
            os.dup2(self._nowhere, target)

    def _on_interrupt(self, number: int, frame: types.FrameType | None) -> None:
        """Interrupt a cell; one that has just ended must not have its end interrupted."""
        if self._is_running:
            self._is_running = False
            raise KeyboardInterrupt

    def _own_names(self) -> list[str]:
        """Return the names the cells made, but not the modules they imported."""
        own = [
            name[:_LONGEST_NAME]
            for name, value in self._names.items()
            if name not in self._given and not name.startswith("_") and not isinstance(value, types.ModuleType)
        ]
        return own[:_MOST_NAMES]


def _no_input(prompt: object = "", /) -> NoReturn:
    raise EOFError("nobody is there to answer input(); put the value into the code")
