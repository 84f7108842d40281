"""The first lines of every program in the sandbox: run by path, it loads its folder and becomes what it is told.

    python -I -S start.py shell OPTIONS     python -I start.py functions OPTIONS     python -I start.py python OPTIONS

OPTIONS is a JSON object: workspace, limits, walls, walled_in (whether this process too stands inside the walls). The
agent's channel is standard input.
"""

from __future__ import annotations

import json
import os
import sys
import types
from typing import Any

_SET_DUMPABLE = 4
_SET_CHILD_SUBREAPER = 36
_PACKAGES = ("numpy", "pandas")


def main() -> None:
    """Become the program that the first argument names."""
    _make_importable()
    if sys.argv[1] == "session":
        _session()
    else:
        _supervisor(sys.argv[1], json.loads(sys.argv[2]))


def _make_importable() -> None:
    """Let this folder be imported under its full name although nothing above it can be read from in here."""
    for name, folders in (("tool", []), ("tool.sandbox", []), ("tool.sandbox.inside", [os.path.dirname(__file__)])):
        package = types.ModuleType(name)
        package.__path__ = folders
        sys.modules[name] = package


def _supervisor(lane: str, options: dict[str, Any]) -> None:
    from tool.sandbox.inside.limits import Limits
    from tool.sandbox.inside.processes import end_others
    from tool.sandbox.inside.protocol import Channel
    from tool.sandbox.inside.spawn import Spawn
    from tool.sandbox.inside.supervisor import Supervisor, Worker
    from tool.sandbox.inside.walls import raise_walls

    limits = Limits(**options["limits"])

    def enter() -> None:
        raise_walls(**options["walls"])

    agent = Channel.inherited(os.dup(0))
    _protect_itself()
    if options["walled_in"]:
        enter()
    later = None if options["walled_in"] else enter
    _close_standard_files()
    worker: Worker
    if lane == "shell":
        from tool.sandbox.inside.shell import Shell

        worker = Shell(Spawn(later))
    elif lane == "python":
        from tool.sandbox.inside.keeper import Keeper

        worker = Keeper(Spawn(later), __file__)
    else:
        from tool.sandbox.inside.zygote import Zygote

        _forget_own_modules()
        worker = Zygote(_PACKAGES, later, agent)
    try:
        Supervisor(agent, worker, limits, options["workspace"]).serve()
    finally:
        end_others()


def _session() -> None:
    from tool.sandbox.inside.protocol import Channel
    from tool.sandbox.inside.session import Session
    from tool.sandbox.inside.spawn import CHANNEL

    _forget_own_modules()
    Session(Channel.inherited(CHANNEL)).serve()


def _protect_itself() -> None:
    """Close this process's memory and files to what it starts, and take over what loses its parent."""
    from tool.sandbox.inside.kernel import prctl

    prctl(_SET_DUMPABLE, 0)
    prctl(_SET_CHILD_SUBREAPER, 1)


def _close_standard_files() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for target in (0, 1, 2):
        os.dup2(nowhere, target)
    os.close(nowhere)


def _forget_own_modules() -> None:
    """Let a workspace have packages of the same names as ours."""
    for name in [name for name in sys.modules if name.split(".")[0] == "tool"]:
        del sys.modules[name]


if __name__ == "__main__":
    main()
