"""Attacks through fetch: addresses that lead to this machine, and servers that mean harm. A table."""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Iterator, Mapping

from tests.security.cases import CRASHES, FLOODS, HANGS, LEAKS, Attack, Check, prints, reaches
from tests.tool.web_server import Route, answer, redirect

# Spellings of this machine; {TCP} listens on all its addresses.
_URLS: Mapping[str, str] = {
    "localhost": "http://localhost:{TCP}/",
    "localhost-capitals": "http://LocalHost:{TCP}/",
    "localhost-dot": "http://localhost.:{TCP}/",
    "loopback": "http://127.0.0.1:{TCP}/",
    "loopback-other": "http://127.9.8.7:{TCP}/",
    "short": "http://127.1:{TCP}/",
    "two-parts": "http://127.0.1:{TCP}/",
    "decimal": "http://2130706433:{TCP}/",
    "hexadecimal": "http://0x7f000001:{TCP}/",
    "hexadecimal-parts": "http://0x7f.0x0.0x0.0x1:{TCP}/",
    "octal": "http://0177.0.0.1:{TCP}/",
    "octal-whole": "http://017700000001:{TCP}/",
    "leading-zeros": "http://127.000.000.001:{TCP}/",
    "unspecified": "http://0.0.0.0:{TCP}/",
    "zero": "http://0:{TCP}/",
    "own-address": "http://{HOST}:{TCP}/",
    "user-name": "http://example.com@127.0.0.1:{TCP}/",
    "user-and-word": "http://example.com:80@127.0.0.1:{TCP}/",
    "fragment": "http://127.0.0.1:{TCP}#@example.com/",
    "backslash": "http://127.0.0.1:{TCP}\\@example.com/",
    "tab": "http://127.0.0.1\t:{TCP}/",
    "newline": "http://127.0.0.1:{TCP}/\nx",
    "crlf": "http://127.0.0.1:{TCP}/ HTTP/1.1\r\nHost: x\r\n\r\nGET /y",
    "circled": "http://①②⑦.⓪.⓪.①:{TCP}/",
    "full-width": "http://１２７.0.0.1:{TCP}/",
    "ideographic-dots": "http://127。0。0。1:{TCP}/",
    "soft-hyphen": "http://local\u00adhost:{TCP}/",
    "encoded": "http://%6c%6fcalhost:{TCP}/",
    "encoded-nul": "http://127.0.0.1%00.example.com:{TCP}/",
    "https": "https://127.0.0.1:{TCP}/",
    "no-slashes": "http:127.0.0.1:{TCP}/",
    "one-slash": "http:/127.0.0.1:{TCP}/",
    "three-slashes": "http:///127.0.0.1:{TCP}/",
    "no-scheme": "127.0.0.1:{TCP}/",
    "gopher": "gopher://127.0.0.1:{TCP}/_x",
    "ftp": "ftp://127.0.0.1:{TCP}/",
    "dict": "dict://127.0.0.1:{TCP}/d:x",
    "jar": "jar:http://127.0.0.1:{TCP}!/x",
}
_URLS_V6: Mapping[str, str] = {
    "v6": "http://[::1]:{TCP6}/",
    "v6-long": "http://[0:0:0:0:0:0:0:1]:{TCP6}/",
    "v6-zone": "http://[::1%25lo]:{TCP6}/",
    "v6-mapped": "http://[::ffff:127.0.0.1]:{TCP}/",
    "v6-mapped-hexadecimal": "http://[::ffff:7f00:1]:{TCP}/",
    "v6-compatible": "http://[::127.0.0.1]:{TCP}/",
    "v6-nat64": "http://[64:ff9b::7f00:1]:{TCP}/",
    "v6-6to4": "http://[2002:7f00:1::]:{TCP}/",
}
_CLOSED: Mapping[str, str] = {
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "metadata-v6": "http://[fd00:ec2::254]/latest/meta-data/",
    "metadata-shared": "http://100.100.100.200/latest/meta-data/",
    "metadata-azure": "http://168.63.129.16/?comp=versions",
    "private-10": "http://10.0.0.1/",
    "private-172": "http://172.16.0.1/",
    "private-192": "http://192.168.1.1/",
    "multicast": "http://239.255.255.250:1900/",
    "broadcast": "http://255.255.255.255/",
    "file": "file://{OUT}/secret.txt",
    "file-host": "file://localhost{OUT}/secret.txt",
    "data": "data:text/plain,closed",
    "port-zero": "http://example.com:0/",
    "no-port": "http://example.com:99999/",
}
# The web server is allowed by name in these; each route is harmful in its own way.
_LEADS_TO: Mapping[str, str] = {
    "redirect": "http://127.0.0.1:{TCP}/",
    "redirect-v6": "http://[::ffff:127.0.0.1]:{TCP}/",
    "redirect-name": "http://localhost:{TCP}/",
    "redirect-decimal": "http://2130706433:{TCP}/",
    "redirect-same-host": "//127.0.0.1:{TCP}/",
    "redirect-user-name": "http://127.0.0.1:{WEB}@127.0.0.1:{TCP}/",
    "redirect-gopher": "gopher://127.0.0.1:{TCP}/",
    "redirect-backslash": "http://127.0.0.1:{TCP}\\@127.0.0.1:{WEB}/",
    "redirect-twice": "/redirect",
}


