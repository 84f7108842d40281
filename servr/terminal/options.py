"""The options that every command which opens an agent takes, before or after the command's name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from boot.settings import Settings, load_settings

FLAGS = {
    "model_url": click.option("--model-url", metavar="URL", help="An OpenAI-compatible server."),
    "model": click.option("--model", metavar="NAME", help="The model, as its server names it; `rules` for none."),
    "workspace": click.option("--workspace", metavar="DIR", help="The folder the tools may touch."),
    "max_steps": click.option("--max-steps", metavar="N", help="Most replies of the model in one run."),
    "approvals": click.option("--approvals", metavar="MODE", help="plan, ask or auto: what may be done unasked."),
    "offline": click.option("--offline", is_flag=True, default=None, help="Open no connection but the model's."),
    "without_sandbox": click.option(
        "--dangerously-without-sandbox",
        "without_sandbox",
        is_flag=True,
        default=None,
        help="Run what the model writes as you, with your files and keys in its reach, and never ask.",
    ),
}


def agent_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of FLAGS to a command."""
    for option in reversed(FLAGS.values()):
        command = option(command)
    return command


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of FLAGS and call the command with `settings` made of them."""

    @functools.wraps(command)
    def with_merged(*arguments: Any, **options: Any) -> Any:
        flags = {name: options.pop(name) for name in FLAGS}
        return command(*arguments, settings=merged_settings(flags), **options)

    return agent_options(with_merged)


def merged_settings(flags: dict[str, Any]) -> Settings:
    """Return the settings; a flag after the command's name wins over one before it. Raises: UsageError."""
    before = click.get_current_context().obj or {}
    chosen = {name: before.get(name) if flag is None else flag for name, flag in flags.items()}
    without_sandbox = bool(chosen.pop("without_sandbox"))
    return load_settings(chosen, without_sandbox=without_sandbox)
