"""A command line turned into everything it needs that the sandbox does not give, wherever in it that is hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from flow.policies import known_commands as known
from flow.policies.code_needs import code_needs, sed_needs
from flow.policies.git_needs import git_needs
from flow.policies.needs import GIT, Need, doubt, never
from flow.policies.network_needs import network_needs
from flow.policies.path_needs import path_needs
from flow.policies.places import Places
from flow.policies.shell_grammar import Command, Redirect, read_script
from flow.policies.shell_words import UNKNOWN, Word

MOST_LEVELS = 6  # of commands inside commands: sh -c "sh -c ..."

_VERSIONED = re.compile(r"(python|pip|ruby|php|perl|lua|node)[\d.]+")
# How tar, vim and gdb mark a command of the shell among their own.
_PROGRAM_PREFIX = re.compile(r"^(?:exec=|:?!|shell\s)")
# In what the grammar does not understand, any of these is worth a question.
_HINT = re.compile(
    r"/dev/(?:tcp|udp)|://|\beval\b|\bgit\b|\.git\b|(?:^|[\s;&|({`\"'])(?:curl|wget|ssh|scp|nc|ncat|ping|dig|pip3?|npm|uv"
    r"|cargo|sudo|docker|base64|sh|bash)\b|[\s='\"<>](?:/(?!dev/null|tmp|usr)|~|\.\./)\S|\{[a-z]+,|<>",
    re.MULTILINE,
)


class CommandNeeds:
    """Finds out what command lines need in one workspace."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._level = 0
        self._disguises: list[Need] = []

    def of(self, text: str) -> list[Need]:
        """Return the needs of a whole command line, each once, in the order of the text."""
        self._level, self._disguises = 0, []
        needs = list(dict.fromkeys(self._script(text, ".")))
        # What may change the meaning of a name is harmless in the sandbox, and too much with anything open.
        return needs + (self._disguises if any(need.opening for need in needs) else [])

    def _script(self, text: str, folder: str | None) -> Iterator[Need]:
        if self._level >= MOST_LEVELS:
            yield doubt("it runs commands inside commands inside commands")
            return
        self._level += 1
        script = read_script(text, folder)
        yield from map(doubt, script.doubts)
        if script.is_broken and _HINT.search(text):
            yield doubt("its grammar is unclear, so what it runs cannot be seen beforehand")
        for command in script.commands:
            yield from self._command(command)
        self._level -= 1

    def _command(self, command: Command) -> Iterator[Need]:
        for redirect in command.redirects:
            yield from self._redirect(redirect, command.folder)
        for name, value in command.assignments:
            yield from self._assignment(name, value, command.folder)
        if command.words:
            yield from self._program(command.words, command)

    def _redirect(self, redirect: Redirect, folder: str | None) -> Iterator[Need]:
        target = redirect.target.text
        if redirect.operator in (">&", "<&") and re.fullmatch(r"\d*-?", target):
            return
        need = self._places.need(target, folder, writes=redirect.writes)
        if need and need.opening == GIT:
            need = _by_hand(target)
        if need:
            yield need
        elif folder is None and redirect.writes and not target.startswith("/"):
            yield doubt(f"in which folder {target.replace(UNKNOWN, '…')!r} is written cannot be seen beforehand")

    def _assignment(self, name: str, value: Word, folder: str | None) -> Iterator[Need]:
        if name in known.COMMAND_VARIABLES:
            if UNKNOWN in value.text:
                yield doubt(f"which command {name} stands for cannot be seen beforehand")
            else:
                yield from self._script(value.text, folder)
        if name in known.DISGUISING_VARIABLES or name in known.COMMAND_VARIABLES or name.startswith("GIT_"):
            self._disguises.append(doubt(f"{name} changes what a command does"))

    def _program(self, words: Sequence[Word], command: Command) -> Iterator[Need]:
        """Yield the needs of one program with its arguments, whoever runs it."""
        first = words[0]
        if not first.is_known or not first.text:
            yield doubt(f"which program {first.source!r} is cannot be seen beforehand")
            return
        name = _canonical(first.text)
        if "/" in first.text and (need := self._places.need(first.text, command.folder, writes=False)):
            yield need
        if [word.text for word in words[1:]] == ["--version"]:
            return
        if name in known.NEVER or _subcommand(words) in known.NEVER_SUBCOMMANDS.get(name, ()):
            yield never(f"{first.text!r} needs rights over the system that no approval opens; ask the person to run it")
            return
        yield from self._started(name, words, command)
        if name == "git":
            yield from git_needs(
                words[1:], self._places, command.folder, lambda text: self._script(text, command.folder)
            )
        yield from network_needs(name, words)
        for need in path_needs(name, words, command.folder, self._places):
            yield _by_hand(first.text) if need.opening == GIT and name not in ("rm", "rmdir", "unlink") else need

    def _started(self, name: str, words: Sequence[Word], command: Command) -> Iterator[Need]:
        """Yield the needs of what a program runs in its turn."""
        rest, folder = list(words[1:]), command.folder
        if name in known.SHELLS:
            yield from self._shell(rest, command)
        elif name in ("eval", "trap", "alias", "watch", "parallel"):
            yield from self._evaluated(name, rest, folder)
        elif name in known.WRAPPERS:
            yield from self._wrapped(name, rest, command)
        elif name in ("function", "enable", "hash"):
            yield from self._renamed(name, rest)
        elif name == "sed":
            for word in rest:
                yield from sed_needs(word.text, self._places, folder)
        elif name == "awk":
            yield from code_needs(
                " ".join(word.text for word in rest if " " in word.text or "{" in word.text), self._places, folder
            )
        if name in known.CODE_OPTIONS:
            yield from self._code(name, rest, command)
        yield from self._option_commands(name, rest, folder)
        if rest and rest[0].text == known.RUN_SUBCOMMANDS.get(name):
            inner = _after_options(rest[1:], frozenset())
            if inner:
                yield from self._program(inner, command)

    def _shell(self, rest: list[Word], command: Command) -> Iterator[Need]:
        """Yield the needs of what a shell is told to run: after -c, from its input, or in a file."""
        for index, word in enumerate(rest):
            if re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*", word.text):
                script = next((w for w in rest[index + 1 :] if not w.text.startswith(("-", "+"))), None)
                if script:
                    yield from self._text(script, command.folder)
                return
            if not word.text.startswith(("-", "+")):
                if word.text.startswith("/dev/fd/"):
                    yield doubt("a shell runs what another command prints")
                return
        if command.given is not None:
            yield from self._text(Word(command.given, command.given), command.folder)
        elif command.piped not in ("", "cat"):
            yield doubt(f"a shell runs what {command.piped!r} prints")

    def _text(self, word: Word, folder: str | None) -> Iterator[Need]:
        """Yield the needs of a text that is run as a command."""
        if word.text.strip(UNKNOWN + " ") == "" and UNKNOWN in word.text:
            yield doubt(f"what {word.source!r} runs cannot be seen beforehand")
            return
        if UNKNOWN in word.text:
            self._disguises.append(doubt(f"a part of {word.source!r} cannot be seen beforehand"))
        text = _PROGRAM_PREFIX.sub("", word.text.replace(UNKNOWN, "$_unknown"))
        yield from self._script(text, folder)

    def _evaluated(self, name: str, rest: list[Word], folder: str | None) -> Iterator[Need]:
        words = rest[:1] if name == "trap" else rest
        if name == "alias":
            words = [replace(word, text=word.text.partition("=")[2]) for word in rest if "=" in word.text]
            self._disguises.append(doubt("an alias changes what a command does"))
        elif name in ("watch", "parallel"):
            words = _after_options(rest, known.WRAPPERS[name])
        if name == "alias":
            for word in words:
                yield from self._text(word, folder)
        elif words:
            text = " ".join(word.text for word in words)
            if name == "eval" and UNKNOWN in text:
                yield doubt(f"what {' '.join(word.source for word in words)!r} runs cannot be seen beforehand")
            yield from self._text(Word(text, text), folder)

    def _wrapped(self, name: str, rest: list[Word], command: Command) -> Iterator[Need]:
        if name == "command" and rest and rest[0].text in ("-v", "-V"):
            return
        for index, word in enumerate(rest):
            if name == "env" and word.text in ("-S", "--split-string") and rest[index + 1 :]:
                yield from self._text(rest[index + 1], command.folder)
            elif name == "env" and word.text.startswith(("-S", "--split-string=")):
                yield from self._text(
                    replace(word, text=re.sub(r"^(?:-S|--split-string=)", "", word.text)), command.folder
                )
        inner = _after_options(rest, known.WRAPPERS[name])[known.WORDS_BEFORE.get(name, 0) :]
        while name == "env" and inner and re.match(r"\w+=", inner[0].text):
            variable, _, value = inner.pop(0).text.partition("=")
            yield from self._assignment(variable, Word(value, value), command.folder)
        if name == "xargs" and inner:
            inner.append(Word(UNKNOWN, "what xargs reads"))
        if inner:
            yield from self._program(inner, command)

    def _renamed(self, name: str, rest: list[Word]) -> Iterator[Need]:
        options = [word.text for word in rest if word.text.startswith("-")]
        if name == "function" or {"-p", "-f"} & set(options):
            self._disguises.append(doubt(f"{rest[0].text if rest else name!r} gets another meaning"))
        if name != "function" and {"-p", "-f"} & set(options):
            yield doubt(f"{name!r} gives a name another meaning")

    def _code(self, name: str, rest: list[Word], command: Command) -> Iterator[Need]:
        """Yield the needs of code in an argument or the input, or of the module that `-m` names."""
        for index, word in enumerate(rest):
            if name in ("python", "pypy3") and word.text == "-m" and rest[index + 1 :]:
                yield from self._program(rest[index + 1 :], command)
                return
            if word.text in known.CODE_OPTIONS[name] or (name == "python" and re.fullmatch(r"-[A-Za-z]+c", word.text)):
                for code in rest[index + 1 : index + 2]:
                    yield from self._written(code.text, code.source, command.folder)
                return
            attached = [
                option for option in known.CODE_OPTIONS[name] if len(option) == 2 and word.text.startswith(option)
            ]
            if attached:
                yield from self._written(word.text[2:], word.source, command.folder)
                return
            if not word.text.startswith("-"):
                return
        if command.given is not None:
            yield from self._written(command.given, command.given, command.folder)
        elif command.piped not in ("", "cat", "echo", "printf"):
            yield doubt(f"{name!r} runs what {command.piped!r} prints")

    def _written(self, code: str, source: str, folder: str | None) -> Iterator[Need]:
        if code.strip(UNKNOWN + " \n") == "" and code.strip():
            yield doubt(f"which code {source!r} is cannot be seen beforehand")
        yield from code_needs(code, self._places, folder)

    def _option_commands(self, name: str, rest: list[Word], folder: str | None) -> Iterator[Need]:
        """Yield the needs of commands that stand in options: `find -exec`, `tar --to-command`, `sort --compress-program`."""
        options = known.COMMAND_OPTIONS.get(name, frozenset())
        for index, word in enumerate(rest):
            option, _, value = word.text.partition("=")
            option = option.removesuffix("!")
            long = len(option) > 4 and option.startswith("--") and any(full.startswith(option) for full in options)
            short = [o for o in options if len(o) == 2 and not value and word.text.startswith(o) and word.text != o]
            if name in ("find", "fd") and option in options:
                end = next((i for i, w in enumerate(rest[index + 1 :], index + 1) if w.text in (";", "+")), len(rest))
                if rest[index + 1 : end]:
                    yield from self._program(rest[index + 1 : end], Command(folder=folder))
            elif option in options or long:
                following = rest[index + 1] if index + 1 < len(rest) else Word("", "")
                yield from self._text(replace(word, text=value) if value else following, folder)
            elif short and not (name == "tar" and not word.text.startswith("-")):
                yield from self._text(replace(word, text=word.text[2:].lstrip("!")), folder)


def _canonical(text: str) -> str:
    """Return the name by which the tables know a program."""
    name = text.rstrip("/").rpartition("/")[2]
    if versioned := _VERSIONED.fullmatch(name):
        name = versioned[1]
    return known.SAME_AS.get(name, name)


def _subcommand(words: Sequence[Word]) -> str:
    return next((word.text for word in words[1:] if not word.text.startswith("-")), words[1].text if words[1:] else "")


def _after_options(words: Sequence[Word], with_value: frozenset[str]) -> list[Word]:
    """Return the words from the first that is no option and no option's value."""
    index = 0
    while index < len(words) and words[index].text.startswith("-") and words[index].is_known:
        if words[index].text == "--":
            return list(words[index + 1 :])
        index += 2 if words[index].text in with_value else 1
    return list(words[index:])


def _by_hand(what: str) -> Need:
    return never(f"{what!r} would change .git by hand, where git finds programs to run; use a git command")
