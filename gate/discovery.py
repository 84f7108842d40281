"""Find a model server that already runs on this machine, so that a person need not type its address.

Only loopback is asked, only when no address was set: a plain connection to the ports below, then `GET /v1/models`.

    8000   runsv.sh, vLLM         8080   llama.cpp, LocalAI
    1234   LM Studio              11434  Ollama
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

PORTS = (8000, 1234, 8080, 11434)
CONNECT_S = 0.15
ANSWER_S = 2.0
MOST_BYTES = 1 << 20


async def find_server(ports: tuple[int, ...] = PORTS) -> str | None:
    """Return the base URL of the first port that lists at least one model, or None."""
    found = await asyncio.gather(*(_lists_models(port) for port in ports))
    return next((f"http://127.0.0.1:{port}/v1" for port, ok in zip(ports, found, strict=True) if ok), None)


async def _lists_models(port: int) -> bool:
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), CONNECT_S)
    except (OSError, TimeoutError):
        return False
    try:
        # HTTP/1.0 and no keep-alive: the answer ends with the connection and needs no parser.
        writer.write(f"GET /v1/models HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n\r\n".encode())
        answer = await asyncio.wait_for(_read(reader), ANSWER_S)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return _names_a_model(answer)


async def _read(reader: asyncio.StreamReader) -> bytes:
    answer = b""
    while len(answer) < MOST_BYTES and (piece := await reader.read(65536)):
        answer += piece
    return answer


def _names_a_model(answer: bytes) -> bool:
    header, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in header.split(b"\r\n", 1)[0]:
        return False
    try:
        models = json.loads(body)
    except ValueError:
        return False
    return isinstance(models, dict) and bool(models.get("data"))
