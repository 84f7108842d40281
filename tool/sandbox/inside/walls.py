"""Turn the calling process, and all it will ever start, into one that reaches only what it was given.

Started by its path it is a launcher: `python -I -S walls.py JSON PROGRAM ARGUMENT...`.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":  # started by path: the folder's other files are found under their full names
    sys.path.insert(0, os.path.realpath(__file__).rsplit("/", 4)[0])

from collections.abc import Sequence

from tool.sandbox.inside import landlock
from tool.sandbox.inside.capabilities import drop_capabilities
from tool.sandbox.inside.kernel import forbid_new_privileges
from tool.sandbox.inside.limits import set_limits
from tool.sandbox.inside.seccomp import filter_program, install_filter


def raise_walls(writable: Sequence[str], readable: Sequence[str] | None, *, network: bool) -> None:
    """Confine this process for good: Landlock, seccomp, no capabilities, no new privileges, limits.

    `readable` is None inside bubblewrap, whose mounts already say what there is to read. `network` allows internet
    sockets: yes in a network namespace of its own, whose loopback leads nowhere. Raises: OSError.
    """
    in_namespaces = readable is None
    forbid_new_privileges()
    drop_capabilities()
    if landlock.version() or not in_namespaces:
        landlock.restrict(writable, ["/"] if readable is None else readable, network=network)
    signals_to_all = in_namespaces or landlock.version() >= landlock.SCOPED
    install_filter(filter_program(network=network, signals_to_all=signals_to_all))
    set_limits(own_user_namespace=in_namespaces)


def main() -> None:
    """Raise the walls that the first argument describes and become the program that follows."""
    import json

    given = json.loads(sys.argv[1])
    raise_walls(given["writable"], given["readable"], network=given["network"])
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
