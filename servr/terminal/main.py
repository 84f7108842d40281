"""Turn the command line into one call of a command, and every error into a sentence and an exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from types import TracebackType

from core.errors import AgentError, UsageError

STOPPED = 130  # what a shell expects of a program that Ctrl-C ended


def main(arguments: Sequence[str]) -> int:
    """Run one command. Returns: the process's exit code."""
    sys.excepthook = report_bug
    try:
        return _dispatch(list(arguments))
    except AgentError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped; `python cli.py resume` goes on", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # the reader of our output left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _dispatch(arguments: list[str]) -> int:
    try:
        import click
    except ModuleNotFoundError as error:
        raise UsageError("the packages are not installed for this Python; run `make chat` once") from error

    from servr.terminal.commands import group

    try:
        result = group.main(arguments, prog_name="cli.py", standalone_mode=False)
    except click.ClickException as error:
        raise UsageError(f"{error.format_message()} `python cli.py --help` shows what there is.") from error
    except click.Abort:
        raise KeyboardInterrupt from None
    return result if isinstance(result, int) else 0


def report_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write a bug's traceback to the log and tell the person where it is; show it where there can be no log."""
    from boot.logs import open_log
    from boot.settings import load_settings

    try:
        settings = load_settings()
        folder = settings.state_folder / "logs"
        open_log(folder, settings.log_level, [settings.api_key])
    except (AgentError, OSError):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("agent").critical("unexpected %s", kind.__name__, exc_info=(kind, error, trace))
    print(f"error: the agent has a bug ({kind.__name__}: {error}); please report {folder}/agent.log", file=sys.stderr)
