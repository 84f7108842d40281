"""A URL as a model or a server wrote it, turned into the one host, port and path that everything after it uses."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from core.errors import ToolError, UsageError

_LONGEST = 8000  # characters
_PORTS = {"http": 80, "https": 443}
# What another parser might read differently: white space, control characters, and backslashes, which browsers turn.
_ODD = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]+)(?P<path>[^#]*)", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:@%]+))(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_KEPT = "/?!$&'()*+,;=:@%-._~[]|^`{}\"<>"  # ASCII that stays as it is in a path


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. `host` is a lower-case ASCII name or an IP address; `path` holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, so that nothing is to be resolved."""
        return ":" in self.host or self.host.rpartition(".")[2].isdecimal()

    @property
    def place(self) -> str:
        """The host and port, as an allowance names them."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def authority(self) -> str:
        """The host, and the port where it is not the scheme's own, as the Host header has them."""
        return _bracketed(self.host) if self.port == _PORTS[self.scheme] else self.place

    @property
    def url(self) -> str:
        """The whole, spelled in one way."""
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_target(url: str, base: Target | None = None) -> Target:
    """Parse a URL strictly; one relative to `base` if there is one. Raises: ToolError for what is odd in any way."""
    shown = url if len(url) <= 200 else f"{url[:200]}..."
    if len(url) > _LONGEST:
        raise ToolError(f"the URL {shown!r} has {len(url)} characters; the limit is {_LONGEST}")
    if _ODD.search(url):
        raise ToolError(f"the URL {shown!r} has a space, control character or backslash; percent-encode it")
    try:
        whole = urljoin(base.url, url) if base and not _SCHEME.match(url) else url
    except ValueError as error:
        raise ToolError(f"the URL {shown!r} cannot be read: {error}") from error
    found = _URL.fullmatch(whole.partition("#")[0])
    if found is None:
        raise ToolError(f"{shown!r} is no web address; fetch takes http:// and https:// URLs")
    scheme = found["scheme"].lower()
    host, port = _host_and_port(found["authority"], shown)
    path = quote(found["path"], safe=_KEPT)
    return Target(scheme, host, port or _PORTS[scheme], path if path.startswith("/") else f"/{path}")


def parse_place(place: str) -> str:
    """Return "HOST:PORT" as `Target.place` spells it. Raises: UsageError."""
    try:
        host, port = _host_and_port(place, place)
    except ToolError as error:
        raise UsageError(f"an allowed address is HOST:PORT, not {place!r}: {error}") from error
    if port is None:
        raise UsageError(f"an allowed address is HOST:PORT; {place!r} names no port")
    return f"{_bracketed(host)}:{port}"


def _host_and_port(authority: str, shown: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise ToolError(f"the URL {shown!r} has a user name in it; leave out all before the @")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise ToolError(f"the URL {shown!r} has no valid host and port: {authority!r}")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65536:
        raise ToolError(f"the URL {shown!r} has the port {port}; there are 1 to 65535")
    return _ipv6(found["v6"]) if found["v6"] else _name(found["name"]), port


def _ipv6(text: str) -> str:
    try:
        return ipaddress.IPv6Address(text).compressed
    except ValueError as error:
        raise ToolError(f"{text!r} is no IPv6 address") from error


def _name(text: str) -> str:
    """Return a host name in lower-case ASCII, or an IPv4 address in its one usual spelling."""
    name = (text.lower() if text.isascii() else _encoded(text)).removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # 127.1, 0x7f000001, 0177.0.0.1 and 2130706433 all reach 127.0.0.1 in some resolver.
        try:
            return ipaddress.IPv4Address(name).compressed
        except ValueError as error:
            raise ToolError(
                f"{text!r} is an odd spelling of an IP address; write it as four decimal numbers"
            ) from error
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ToolError(f"{text!r} is no host name")
    return name


def _encoded(text: str) -> str:
    """Return an international name as the DNS has it; IDNA 2008 knows no look-alike digits, dots or letters."""
    import idna

    try:
        return idna.encode(text, strict=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise ToolError(f"{text!r} is no international host name: {error}") from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
