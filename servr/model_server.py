"""Turns a GGUF file into an OpenAI-compatible server on this machine: llama.cpp's own, in a child process."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import IO

from core.errors import AgentError, ModelError
from servr.server_options import ServerOptions, check, parse

STOP_TIMEOUT_S = 2.0  # from SIGTERM to SIGKILL
_CHILD = Path(__file__).with_name("model_process.py")


class ModelServer:
    """A running llama.cpp server. It ends with `stop`, with the block, or with this process, however that ends."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._path = Path()

    def __enter__(self) -> ModelServer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self, path: Path, options: ServerOptions | None = None) -> str:
        """Load the model, in place of one served before, and return the base URL, which ends in /v1, once it answers.

        Raises: UsageError for a wrong path, address or installation; ModelError when llama.cpp cannot load the file.
        """
        options = options or ServerOptions()
        self.stop()
        check(path, options)
        self._path = path
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            self._spawn(options)
            url = self._await_report()
            _check_health(url)
            undo.pop_all()
        return f"{url}/v1"

    def wait(self) -> None:
        """Wait until the server ends, which it does not do by itself. Raises: ModelError when it did."""
        if self._process is not None:
            code = self._process.wait()
            raise ModelError(
                f"the model server ended {_how(code)}; start it again, with --verbose to see llama.cpp's log"
            )

    def stop(self) -> None:
        """End the server, open streams or not. May be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout, self._log):
            if pipe is not None:
                pipe.close()

    def _spawn(self, options: ServerOptions) -> None:
        # -P: the folder of the script must not come before the standard library's modules.
        command = [sys.executable, "-P", str(_CHILD)]
        self._log = None if options.verbose else tempfile.TemporaryFile()  # noqa: SIM115  closed by stop
        self._process = subprocess.Popen(
            command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
        )
        settings = {
            "path": str(self._path.resolve()),
            "name": self._path.stem,
            "host": options.host,
            "port": options.port,
            "context": options.context,
            "parallel": options.parallel,
            "api_key": options.api_key,  # in the pipe, since anyone may read a command line
            "verbose": options.verbose,
        }
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died at once: waiting for its report finds out
            self._process.stdin.write(json.dumps(settings).encode() + b"\n")

    def _await_report(self) -> str:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            how = _how(self._process.wait())
            raise ModelError(
                f"llama.cpp ended {how} while loading {str(self._path)!r}; "
                "it may be damaged, or need more memory: try a smaller --ctx"
            )
        report: dict[str, str] = json.loads(line)
        if "url" in report:
            return report["url"]
        raise ModelError(
            f"llama.cpp cannot serve {str(self._path)!r}: {self._reason(report['error'])}; "
            "if its download broke off, fetch it again, and if it is a new kind of model, update xllamacpp"
        )

    def _reason(self, fallback: str) -> str:
        if self._log is None:
            return fallback
        self._log.seek(0)
        return _reason_in(self._log.read().decode(errors="replace")) or fallback


def _reason_in(log: str) -> str:
    """Return what llama.cpp's log says went wrong first, or ""."""
    first_error = re.search(r" E (?:.*?: )?(?:error loading model: )?(.+)", log)
    return first_error.group(1).strip().rstrip(".") if first_error else ""


def _how(code: int) -> str:
    return f"on signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _check_health(url: str) -> None:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise ModelError(f"the model server at {url} does not answer: {error}; try another --port") from error
    finally:
        connection.close()
    if status != 200:
        raise ModelError(f"the model server at {url} is not healthy: HTTP {status}; start it with --verbose to see why")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one file until Ctrl-C or SIGTERM, and return the exit code."""
    path, options = parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with ModelServer() as server:
            url = server.start(path, options)
            print(f"ready: {url} serves {path.stem!r}; Ctrl-C stops it", flush=True)
            server.wait()
    except KeyboardInterrupt:
        return 0
    except AgentError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # a second one would interrupt the stopping
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main())
