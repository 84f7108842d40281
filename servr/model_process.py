"""Turns one line of settings on standard input into a running llama.cpp server, reported in one line on standard output.

This is the child of `model_server.py`, which keeps the other end of standard input open for as long as it lives: when
that end closes, for whatever reason, this process ends. It imports none of our rooms.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
from typing import Any


def main() -> None:
    """Serve until killed or left alone. Writes: a JSON object with `url` or `error`, then only llama.cpp's log."""
    report_fd = _take_over_stdout()
    settings = json.loads(sys.stdin.buffer.readline())
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C too, and decides
    try:
        server = _serve(settings)
    except RuntimeError as error:
        report = {"error": str(error)}
    else:
        report = {"url": server.listening_address}
    os.write(report_fd, json.dumps(report).encode() + b"\n")
    if "url" in report:
        threading.Event().wait()
    os._exit(1)  # a server's destructor would wait for every open stream


def _take_over_stdout() -> int:
    report_fd = os.dup(1)
    os.dup2(2, 1)  # llama.cpp writes its log to both
    return report_fd


def _end_with_parent() -> None:
    if sys.platform == "linux":
        _let_kernel_watch(sys.stdin.fileno())
    else:
        threading.Thread(target=_watch, args=(sys.stdin.fileno(),), daemon=True).start()


def _let_kernel_watch(fd: int) -> None:
    # Loading holds the interpreter's lock, so no Python thread could notice the parent's death meanwhile; and
    # PR_SET_PDEATHSIG would fire when the thread that started us ends, though its process lives on.
    import fcntl

    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([fd], [], [], 0)[0]:  # it was closed before the kernel watched
        os._exit(1)


def _watch(fd: int) -> None:
    while os.read(fd, 1):
        pass
    os._exit(1)


def _serve(settings: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.model_alias = {settings["name"]}
    params.hostnames = [settings["host"]]
    params.port = settings["port"]
    params.api_keys = [settings["api_key"]] if settings["api_key"] else []
    params.n_ctx = settings["context"]
    params.n_parallel = settings["parallel"]
    params.kv_unified = True  # one long conversation may use the whole window while the other slots are idle
    params.cache_ram_mib = 1024  # the default, 8192, is more than many machines have to spare
    params.cors_origins, params.cors_origins_explicit = "", True  # no web page may read what this server says
    params.ui = False
    params.verbosity = 3 if settings["verbose"] else 1
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
