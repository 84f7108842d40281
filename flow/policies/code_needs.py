"""Code given on a command line, in Python or any other language, turned into hints of what it reaches for.

A look at the text, no more: code can hide anything. What it hides fails in the sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flow.policies.needs import Need, doubt, network
from flow.policies.places import Places

# An address that is not this machine's.
URL = re.compile(
    r"(?:https?|ftps?|wss?|ssh|git|rsync|s3|gs)://(?!localhost|127\.|0\.0\.0\.0|\[::1?\]|\$|example\.invalid)[\w\[]",
    re.I,
)
_NETWORK = re.compile(
    r"urlopen|urlretrieve|create_connection|socket\s*\.\s*socket|\bsocket\(|\.connect\(|requests\.(?:get|post|put|request"
    r"|delete|head|Session)|httpx\.(?:get|post|put|stream|Client|AsyncClient)|HTTPS?Connection|getaddrinfo|gethostby"
    r"|\bfetch\(|https?\.(?:get|request)\(|LWP::|IO::Socket|Net::|open-uri|URI\.open|TCPSocket|fsockopen|curl_exec"
    r"|/inet/(?:tcp|udp)|/dev/(?:tcp|udp)/|smtplib|ftplib|paramiko|aiohttp|dns\.(?:lookup|resolve)"
)
_HIDDEN = re.compile(
    r"b64decode|b32decode|b85decode|a85decode|fromhex|unhexlify|fromCharCode|\batob\(|['\"]base64['\"]|decode\(['\"](?:hex|rot)"
    r"|chr\(\d+\)|pack\(['\"]|\bexec\(|\beval\b\s*[('\"]|__import__|importlib|getattr\(|marshal|pickle\.loads|codecs\."
    r"|\\x[0-9a-f]{2}\\x"
)
_STARTS = re.compile(
    r"\bsystem\b|\bpopen|subprocess|child_process|\bexecv|\bexecl|\bspawn|exec(?:Sync|File)|shell_exec|passthru|\bqx\b"
    r"|`[^`]+`|\|\s*getline|\|\s*\"|%x[\[({]|ctypes|\bpty\.|os\.posix_spawn|Runtime\.getRuntime"
)
# A program that is started matters when its name, or the lack of one, does.
_WORTH_ASKING = re.compile(
    r"\b(?:curl|wget|git|ssh|scp|nc|ncat|pip3?|npm|ping|dig|sudo|docker|base64|sh|bash)\b|argv|environ|input\(|stdin"
)
_QUOTED = re.compile(r"""(['"])((?:/|~|\.\./|\.git\b)[^'"\n]*)\1""")


def code_needs(code: str, places: Places, folder: str | None) -> Iterator[Need]:
    """Yield what the text of a program hints at."""
    if found := URL.search(code) or _NETWORK.search(code):
        yield network(found[0])
    if found := _HIDDEN.search(code):
        yield doubt(f"what the code with {found[0]!r} does cannot be seen beforehand")
    if (found := _STARTS.search(code)) and _WORTH_ASKING.search(code):
        yield doubt(f"which programs the code with {found[0]!r} starts cannot be seen beforehand")
    for quoted in _QUOTED.finditer(code):
        if quoted[2].startswith(".git"):
            yield doubt(f"the code mentions {quoted[2]!r}")
        elif need := places.need(quoted[2], folder, writes=False, names_path=False):
            yield need


def sed_needs(script: str, places: Places, folder: str | None) -> Iterator[Need]:
    """Yield what a sed script needs: GNU sed can run commands and write files."""
    if re.search(r"(?:^|[;{}\n]|\d|\$|/)\s*e(?:\s|$)|s(.)(?:(?!\1).)*\1(?:(?!\1).)*\1[gpiImM0-9]*e", script):
        yield doubt("its sed script runs commands")
    for found in re.finditer(r"(?:^|[;{}\n/]|\d|\$|[gpI])\s*[wWrR]\s+([/~.][^\s;}]*)", script):
        if need := places.need(found[1], folder, writes=True):
            yield need
