"""Turns a command line into checked settings of the model server, with one sentence for each thing that is wrong."""

from __future__ import annotations

import argparse
import errno
import importlib.util
import ipaddress
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import UsageError

DEFAULT_PORT = 8000
DEFAULT_CONTEXT = 32768  # tokens; what most machines can hold of today's models' longer windows


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to serve a model. `port` 0 takes a free one; `context` 0 is the model's own window, in tokens."""

    host: str = "127.0.0.1"
    port: int = 0
    context: int = DEFAULT_CONTEXT
    parallel: int = 2  # conversations at once; they share the window
    api_key: str = ""
    verbose: bool = False  # llama.cpp's log to standard error


def check(path: Path, options: ServerOptions) -> None:
    """Refuse what cannot work, before anything is started. Raises: UsageError."""
    _check_file(path)
    _check_address(options)
    _check_installed()


def parse(arguments: Sequence[str] | None) -> tuple[Path, ServerOptions]:
    """Return the model file and the settings of a command line. Exits with 2 after a usage message, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="runsv.sh", description="Serve a GGUF file with llama.cpp's own OpenAI-compatible server."
    )
    parser.add_argument("model", type=Path, metavar="MODEL.gguf", help="the model file")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="default: %(default)s; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s; another needs an API key")
    parser.add_argument(
        "--ctx", type=_count, default=DEFAULT_CONTEXT, help="context window, in tokens; 0 is the model's"
    )
    parser.add_argument("--parallel", type=_count, default=2, help="conversations at once (default: %(default)s)")
    parser.add_argument("--api-key", default="", help="what clients must send; default: AGENT_SERVER_KEY")
    parser.add_argument("--verbose", action="store_true", help="show llama.cpp's log")
    given: Any = parser.parse_args(arguments)
    if not given.parallel:
        parser.error("argument --parallel: there must be at least 1 conversation")
    key = given.api_key or os.environ.get("AGENT_SERVER_KEY", "")
    options = ServerOptions(given.host, given.port, given.ctx, given.parallel, key, given.verbose)
    return given.model, options


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number; give one from 0 up")
    return int(text)


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError as error:
        raise UsageError(f"no model file {str(path)!r}; give the path of a .gguf file") from error
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}; give the path of a .gguf file") from error
    if magic != b"GGUF":
        raise UsageError(f"{str(path)!r} is not a GGUF file; llama.cpp loads only that format")


def _check_address(options: ServerOptions) -> None:
    if not options.api_key and not _is_loopback(options.host):
        raise UsageError(
            f"{options.host!r} lets other machines in; add --api-key KEY or set AGENT_SERVER_KEY, or leave out --host"
        )
    try:
        _try_to_bind(options.host, options.port)
    except OSError as error:
        where = f"{options.host}:{options.port}"
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"{where} is in use; stop what listens there or choose another --port") from error
        raise UsageError(f"cannot listen on {where}: {error.strerror}; choose another --host or --port") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _try_to_bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        if os.name == "posix":  # as the server does: connections of the last one that linger are no obstacle
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen()


def _check_installed() -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        raise UsageError("xllamacpp is not installed; `make serve MODEL=FILE.gguf` installs it")
