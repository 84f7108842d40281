"""A web server that says exactly what a test wants it to say, byte for byte."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator

Route = bytes | Callable[[], Iterable[bytes]]


class WebServer:
    """Answers each path with the bytes of its route, then closes the connection. `requests` are whole request heads."""

    def __init__(self, host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> None:
        self.routes: dict[str, Route] = {}
        self.requests: list[str] = []
        self.connections = 0
        self.ended = threading.Event()  # set for good by `close`; endless routes wait on it between pieces
        self._context = context
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port: int = self._listener.getsockname()[1]
        self.place = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.place}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        # A client that has enough hangs up, and one that trusts no certificate never speaks.
        with connection, contextlib.suppress(OSError):
            stream = self._context.wrap_socket(connection, server_side=True) if self._context else connection
            with stream:
                head = _head(stream)
                self.requests.append(head)
                for piece in self._pieces(head.split(" ")[1]):
                    stream.sendall(piece)

    def _pieces(self, path: str) -> Iterator[bytes]:
        route = self.routes.get(path, answer(b"nothing here", status="404 Not Found"))
        yield from [route] if isinstance(route, bytes) else route()


def _head(stream: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = stream.recv(65536)
        if not piece:
            raise ConnectionError("no request came")
        data += piece
    return data.decode("latin-1")


def answer(body: bytes, content_type: str = "text/plain", *, status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole answer; underscores in header names become hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return answer(b"", status=status, Location=location)
