"""A URL turned into what the web answers, every step of the way going to an address that was vetted for it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import ToolError
from core.version import VERSION
from tool.web.addresses import Resolve, vetted
from tool.web.body import ENCODINGS, Body
from tool.web.target import Target, parse_target

if TYPE_CHECKING:
    import httpx

_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {
    "User-Agent": f"agent/{VERSION}",
    "Accept": "text/markdown, text/html;q=0.9, application/json;q=0.9, text/*;q=0.8, */*;q=0.5",
    "Accept-Encoding": ENCODINGS,
    "Connection": "close",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one fetch may take. The headers of an answer may have 100 kB, which is h11's own limit."""

    total_s: float = 30.0
    connect_s: float = 10.0
    max_bytes: int = 2_000_000  # of the body, both as it arrives and unpacked
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said at last. `is_cut` when the body went on."""

    url: str
    status: int
    content_type: str
    body: bytes
    is_cut: bool


async def download(url: str, allowed: Collection[str], limits: Limits, resolver: Resolve) -> Answer:
    """Get `url` and follow its redirects, each vetted anew. Raises: ToolError."""
    target = parse_target(url)
    try:
        async with asyncio.timeout(limits.total_s):
            for _ in range(limits.redirects + 1):
                found = await _get(target, await vetted(target, allowed, resolver), limits)
                if isinstance(found, Answer):
                    return found
                target = found
    except TimeoutError as error:
        raise ToolError(f"{target.url!r} took longer than {limits.total_s:g} s; try again or another page") from error
    raise ToolError(f"{url!r} was redirected more than {limits.redirects} times, last to {target.url!r}")


async def _get(target: Target, addresses: list[str], limits: Limits) -> Answer | Target:
    """Ask the first address that takes a connection; return its answer, or where it redirects to."""
    import httpx

    timeout = httpx.Timeout(limits.total_s, connect=limits.connect_s)
    # No proxy, key file or cookie of the environment takes part in a request that a model asked for.
    async with httpx.AsyncClient(
        verify=_trusted(target), trust_env=False, follow_redirects=False, timeout=timeout
    ) as client:
        for address in addresses:
            try:
                return await _exchange(client, target, address, limits)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed: httpx.HTTPError = error
            except httpx.HTTPError as error:
                failed = error
                break
    raise ToolError(f"{target.url!r} gave no answer: {str(failed) or type(failed).__name__}") from failed


async def _exchange(client: httpx.AsyncClient, target: Target, address: str, limits: Limits) -> Answer | Target:
    """Send one request. The URL that is connected to holds the address, so no name can be looked up again."""
    import httpx

    request = httpx.Request(
        "GET",
        httpx.URL(scheme=target.scheme, host=address, port=target.port, raw_path=target.path.encode("ascii")),
        headers=_HEADERS | {"Host": target.authority},
        extensions={"sni_hostname": target.host, "timeout": client.timeout.as_dict()},
    )
    response = await client.send(request, stream=True)
    try:
        if response.status_code in _REDIRECTS and "location" in response.headers:
            return _next(target, response.headers["location"])
        return await _read(response, target, limits)
    finally:
        await response.aclose()


def _next(target: Target, location: str) -> Target:
    found = parse_target(location, target)
    if (target.scheme, found.scheme) == ("https", "http"):
        raise ToolError(f"{target.url!r} redirects to {found.url!r}, which is not encrypted; fetch that if you want it")
    return found


async def _read(response: httpx.Response, target: Target, limits: Limits) -> Answer:
    body = Body(response.headers.get("content-encoding", ""), limits.max_bytes)
    async for piece in response.aiter_raw():
        if not body.write(piece):
            break
    content_type = response.headers.get("content-type", "")
    return Answer(target.url, response.status_code, content_type, body.finish(), body.is_cut)


def _trusted(target: Target) -> ssl.SSLContext | bool:
    """Return whose certificates are believed: those of the system and, where it has none, of certifi."""
    if target.scheme == "http":
        return False
    import httpx

    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context
