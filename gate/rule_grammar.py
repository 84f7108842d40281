"""Turns a plain request, matched by a dozen rules, into the tool call it asks for.

| you write                                                  | what is called                                      |
| ---------------------------------------------------------- | --------------------------------------------------- |
| `hello`, `hi`, `good morning`                              | nothing: a greeting                                 |
| `help`, `what can you do?`                                 | nothing: this table, in short                       |
| `list the files in src`, `ls src`, `what files are there?` | `list_files {path: "src"}`, without a folder `"."`  |
| `read notes.txt`, `show me the file "my notes.txt"`        | `read_file {path: "notes.txt"}`                     |
| `write hello to a.txt`, `save "hello" in a.txt`            | `write_file {path: "a.txt", content: "hello"}`      |
| `create a.txt with hello`, `create an empty file a.txt`    | the same; the content may be `""`                   |
| `write to a.txt:` and the lines that follow                | the same; the content may have many lines           |
| `run ls -la`, `execute make`, `$ make`                     | `shell {command: "ls -la"}`                         |
| `calculate 17*23`, `what is 17 times 23?`, `2 + 2`         | `calculate {expression: "17*23"}`                   |

Case does not matter, nor do `please`, `can you`, `thanks` around a request. A name with spaces stands in quotes or
backticks. A request of more than 10,000 characters is not read. It must match as a whole: "read a.txt and fix it" is not half understood, it is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks for: a tool and its arguments, or one of our own answers ("greet", "help")."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)


_LONGEST_REQUEST = 10_000  # characters; the patterns take quadratic time on hostile text
_POLITE = re.compile(
    r"^(?:please|kindly|agent|hey|ok|okay|now|(?:can|could|would|will) you|i(?:'d| would) like you to|i want you to)\b[\s,:]*",
    re.IGNORECASE,
)
_THANKS = re.compile(r"[\s,]*\b(?:please|thanks|thank you|for me)[\s.?!]*$", re.IGNORECASE)
_NAME = r"""(?P<path>"[^"\n]+"|'[^'\n]+'|`[^`\n]+`|[^\s"'`]+)"""
_FOLDER = rf"(?:\s+(?:(?:in|of|inside|under|from)\s+)?(?:(?:the\s+)?(?:folder|directory|dir)\s+)?{_NAME})?"
# Where any word could follow, a file's name is told by quotes, a dot or a slash: "write a letter to mom" names none.
_FILE = r"""(?P<path>"[^"\n]+"|'[^'\n]+'|`[^`\n]+`|[^\s"'`]*[^\s"'`:][./][^\s"'`]+)"""
_THE_FILE = r"(?:(?:me|the|a|an|new)\s+)*(?:(?:contents?|text)\s+of\s+)?(?:the\s+)?(?:file\s+)?(?:(?:called|named)\s+)?"
_END = r"\s*[.?!]*$"
_SUM = re.compile(r"(?=.*\d)(?=.*[-+*/%(^])(?:[\d\s.,+\-*/%()^]|\b(?:sqrt|abs|round|min|max|pi)\b)+")
_SPOKEN = {
    "times": "*",
    "multiplied by": "*",
    "divided by": "/",
    "plus": "+",
    "minus": "-",
    "×": "*",
    "÷": "/",
    "^": "**",
}


def understand(text: str) -> Wish | None:
    """Return what a request asks for, or None when no rule matches it whole."""
    if len(text) > _LONGEST_REQUEST:
        return None
    for said in _with_less_and_less_courtesy(text.strip()):
        for pattern, read in _RULES:
            if (matched := pattern.match(said)) and (wish := read(matched)):
                return wish
    return None


def _with_less_and_less_courtesy(text: str) -> Iterator[str]:
    yield text
    while polite := _POLITE.match(text):
        text = text[polite.end() :]
    yield text
    yield _THANKS.sub("", text)


def _greet(_: re.Match[str]) -> Wish:
    return Wish("greet")


def _help(_: re.Match[str]) -> Wish:
    return Wish("help")


def _list(matched: re.Match[str]) -> Wish:
    return Wish("list_files", {"path": _path(matched) or "."})


def _read(matched: re.Match[str]) -> Wish:
    return Wish("read_file", {"path": _path(matched)})


