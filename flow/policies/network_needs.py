"""A program and its arguments turned into whether it reaches for the network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from flow.policies import known_commands as known
from flow.policies.code_needs import URL
from flow.policies.needs import Need, doubt, network
from flow.policies.shell_words import UNKNOWN, Word

_OFFLINE = ("--offline", "--no-index", "--help", "-h", "--dry-run-offline")
_OTHER_HOST = re.compile(r"(?:[\w.-]+@)?[\w.-]+::?(?!//)[~/\w.]|rsync://")
_THIS_MACHINE = re.compile(r"(?:https?://)?(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/?]|$)|\d{1,5}$")
_DETOURS = ("-x", "--proxy", "--preproxy", "--socks", "--connect-to", "--resolve", "-K", "--config")


def network_needs(name: str, words: Sequence[Word]) -> Iterator[Need]:
    """Yield the need of a program, named as in the tables, that reaches for the network."""
    texts = [word.text for word in words[1:]]
    if name in known.NETWORK:
        if texts not in (["--version"], ["-V"], ["--help"]) and not _stays_here(texts):
            yield network(words[0].text)
        return
    if name == "npx" or (name == "npm" and texts[:1] in (["exec"], ["x"])):
        yield from _npx(texts if name == "npx" else texts[1:])
        return
    if name == "rsync" and any(map(_OTHER_HOST.match, texts)):
        yield network(words[0].text)
    if name == "go" and texts[:1] == ["run"] and any("@" in text for text in texts):
        yield network("go run")
    yield from _subcommand(name, words, texts)
    if options := known.NETWORK_OPTIONS.get(name, frozenset()) & {text.partition("=")[0] for text in texts}:
        yield network(f"{words[0].text} {min(options)}")
    if name != "git" and name not in known.TEXT_ONLY | known.TEXT_FIRST:
        for text in texts:
            if URL.match(text.rpartition("=")[2] if text.startswith("-") else text):
                yield network(f"{words[0].text} {text}")


def _stays_here(texts: list[str]) -> bool:
    """Whether a program that needs the network is pointed at this machine and nothing else."""
    if any(text.startswith(_DETOURS) or (URL.match(text)) or UNKNOWN in text for text in texts):
        return False
    places = [t for i, t in enumerate(texts) if not t.startswith("-") and (not i or not texts[i - 1].startswith("-"))]
    return any(map(_THIS_MACHINE.match, texts)) and all(map(_THIS_MACHINE.match, places))


def _subcommand(name: str, words: Sequence[Word], texts: list[str]) -> Iterator[Need]:
    table = known.NETWORK_SUBCOMMANDS.get(name)
    if table is None or set(_OFFLINE) & set(texts):
        return
    plain = [word for index, word in enumerate(words[1:], 1) if not word.text.startswith(("-", "+"))]
    # The word after an option may be its value, so that the next one is the subcommand.
    candidates = plain[:2] if texts and texts[0].startswith("-") else plain[:1]
    for word in candidates:
        if not word.is_known:
            yield doubt(f"what {name!r} is told to do with {word.source!r} cannot be seen beforehand")
        elif word.text in table and not _is_local(name, word.text, plain):
            yield network(f"{name} {word.text}")
        elif f"{name} {word.text}" in known.NETWORK_SUBCOMMANDS:
            yield from _subcommand(f"{name} {word.text}", words[words.index(word) :], texts[words.index(word) :])
    if not plain and not texts and "*" in table:
        yield network(name)


def _is_local(name: str, subcommand: str, plain: Sequence[Word]) -> bool:
    """Whether this one is a subcommand that stays here: `npm init` alone asks nobody."""
    return name in ("npm", "yarn", "pnpm", "uv") and subcommand in ("init", "create") and len(plain) == 1


def _npx(texts: list[str]) -> Iterator[Need]:
    options = [text for text in texts if text.startswith("-")]
    tool = next((text for text in texts if not text.startswith("-")), "")
    local = tool in known.LOCAL_NODE_TOOLS and not {"-p", "--package", "-c", "--call"} & set(options)
    if not local and not {"--no-install", "--no", "--offline"} & set(options) and tool:
        yield network(f"npx {tool}")