def _bomb(wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(200)), packer.flush()])


def _endless(start: bytes, piece: bytes) -> Iterator[bytes]:
    yield start
    yield from itertools.repeat(piece)


def routes(filled: Mapping[str, str]) -> dict[str, Route]:
    """Return what the harmful web server answers; `filled` are the places redirects lead to."""
    plain = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    return {
        **{f"/{name}": redirect(place) for name, place in filled.items()},
        "/redirect-file": redirect("file:///etc/passwd"),
        "/circle": redirect("/circle"),
        "/gzip": answer(_bomb(31), Content_Encoding="gzip"),
        "/deflate": answer(_bomb(15), Content_Encoding="deflate"),
        "/gzip-twice": answer(gzip.compress(_bomb(31)), Content_Encoding="gzip, gzip"),
        "/huge": lambda: _endless(plain, b"A" * 65536),
        "/chunks": lambda: _endless(plain[:-2] + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nA\r\n"),
        "/headers": lambda: _endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 99),
        "/header": lambda: _endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 999),
        "/continue": lambda: _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        "/escapes": answer(b"\x1b]0;x\x07\xc2\x9b2J", "text/plain; charset=utf-8"),
        "/type-escapes": answer(b"x", "text/\x1b[2Jplain"),
        "/deep": answer(b"<div>" * 200_000, "text/html"),
        "/quotes": answer(b"<blockquote>" * 200 + b"x<br>" * 50_000, "text/html"),
        "/spans": answer(b"<table>" + b"<tr><td colspan=99999999>x" * 20_000, "text/html"),
        "/json": answer(b"[" * 500_000, "application/json"),
        "/number": answer(b"1" * 500_000, "application/json"),
        "/charset": answer(b"xn--" + b"a" * 100_000, "text/plain; charset=idna"),
        "/cookie": answer(b"", status="302 Found", Location="/cookie-back", Set_Cookie="id=1"),
        "/negative": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx",
        "/two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
        "/ok": answer(b"fine"),
        "/to-ok": redirect("/ok"),
        "/page": answer(b"<title>Title</title><p>Some <b>text</b>.", "text/html"),
    }


def leads_to() -> Mapping[str, str]:
    """Return where the redirects of the harmful server lead, by path, with the arena's names unfilled."""
    return _LEADS_TO


def _served(name: str, kind: str, *checks: Check) -> Attack:
    return Attack(
        f"fetch-{name}", kind, "fetch", f"http://127.0.0.1:{{WEB}}/{name}", (*checks, CRASHES), is_shown=False
    )


_MACHINE = "reaching this machine's network"
_SHOWN = ("localhost", "localhost-capitals", "loopback", "loopback-other", "short", "decimal", "hexadecimal", "octal")
FETCH = [
    *(
        Attack(f"fetch-{name}", _MACHINE, "fetch", url, (reaches("tcp"), CRASHES), is_shown=name in _SHOWN)
        for name, url in _URLS.items()
    ),
    *(
        Attack(f"fetch-{name}", _MACHINE, "fetch", url, (reaches("tcp6"), reaches("tcp"), CRASHES), is_shown=False)
        for name, url in _URLS_V6.items()
    ),
    *(
        Attack(
            f"fetch-{name}",
            "addresses that are closed",
            "fetch",
            url,
            (Check("answers"), LEAKS, CRASHES, HANGS),
            is_shown=False,
        )
        for name, url in _CLOSED.items()
    ),
    *(_served(name, _MACHINE, reaches("tcp"), HANGS) for name in _LEADS_TO),
    _served("redirect-file", "reading outside the workspace", prints("root:")),
    *(
        _served(name, "taking too much", HANGS, FLOODS)
        for name in (
            *("circle", "gzip", "deflate", "gzip-twice", "huge", "chunks", "headers", "header", "continue"),
            *("deep", "quotes", "spans", "json", "number", "charset", "negative", "two-lengths"),
        )
    ),
    *(_served(name, "fooling the terminal", prints("\x1b"), prints("\x9b")) for name in ("escapes", "type-escapes")),
]
