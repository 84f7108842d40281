"""Chat completions turned into scripted replies, streamed as an OpenAI-compatible server does, with a record of each.

The first part of a URL names the script: `http://127.0.0.1:PORT/ten/v1`. `GET /__record` returns what was recorded
since it was asked last. The server ends with its standard input, so it cannot outlive whoever started it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.bench.scripts import SCRIPTS, Messages, Reply, Script

Record = dict[str, Any]  # arrived, finished (CLOCK_MONOTONIC seconds), body_bytes, result_bytes


class ScriptedServer(ThreadingHTTPServer):
    """A server on a free loopback port."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.records: list[Record] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show an error's traceback, but not when a client was killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ScriptedServer

    def do_GET(self) -> None:
        """Answer with the record, or with the list of models."""
        if self.path == "/__record":
            records, self.server.records = self.server.records, []
            self._send_json(records)
        else:
            self._send_json({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    def do_POST(self) -> None:
        """Stream the script's next reply."""
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError("the client was killed while it sent its request")
        record: Record = {"arrived": time.monotonic(), "body_bytes": len(body)}
        self.server.records.append(record)
        messages: Messages = json.loads(body)["messages"]
        last = messages[-1]
        record["result_bytes"] = len(last["content"].encode()) if last["role"] == "tool" else 0
        script = SCRIPTS[self.path.split("/")[1]]
        self._stream(script, messages, len(body))
        record["finished"] = time.monotonic()

    def _stream(self, script: Script, messages: Messages, body_bytes: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        replies = sum(message["role"] == "assistant" for message in messages)
        for event in _events(script.next_reply(messages), replies, body_bytes):
            time.sleep(script.pace_s)
            data = b"data: " + event + b"\n\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")

    def _send_json(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _events(reply: Reply, number: int, body_bytes: int) -> Iterator[bytes]:
    """Yield a reply's events: role, words, calls in two pieces each, the end, usage."""
    yield _chunk({"role": "assistant", "content": ""})
    for word in reply.text.split(" "):
        yield _chunk({"content": f"{word} "})
    for index, (name, arguments) in enumerate(reply.calls):
        text = json.dumps(arguments)
        middle = len(text) // 2
        call = {"id": f"call_{number}_{index}", "type": "function", "function": {"name": name, "arguments": ""}}
        yield _chunk({"tool_calls": [{"index": index, **call}]})
        for piece in (text[:middle], text[middle:]):
            yield _chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield _chunk({}, "tool_calls" if reply.calls else "stop")
    usage = {"prompt_tokens": body_bytes // 4, "completion_tokens": 20, "total_tokens": body_bytes // 4 + 20}
    yield json.dumps({"object": "chat.completion.chunk", "choices": [], "usage": usage}).encode()
    yield b"[DONE]"


def _chunk(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"object": "chat.completion.chunk", "model": "scripted", "choices": [choice]}).encode()


class RunningServer:
    """The server as whoever started it sees it."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self._port = port

    def url(self, script: str) -> str:
        """Return the base URL under which `script` is played."""
        return f"http://127.0.0.1:{self._port}/{script}/v1"

    def take_record(self) -> list[Record]:
        """Return what was recorded since the last time."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/__record", timeout=10) as answer:
            records: list[Record] = json.load(answer)
        return records


@contextmanager
def scripted_server() -> Iterator[RunningServer]:
    """Start the server in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.scripted_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield RunningServer(process.pid, int(process.stdout.readline()))
        finally:
            process.stdin.close()


def main() -> None:
    """Serve, with the port as the only output, until standard input ends."""
    server = ScriptedServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
