"""A word of a shell command turned into the text bash will make of it, as far as that can be known beforehand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

UNKNOWN = "\0"  # stands for a part that only running can tell; no word can contain it

_EXPANDED = re.compile(r"[*?\[]|\{[^{}]*(?:,|\.\.)[^{}]*\}")
_DEFAULT_VALUES = {"HOME": "~", "TMPDIR": "/tmp", "EMPTY": ""}
_ANSI = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|c(.)|(.))", re.DOTALL
)
_ANSI_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}
# Substitutions whose place is known: a fresh folder in /tmp, the current folder, the top of the workspace.
_MADE_FOLDER, _HERE, _TOP = re.compile(r"mktemp( -d)?"), "pwd", "git rev-parse --show-toplevel"


@dataclass(frozen=True, slots=True)
class Word:
    """One word. `text` has UNKNOWN where a part is not known; `expands` when bash may make several words of it."""

    text: str
    source: str
    expands: bool = False
    quoted: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the word is exactly `text` and nothing else."""
        return UNKNOWN not in self.text and not self.expands


class WordReader:
    """Reads words with the variables that were given plain values so far, in the folder the command is in."""

    def __init__(self, folder: str | None) -> None:
        self.variables: dict[str, str] = {}
        self.folder = folder  # relative to the workspace unless absolute; None: not known

    def read(self, node: Node) -> Word:
        """Return what a node of the syntax tree comes to."""
        source = _source(node)
        quoted = node.type in ("string", "raw_string", "ansi_c_string", "translated_string")
        return Word(self._text(node), source, self._expands(node), quoted)

    def split(self, node: Node) -> list[Word]:
        """Return the words of a node: an unquoted variable with blanks in its value is several."""
        word = self.read(node)
        if self.variables.get("IFS", "").strip() and node.type in ("simple_expansion", "expansion"):
            return [Word(UNKNOWN, word.source)]
        if node.type not in ("simple_expansion", "expansion") or UNKNOWN in word.text:
            return [word]
        return [Word(part, word.source, bool(_EXPANDED.search(part))) for part in word.text.split()]

    def _text(self, node: Node) -> str:
        read = _READERS.get(node.type)
        if read:
            return read(_source(node))
        if node.type == "string":
            return self._joined(node, _unescape_quoted)[1:-1]
        if node.type == "translated_string":
            return self._joined(node, _same).removeprefix("$")
        if node.type == "concatenation" or (node.type == "command_name" and node.named_child_count):
            return self._joined(node, _unescape)
        if node.type in ("simple_expansion", "expansion"):
            return self._variable(_source(node))
        if node.type == "command_substitution":
            return self._substitution(_source(node))
        if node.type == "process_substitution":
            return "/dev/fd/" + UNKNOWN
        return UNKNOWN if node.named_child_count else _unescape(_source(node))

    def _joined(self, node: Node, plain: Callable[[str], str]) -> str:
        """Join the children's texts and what stands between them."""
        raw, parts, end = node.text or b"", [], node.start_byte
        for child in node.children:
            parts.append(plain(_decode(raw[end - node.start_byte : child.start_byte - node.start_byte])))
            literal = child.type == "string_content" or not child.is_named
            parts.append(plain(_source(child)) if literal else self._text(child))
            end = child.end_byte
        return "".join(parts)

    def _expands(self, node: Node) -> bool:
        if node.type == "concatenation":
            braces = bool(_EXPANDED.search(_source(node))) and any(c.type == "word" for c in node.children)
            return (braces and any(map(self._expands, node.children))) or _has_braces(node)
        return node.type == "word" and bool(_EXPANDED.search(re.sub(r"\\.", "", _source(node))))

    def _variable(self, source: str) -> str:
        """Return a variable's value; anything but its plain name computes something."""
        name = source.removeprefix("$")
        if name.startswith("{") and name.endswith("}"):
            name = name[1:-1]
        if name == "PWD":
            return self.folder or UNKNOWN
        return self.variables.get(name, _DEFAULT_VALUES.get(name, UNKNOWN))

    def _substitution(self, source: str) -> str:
        inner = source.removeprefix("$(").removesuffix(")").strip("` \n")
        if _MADE_FOLDER.fullmatch(inner):
            return "/tmp/" + UNKNOWN
        if inner == _HERE:
            return self.folder or UNKNOWN
        return "." if inner == _TOP else UNKNOWN


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _source(node: Node) -> str:
    return _decode(node.text or b"")


def _same(text: str) -> str:
    return text


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text.replace("\\\n", ""), flags=re.DOTALL)


def _unescape_quoted(text: str) -> str:
    return re.sub(r'\\([$`"\\])', r"\1", text.replace("\\\n", ""))


def _ansi(source: str) -> str:
    """Return what $'...' stands for."""

    def character(found: re.Match[str]) -> str:
        for group, base in ((1, 16), (2, 16), (3, 16), (4, 8)):
            if found[group]:
                code = int(found[group], base)
                return chr(code) if 0 < code < 0x110000 else UNKNOWN
        if found[5]:
            return chr(ord(found[5].upper()) & 0x1F) or UNKNOWN
        return _ANSI_LETTERS.get(found[6], found[6])

    return _ANSI.sub(character, source[2:-1])


def _has_braces(node: Node) -> bool:
    """Whether unquoted braces stand in a concatenation, which the grammar takes apart into single words."""
    bare = "".join(_source(child) if child.type == "word" else "x" for child in node.children)
    return bool(_EXPANDED.search(re.sub(r"\\.", "", bare)))


_READERS: Mapping[str, Callable[[str], str]] = {
    "word": _unescape,
    "number": _same,
    "variable_name": _same,
    "raw_string": lambda source: source[1:-1],
    "ansi_c_string": _ansi,
}
