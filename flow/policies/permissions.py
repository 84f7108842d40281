"""The rules a person wrote into `permissions.toml`, turned into what they allow, refuse or open.

A rule is a whole command, compared to its last character, or a list of words in which `*` is exactly one plain word.
A list never matches a command that is more than these words: no second command, variable, redirection or pattern.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import UsageError
from core.types import Opening, OpeningKind
from flow.policies.shell_grammar import Script, read_script

ANY_WORD = "*"
_KEYS = ("allow", "deny", "network")
_PLAIN = re.compile(r"[^\x00-\x1f\x7f]+")
# What a value in place of a `*` may consist of, however it is quoted.
_PLAIN_VALUE = re.compile(r"[^\x00-\x1f\x7f$`\\]*")

Pattern = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the person's own file says. `network` opens the network to commands that do not look as if they need it."""

    allow: tuple[Pattern, ...] = ()
    deny: tuple[Pattern, ...] = ()
    network: tuple[Pattern, ...] = ()

    def denies(self, command: str) -> bool:
        """Whether the command, or any command in it, is one of `deny` or begins with its words."""
        if not self.deny:
            return False
        script = read_script(command)
        return any(_matches(pattern, command) or _is_in(pattern, script) for pattern in self.deny)

    def allows(self, command: str, opening: Opening) -> bool:
        """Whether the command may have the opening without a question; a path only if the rule spells it out."""
        patterns = (p for p in self.allow if opening.kind is not OpeningKind.PATH or ANY_WORD not in p)
        return any(_matches(pattern, command) for pattern in patterns)

    def opens_network(self, command: str) -> bool:
        """Whether the command is one that always gets the network."""
        return any(_matches(pattern, command) for pattern in self.network)


def load_rules(path: Path) -> Rules:
    """Read the person's file; no file means no rules. Raises: UsageError naming the file and what is wrong."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Rules()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}; correct it or move it away") from error
    return parse_rules(text, str(path))


def parse_rules(text: str, source: str) -> Rules:
    """Turn TOML into rules. Raises: UsageError naming `source` and what is wrong."""
    import tomllib  # most people have no such file, and start-up counts

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source} is no TOML: {error}; correct it") from error
    for name in values:
        if name not in _KEYS:
            raise UsageError(f"{source}: no list {name!r}; there are: {', '.join(_KEYS)}")
    return Rules(**{name: _patterns(name, value, source) for name, value in values.items()})


def plain_words(command: str) -> tuple[str, ...] | None:
    """Return the words of a command that is one program with plain arguments, else None.

    Two readers have to agree: the grammar, and the standard library's splitting of quoted words.
    """
    script = read_script(command)
    if script.doubts or script.is_broken or len(script.commands) != 1:
        return None
    found = script.commands[0]
    words = tuple(word.text for word in found.words)
    unclear = any(
        not word.is_known or not _PLAIN_VALUE.fullmatch(word.source) or word.source.startswith("~")
        for word in found.words
    )
    if not words or unclear or found.assignments or found.redirects or found.given is not None:
        return None
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, ""
        return words if words == tuple(lexer) else None
    except ValueError:
        return None


def _matches(pattern: Pattern, command: str) -> bool:
    if isinstance(pattern, str):
        return pattern == command
    words = plain_words(command)
    return words is not None and len(words) == len(pattern) and all(map(_fits, pattern, words))


def _fits(expected: str, word: str) -> bool:
    """Whether a word is the expected one; a `*` is never an option."""
    return word == expected or (expected == ANY_WORD and bool(_PLAIN.fullmatch(word)) and not word.startswith("-"))


def _is_in(pattern: Pattern, script: Script) -> bool:
    """Whether a command of the script begins with the pattern: refusing may go further than allowing."""
    wanted = pattern if isinstance(pattern, tuple) else tuple(pattern.split())
    for command in script.commands:
        words = [word.text for word in command.words]
        for start in range(len(words) - len(wanted) + 1):  # a wrapper such as env or timeout may stand before it
            if all(e in (ANY_WORD, w) for e, w in zip(wanted, words[start:], strict=False)):
                return True
    return False


def _patterns(name: str, value: Any, source: str) -> tuple[Pattern, ...]:
    if not isinstance(value, list):
        raise UsageError(f"{source}: {name} is {value!r}; write a list of commands: {name} = ['make deploy']")
    return tuple(_pattern(name, each, source) for each in value)


def _pattern(name: str, value: Any, source: str) -> Pattern:
    if isinstance(value, str) and value.strip():
        return value
    words: Sequence[Any] = value if isinstance(value, list) else []
    if not words or not all(isinstance(word, str) and word for word in words):
        raise UsageError(f"{source}: {name} has {value!r}; write a whole command or a list of words: ['git', 'push']")
    if words[0] == ANY_WORD and name != "deny":
        raise UsageError(f"{source}: {name} has {value!r}, which would match every program; name the program")
    return tuple(words)