def _write(matched: re.Match[str]) -> Wish:
    return Wish("write_file", {"path": _path(matched), "content": _unquote(matched.groupdict().get("text") or "")})


def _write_lines(matched: re.Match[str]) -> Wish:
    text = matched["text"]
    return Wish("write_file", {"path": _path(matched), "content": f"{text}\n" if "\n" in text else text})


def _run(matched: re.Match[str]) -> Wish:
    command = matched["command"].strip()
    is_quoted = len(command) > 2 and command[0] == command[-1] == "`" and "`" not in command[1:-1]
    return Wish("shell", {"command": command[1:-1] if is_quoted else command})


def _calculate(matched: re.Match[str]) -> Wish | None:
    expression = matched["sum"].strip().rstrip("=").strip()
    for spoken, sign in _SPOKEN.items():
        expression = re.sub(rf"\s*{re.escape(spoken)}\s*", f" {sign} ", expression, flags=re.IGNORECASE).strip()
    is_asked = matched["verb"] and matched["verb"].lower().startswith(("calc", "comp", "eval"))
    return Wish("calculate", {"expression": expression}) if is_asked or _SUM.fullmatch(expression) else None


def _path(matched: re.Match[str]) -> str:
    path = _unquote(matched.groupdict().get("path") or "")
    return path.rstrip("?!,") if path in (".", "..") else path.rstrip("?!,.")


def _unquote(text: str) -> str:
    text = text.strip()
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`"
    return text[1:-1] if is_quoted else text


def _rule(
    pattern: str, read: Callable[[re.Match[str]], Wish | None]
) -> tuple[re.Pattern[str], Callable[[re.Match[str]], Wish | None]]:
    return re.compile(pattern, re.IGNORECASE), read


_RULES = (
    _rule(r"(?:hello|hi|hey|greetings|good (?:morning|day|afternoon|evening))(?: there| agent)?" + _END, _greet),
    _rule(r"(?:help|usage|what can (?:you|i) do|how does this work|who are you|what are you)" + _END, _help),
    _rule(rf"(?:write|save)\s+(?:to|into|in)\s+{_THE_FILE}{_FILE}(?<!:)\s*:[ \t]*\n?(?P<text>(?s:.*))$", _write_lines),
    _rule(rf"(?:write|save|put)\s+{_THE_FILE}{_FILE}(?<!:)\s*:[ \t]*\n(?P<text>(?s:.*))$", _write_lines),
    _rule(rf"(?:write|save|put)\s+(?P<text>(?s:.+?))\s+(?:to|into|in)\s+{_THE_FILE}{_FILE}{_END}", _write),
    _rule(
        rf"(?:create|make|write)\s+{_THE_FILE}{_FILE}(?<!:)\s+(?:with|containing|saying)"
        r"(?:\s+the)?(?:\s+(?:contents?|text))?\s*:?\s*(?P<text>(?s:.+))$",
        _write,
    ),
    _rule(
        rf"(?:create|make)\s+(?:an?\s+)?(?:new\s+)?(?:empty\s+)?file\s+(?:(?:called|named)\s+)?{_FILE}{_END}", _write
    ),
    _rule(r"(?:run|execute)\s+(?:the\s+command\s+)?(?!(?:the|my|all|it|this|that|a)\b)(?P<command>(?s:.+))$", _run),
    _rule(r"\$\s*(?P<command>(?s:.+))$", _run),
    _rule(
        rf"(?:list|show|what)\s+(?:(?:me|all|the|is|are)\s+)*(?:files?|everything|folders?|directory){_FOLDER}{_END}",
        _list,
    ),
    _rule(
        rf"what(?:\s+files?)?\s+(?:are|is)(?:\s+(?:there|here))?\s+in\s+(?:(?:the\s+)?(?:folder|directory)\s+)?{_NAME}{_END}",
        _list,
    ),
    _rule(rf"what\s+files?\s+(?:are|is)\s+(?:there|here){_END}", _list),
    _rule(rf"(?:ls|dir|list){_FOLDER}{_END}", _list),
    _rule(r"(?P<verb>calculate|calc|compute|evaluate|what(?:'s| is)|how much is)?\s*(?P<sum>.+?)" + _END, _calculate),
    _rule(rf"(?:read|show|open|print|cat|display|view)\s+{_THE_FILE}{_NAME}{_END}", _read),
)
