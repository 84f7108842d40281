"""A command line turned into the single commands it consists of, however they are nested, and what stays unclear.

The grammar is tree-sitter's for bash. It decides what to ask a person about; what holds is the sandbox.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.errors import UsageError
from flow.policies.shell_words import UNKNOWN, Word, WordReader

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

MOST_COMMANDS = 60
MOST_NESTING = 150  # deeper trees are nobody's; Python could not walk them

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_JOINED_LINES = re.compile(r"[^\s\\;&|(]\\\n[^\s\\]")
_SUBSTITUTIONS = ("command_substitution", "process_substitution")
_COMPUTED = re.compile(r"\$\{!|\$\{[^}]*@[A-Za-z]\}")
_DECLARATIONS = ("declaration_command", "unset_command")
# Words of these are evaluated once more, so that a substitution in single quotes still runs.
_EVALUATING = ("test", "[", "printf", "read", "let", "declare", "typeset", "local", "export", "unset", "mapfile")


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where output goes or input comes from."""

    operator: str
    target: Word

    @property
    def writes(self) -> bool:
        """Whether something may be written to the target."""
        return ">" in self.operator


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: the program and its arguments, none for a bare assignment or redirection."""

    words: tuple[Word, ...] = ()
    assignments: tuple[tuple[str, Word], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    folder: str | None = "."  # where it runs: relative to the workspace or absolute; None: not known
    given: str | None = None  # its input, where a here-document or here-string gives it
    piped: str = ""  # the program whose output is its input


@dataclass(slots=True)
class Script:
    """Everything a command line would do, in order. `doubts` say in words what cannot be seen in it."""

    commands: list[Command] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    is_broken: bool = False  # the grammar did not understand all of it


def read_script(text: str, folder: str | None = ".") -> Script:
    """Take a command line that runs in `folder` apart. Raises: UsageError where tree-sitter is not installed."""
    raw = text.encode("utf-8", "replace")
    reader = _Reader(folder)
    root = _parser().parse(raw).root_node
    script = reader.script
    script.is_broken = root.has_error
    if found := _CONTROL.search(text):
        script.doubts.append(f"it contains the control character U+{ord(found[0]):04X}")
    if _JOINED_LINES.search(text):
        script.doubts.append("a backslash joins two lines in the middle of a word")
    if _is_too_deep(root):
        script.doubts.append("it is nested too deeply")
        return script
    reader.walk(root)
    if len(script.commands) > MOST_COMMANDS:
        script.doubts.append(f"it consists of more than {MOST_COMMANDS} commands")
    return script


@functools.cache
def _parser() -> Parser:
    try:
        import tree_sitter_bash
        from tree_sitter import Language, Parser
    except ImportError as error:
        raise UsageError(
            "tree-sitter and tree-sitter-bash are missing, so no command can be judged; install them:"
            " pip install -r requirements.txt"
        ) from error
    return Parser(Language(tree_sitter_bash.language()))


def _is_too_deep(root: Node) -> bool:
    layer = [root]
    for _ in range(MOST_NESTING):
        layer = [child for node in layer for child in node.children]
        if not layer:
            return False
    return True


class _Reader:
    """Walks the tree in the order of the text, with the folder and the variables as they are at each place."""

    def __init__(self, folder: str | None) -> None:
        self.script = Script()
        self._words = WordReader(folder)
        self._given: str | None = None
        self._piped = ""

    def walk(self, node: Node) -> None:
        """Note every command in and below a node."""
        visit = getattr(self, f"_{node.type}", None)
        if visit:
            visit(node)
        elif node.type in _DECLARATIONS:
            self._declaration(node)
        elif node.type in (*_SUBSTITUTIONS, "subshell"):
            self._apart(node)
        else:
            self._below(node)

    def _below(self, node: Node) -> None:
        for child in node.named_children:
            self.walk(child)

    def _apart(self, node: Node) -> None:
        """Walk what runs in a shell of its own: its folder and its input end with it."""
        folder, given, piped = self._words.folder, self._given, self._piped
        if node.type in _SUBSTITUTIONS:
            self._given, self._piped = None, ""
        self._below(node)
        self._words.folder, self._given, self._piped = folder, given, piped

    def _pipeline(self, node: Node) -> None:
        folder, given, piped = self._words.folder, self._given, self._piped
        for child in node.named_children:
            self.walk(child)
            self._feed()
        self._words.folder, self._given, self._piped = folder, given, piped

    def _feed(self) -> None:
        """Let the next command of a pipeline have the last one's output as its input."""
        last = self.script.commands[-1] if self.script.commands else Command()
        texts = [word.text for word in last.words]
        self._piped = texts[0] if texts else "?"
        if self._piped in ("echo", "printf") and all(word.is_known for word in last.words):
            options = ("-n", "-e", "-ne", "-en", "--")
            self._given = " ".join(text for text in texts[1:] if text not in options).replace("\\n", "\n")
        elif self._piped != "cat" or last.given is None:
            self._given = None

    def _command(self, node: Node) -> None:
        words: list[Word] = []
        assignments = []
        before = self._given
        for child in node.named_children:
            if child.type == "variable_assignment":
                assignments.append(self._assigned(child))
            elif child.type == "herestring_redirect":
                self._given = self._here_string(child)
            elif not child.type.endswith("_redirect"):
                words += self._words.split(child.named_children[0] if child.type == "command_name" else child)
            self._below(child) if child.type == "variable_assignment" else self.walk(child)
        self._check(words)
        self._add(tuple(words), tuple(assignments))
        self._given = before
        if words and words[0].text in ("cd", "pushd"):
            self._change_folder(words)

    def _declaration(self, node: Node) -> None:
        """Note export, declare, local, readonly, typeset and unset, which hold beyond their command."""
        assigned = [self._assigned(child) for child in node.named_children if child.type == "variable_assignment"]
        self._words.variables |= {name: word.text for name, word in assigned}
        words = [Word(node.children[0].type, node.children[0].type)]
        words += [self._words.read(c) for c in node.named_children if c.type != "variable_assignment"]
        self._check([*words, *(word for _, word in assigned)])
        self._add(tuple(words), tuple(assigned))
        self._below(node)

    def _variable_assignment(self, node: Node) -> None:
        name, value = self._assigned(node)
        self._words.variables[name] = value.text
        self._add((), ((name, value),))
        self._below(node)

    def _for_statement(self, node: Node) -> None:
        self._words.variables[_name(node.child_by_field_name("variable"))] = UNKNOWN
        self._below(node)

    def _redirected_statement(self, node: Node) -> None:
        """Walk a command and, after it, where its output goes: it may have changed the folder."""
        before = self._given
        for child in node.named_children:
            if child.type == "heredoc_redirect":
                body = next((part for part in child.named_children if part.type == "heredoc_body"), None)
                self._given = _name(body)
            elif child.type == "herestring_redirect":
                self._given = self._here_string(child)
        self._below(node)
        self._given = before

    def _heredoc_redirect(self, node: Node) -> None:
        """Walk what stands on the line after `<<EOF`: the rest of a pipeline or list, and more redirections."""
        for child in node.named_children:
            before = self._piped
            self._piped = "cat" if child.type == "pipeline" else before
            self.walk(child)
            self._piped = before

    def _file_redirect(self, node: Node) -> None:
        operator = next((_name(child) for child in node.children if not child.is_named), ">")
        targets = [self._words.read(child) for child in node.named_children if child.type != "file_descriptor"]
        self._add((), (), tuple(Redirect(operator, target) for target in targets))
        self._below(node)

    def _here_string(self, node: Node) -> str:
        return "".join(self._words.read(child).text for child in node.named_children)

    def _function_definition(self, node: Node) -> None:
        name = _name(node.child_by_field_name("name"))
        self._words.variables.clear()  # a body runs later, with other values
        self._add((Word("function", "function"), Word(name, name)))
        self._below(node)

    def _expansion(self, node: Node) -> None:
        if _COMPUTED.match(_name(node)):
            self.script.doubts.append(f"{_name(node)} makes bash evaluate a variable's text")
        self._below(node)

    def _raw_string(self, node: Node) -> None:
        if node.parent and node.parent.type in ("binary_expression", "unary_expression") and _runs(_name(node)):
            self.script.doubts.append(f"{_name(node)} is evaluated once more")

    def _assigned(self, node: Node) -> tuple[str, Word]:
        value = node.child_by_field_name("value")
        name = _name(node.child_by_field_name("name"))
        if value is None:
            return name, Word("", "")
        if value.type == "array" or "[" in name:
            return name, Word(UNKNOWN, _name(value))
        return name, self._words.read(value)

    def _change_folder(self, words: list[Word]) -> None:
        targets = [word for word in words[1:] if not (word.text.startswith("-") and len(word.text) > 1)]
        target = targets[0].text if targets else "~"
        if not targets or target == "-":
            self._words.folder = "~" if not targets else None
        elif UNKNOWN in target and not target.startswith("/tmp/"):
            self._words.folder = None
        elif target.startswith(("/", "~")):
            self._words.folder = target
        elif self._words.folder is not None:
            self._words.folder = f"{self._words.folder}/{target}"

    def _check(self, words: list[Word]) -> None:
        if words and words[0].text in _EVALUATING:
            quoted = [word.source for word in words[1:] if word.source.startswith("'") and _runs(word.text)]
            if quoted and not (words[0].text == "printf" and words[1:2] and words[1].text != "-v"):
                self.script.doubts.append(f"{quoted[0]} is evaluated once more")

    def _add(
        self,
        words: tuple[Word, ...],
        assignments: tuple[tuple[str, Word], ...] = (),
        redirects: tuple[Redirect, ...] = (),
    ) -> None:
        folder, given, piped = self._words.folder, self._given, self._piped
        self.script.commands.append(Command(words, assignments, redirects, folder, given, piped))


def _name(node: Node | None) -> str:
    return (node.text or b"").decode("utf-8", "replace") if node else ""


def _runs(text: str) -> bool:
    return "$(" in text or "`" in text
