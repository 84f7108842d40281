"""A command line turned into whether it certainly changes nothing, for planning."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flow.policies import known_commands as known
from flow.policies.shell_grammar import Command, read_script
from flow.policies.shell_words import Word

_READING_GIT = known.words(
    "status log diff show blame ls-files ls-tree rev-parse describe shortlog grep cat-file rev-list merge-base"
)
_READING_SED = re.compile(r"(?:\d+|\$|/[^/;{}]*/)(?:,(?:\d+|\$|/[^/;{}]*/))?p")
_WRITING_AWK = re.compile(r"[>|]|system|getline|@load|close|fflush")
_TRANSPARENT = ("env", "time", "timeout", "nice", "command", "xargs")


def only_reads(text: str) -> bool:
    """Whether each command in a line is known to change nothing, and nothing else happens in it."""
    script = read_script(text)
    if script.doubts or script.is_broken:
        return False
    return all(map(_reads, script.commands))


def _reads(command: Command) -> bool:
    if any(redirect.writes and not _is_nowhere(redirect.target) for redirect in command.redirects):
        return False
    risky = known.COMMAND_VARIABLES | known.DISGUISING_VARIABLES
    if any(name in risky or name.startswith("GIT_") for name, _ in command.assignments):
        return False
    return not command.words or _program_reads(command.words)


def _is_nowhere(target: Word) -> bool:
    return (
        target.text in ("/dev/null", "/dev/stderr", "/dev/stdout") or re.fullmatch(r"\d+-?|-", target.text) is not None
    )


def _program_reads(words: Sequence[Word]) -> bool:
    """Whether a program changes nothing with these arguments. Any path to it but its bare name is another program."""
    if not words[0].is_known:
        return False
    name, texts = words[0].text, [word.text for word in words[1:]]
    if name in known.READING_SUBCOMMANDS and texts[:1] and texts[0] in known.READING_SUBCOMMANDS[name]:
        return name not in ("make", "go", "npm") or len(texts) == 1 or name == "npm"
    if name not in known.ONLY_READS:
        return False
    if name == "git":
        return _git_reads(texts)
    if name in _TRANSPARENT:
        return _wrapped_reads(name, words[1:])
    if name == "sed":
        return (
            len(texts) > 1 and texts[0] == "-n" and bool(_READING_SED.fullmatch(texts[1])) and not _options(texts[2:])
        )
    if name == "awk":
        return not any(_WRITING_AWK.search(text) or text.startswith(("-i", "-f")) for text in texts)
    return not any(_changes(name, text) for text in texts)


def _changes(name: str, text: str) -> bool:
    options = known.CHANGING_OPTIONS.get(name, frozenset())
    option = text.partition("=")[0]
    if option in options or (
        len(option) > 3 and option.startswith("--") and any(o.startswith(option) for o in options)
    ):
        return True
    return name not in ("find", "fd") and any(len(o) == 2 and text.startswith(o) and text != o for o in options)


def _options(texts: Sequence[str]) -> bool:
    return any(text.startswith("-") for text in texts)


def _git_reads(texts: list[str]) -> bool:
    while texts and texts[0] in ("--no-pager", "-P"):
        texts = texts[1:]
    writing = ("--output", "--ext-diff", "--open-f", "-O", "--textconv", "--upload", "--exec")
    return bool(texts) and texts[0] in _READING_GIT and not any(text.startswith(writing) for text in texts[1:])


def _wrapped_reads(name: str, rest: Sequence[Word]) -> bool:
    """Whether what a wrapper runs changes nothing; a wrapper with options of its own is not looked through."""
    if name == "timeout" and rest and re.fullmatch(r"[\d.]+[smh]?", rest[0].text):
        rest = rest[1:]
    if not rest:
        return name in ("env", "xargs")
    return not rest[0].text.startswith("-") and "=" not in rest[0].text and _program_reads(rest)
