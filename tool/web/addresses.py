"""A host turned into the addresses a request may go to: public ones, or those of a host that is allowed by name."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence

from core.errors import ToolError
from tool.web.target import Target

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]  # host name and port to addresses

_MOST = 4  # addresses tried
# Closed beyond what `ipaddress` calls not global, whose list differs from one Python release to the next.
# Source: the IANA special-purpose registries.
_CLOSED_V4 = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; a cloud's metadata server lives here
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's own, though the address is a public one
        "169.254.0.0/16",  # link-local; metadata servers
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # relays into 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
]
_OPEN_V6 = ipaddress.IPv6Network("2000::/3")  # mapped IPv4, NAT64, local, multicast and loopback all lie outside
_CLOSED_V6 = [
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo among others
        "2001:db8::/32",
        "2002::/16",  # 6to4: holds an IPv4 address of any kind
        "3fff::/20",
    )
]


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver. Raises: ToolError."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ToolError(f"no address found for {host!r}; check the name, or whether there is a network") from error
    return [str(entry[4][0]) for entry in found]


async def vetted(target: Target, allowed: Collection[str], resolver: Resolve) -> list[str]:
    """Return the addresses a request to `target` may use, best first.

    One closed address closes the host, unless `allowed` has its `place`: a name that leads to both a public and a
    private address is made to get past a check. Raises: ToolError.
    """
    addresses = [target.host] if target.is_address else list(dict.fromkeys(await resolver(target.host, target.port)))
    if not addresses:
        raise ToolError(f"no address found for {target.host!r}; check the name")
    if target.place not in allowed and (closed := next(filter(is_closed, addresses), None)):
        raise ToolError(
            f"{target.host!r} leads to {closed}, an address of this machine or a network that is not public; fetch reaches"
            f" public addresses only, unless the person allows {target.place!r}"
        )
    return addresses[:_MOST]


def is_closed(address: str) -> bool:
    """Whether an address is not plainly a public one of another machine."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return True
    if isinstance(ip, ipaddress.IPv4Address):
        closed = any(ip in network for network in _CLOSED_V4)
    else:
        closed = bool(ip.scope_id) or ip not in _OPEN_V6 or any(ip in network for network in _CLOSED_V6)
    return closed or not ip.is_global or ip.is_multicast or _is_own(ip)


def _is_own(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether this machine has the address: what listens there may be meant for its own network alone."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((ip.compressed, 0))  # only an own address can be bound; nothing is sent
    except OSError:
        return False
    return True
