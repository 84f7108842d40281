"""Turns the error tree and the event union of `core` into their reference pages."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import get_args

from core import errors as error_tree
from core import events as event_union
from core import types
from core.errors import AgentError
from docs.table import code, page, table
from servr.terminal.main import STOPPED

_ERRORS = """# Errors and exit codes

An error is a sentence for one of three readers: the person at the terminal, the model, or the developer. The first two
are the classes below; anything else is a bug, whose traceback goes to the log file named in the message."""

_EXITS = [
    ("0", "the task was answered"),
    ("1", "a bug, or the reader of the output left (as `head` does)"),
    ("2", "the command line, a setting or a path is wrong; or another process writes this session"),
    ("3", "no usable reply from the model"),
    ("4", "a limit ended the run; `python cli.py resume` goes on"),
    ("5", "the database cannot be opened, read or written"),
    (str(STOPPED), "stopped by Ctrl-C"),
]

_PROGRAMS = """## In a program

`open_agent` and the methods of an agent raise these classes from `core.errors`. With `--output json` or `stream-json`
the last line carries `error` and `exit_code` too, and the sentence still goes to standard error."""

_EVENTS = """# Events

A run yields these, in order. `python cli.py run --output stream-json` prints each as one JSON object a line, then one
more object of type `result`; a program reads them from `Conversation.say(...)` or from `RunResult.trace`.

An event that tells of something lasting comes after that something is on disk. `text_delta`, `reasoning_delta` and
`waiting` are provisional: what counts is the message in `replied`."""

_RESULT = """## The last line: `result`

| field | what |
| --- | --- |
| `type` | `result` |
| `session` | the session's id, for `resume` |
| `answered` | whether the task was answered |
| `output` | the answer; empty when there is none |
| `error` | the sentence, or null |
| `exit_code` | the exit code of the process |
| `usage` | sums over the run, as the server counted; null where it did not |
| `steps` | each reply with the results of its calls |"""

_CHOICES = """## The values in them

A message's JSON leaves out the fields that are at their default.

A `role` is one of: {roles}.

A `finish` is one of: {finishes}. `cancelled` means that the person stopped the reply."""

_NOUNS = (types.Message, types.ToolCall, types.ToolResult, types.Usage)


def errors() -> str:
    """Return the page of errors and exit codes."""
    tree = (error_tree.__doc__ or "").partition("\n\n")[2].partition("\n\n")[0]
    classes = [
        found for found in vars(error_tree).values() if isinstance(found, type) and issubclass(found, AgentError)
    ]
    rows = [(code(found.__name__), str(found.exit_code), inspect.getdoc(found) or "") for found in classes]
    exits = "## Exit codes\n\n" + table(("code", "meaning"), _EXITS)
    tree_block = f"## The tree\n\n```\n{textwrap.dedent(tree)}\n```"
    return page("core/errors.py", _ERRORS, exits, tree_block, table(("class", "exit", "when"), rows), _PROGRAMS)


def events() -> str:
    """Return the page of events and the values in them."""
    rows = [
        (code(_snake(event)), _carried(event), inspect.getdoc(event) or "") for event in get_args(event_union.Event)
    ]
    choices = _CHOICES.format(roles=", ".join(get_args(types.Role)), finishes=", ".join(get_args(types.Finish)))
    kinds = table(("`type`", "fields", "what"), rows)
    return page("core/events.py and core/types.py", _EVENTS, kinds, _RESULT, choices, *map(_noun, _NOUNS))


def _carried(event: type) -> str:
    return ", ".join(code(f"{field.name}: {field.type}") for field in dataclasses.fields(event))


def _noun(noun: type) -> str:
    fields = table(("field", "type", "what"), _fields(noun))
    return f"### `{noun.__name__}`\n\n{inspect.getdoc(noun)}\n\n{fields}"


def _fields(noun: type) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and the comment behind each field of a dataclass."""
    comments = dict(re.findall(r"^    (\w+): .*?  # (.+)$", inspect.getsource(noun), re.MULTILINE))
    for field in dataclasses.fields(noun):
        yield code(field.name), code(str(field.type)), comments.get(field.name, "")


def _snake(event: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()
