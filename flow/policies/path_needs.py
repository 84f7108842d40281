"""The arguments of a program turned into what reaching the paths among them needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from flow.policies import known_commands as known
from flow.policies.needs import Need
from flow.policies.places import Places
from flow.policies.shell_words import UNKNOWN, Word

_UP = re.compile(r"(?:^|/)\.\.(?:/|$)")
_PROGRAM_OPTIONS = ("-e", "--regexp", "--expression")  # of grep, sed and their kin: what follows is no path
_PROGRAM_FILE_OPTIONS = ("-f", "--file")
# The value of these options is text, or code that is looked at elsewhere.
_TEXT_OPTIONS = (
    "-m",
    "--message",
    "--grep",
    "--author",
    "-S",
    "-G",
    "--format",
    "--pretty",
    "-c",
    "-k",
    "-d",
    "-t",
    "-F",
)


def path_needs(name: str, words: Sequence[Word], folder: str | None, places: Places) -> Iterator[Need]:
    """Yield what the paths among a program's arguments need."""
    if name in known.TEXT_ONLY or name in known.WRAPPERS:
        return
    names_paths = name in known.READS_FILES | known.WRITES_ALL | known.WRITES_LAST
    is_elsewhere = (folder or "").startswith(("/", "~", "./.."))
    for text, writes in _candidates(name, [_text(word) for word in words[1:]]):
        if "://" in text or "\n" in text:
            continue
        if text.startswith(("/", "~")) or _UP.search(text) or is_elsewhere or writes:
            need = places.need(text, folder, writes=writes, names_path=names_paths)
            if need:
                yield need


def _text(word: Word) -> str:
    """Return a word with the part unknown from where bash looks for files that fit."""
    return re.split(r"[*?\[{]", word.text)[0] + UNKNOWN if word.expands else word.text


def _candidates(name: str, texts: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield what may be a path, and whether it is written."""
    outputs = known.WRITES_OPTION.get(name, frozenset())
    plain = _plain_arguments(name, texts)
    writes_all = name in known.WRITES_ALL or _changes_in_place(name, texts)
    for index, text in enumerate(texts):
        if text.startswith("-"):
            option, _, value = text.partition("=")
            attached = value or (text[2:] if not text.startswith("--") else "")
            if option not in _TEXT_OPTIONS and attached.startswith(("/", "~", "..")):
                yield attached, option in outputs or text[:2] in outputs
        elif index and texts[index - 1] in outputs:
            yield text, True
        elif index in plain:
            key, _, value = text.partition("=")
            is_last = name in known.WRITES_LAST and index == plain[-1] and index > 0
            is_pair = bool(value) and key.isidentifier()
            yield (value, key == "of") if is_pair else (text, writes_all or is_last)


def _plain_arguments(name: str, texts: list[str]) -> list[int]:
    """Return where the arguments stand that are neither options nor text."""
    plain = [index for index, text in enumerate(texts) if not text.startswith("-")]
    if name in known.TEXT_FIRST:
        given = [text for text in texts if text.startswith((*_PROGRAM_OPTIONS, *_PROGRAM_FILE_OPTIONS))]
        plain = [i for i in plain if not i or texts[i - 1] not in _PROGRAM_OPTIONS]
        return plain if given else plain[1:]
    if name == "ln" and any(text.startswith("-") and "s" in text for text in texts):
        # The target of a link is seen from the link's folder, and not opened by making it.
        return [i for i in plain if texts[i].startswith(("/", "~")) or i == plain[-1]]
    if name in known.READS_FILES | known.WRITES_ALL:
        return plain
    return [i for i in plain if not i or texts[i - 1] not in _TEXT_OPTIONS]


def _changes_in_place(name: str, texts: list[str]) -> bool:
    if name == "sed":
        return any(text.startswith(("-i", "--in-place")) for text in texts)
    return name in ("find", "fd") and "-delete" in texts
