"""Chat requests to a model server over plain http.client, for tests that must not depend on our own client."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]


def user(text: str) -> Json:
    """Return a user message."""
    return {"role": "user", "content": text}


def tool_result(call: Json, text: str) -> Json:
    """Return the message that answers a call."""
    return {"role": "tool", "tool_call_id": call["id"], "content": text}


def tool_spec(name: str, *parameters: str) -> Json:
    """Return a tool whose parameters are all required strings."""
    properties = {parameter: {"type": "string"} for parameter in parameters}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}


def chat(url: str, messages: Sequence[Json], **options: Any) -> Json:
    """Return the whole response to a chat request."""
    with _post(url, {"messages": messages} | options) as response:
        assert response.status == 200, response.read()
        reply: Json = json.loads(response.read())
        return reply


@contextmanager
def stream(url: str, messages: Sequence[Json], **options: Any) -> Iterator[Iterator[Json]]:
    """Yield the deltas of a streamed reply; leaving the block hangs up."""
    with _post(url, {"messages": messages, "stream": True} | options) as response:
        assert response.status == 200, response.read()
        yield _deltas(response)


def get(url: str, path: str) -> Any:
    """Return the JSON at `path` of the server whose base URL is `url`."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def busy_slots(url: str) -> int:
    """Return how many replies the server is generating now."""
    return sum(slot["is_processing"] for slot in get(url, "/slots"))


def await_idle(url: str, within_s: float = 5.0) -> None:
    """Wait until the server generates nothing. Raises: AssertionError when it goes on."""
    deadline = time.monotonic() + within_s
    while busy_slots(url):
        assert time.monotonic() < deadline, f"still generating after {within_s} s"


@contextmanager
def _post(url: str, body: Json) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def _deltas(response: http.client.HTTPResponse) -> Iterator[Json]:
    for line in response:
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                yield choice["delta"]
