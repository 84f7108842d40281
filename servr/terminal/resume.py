"""`resume`: go on with a session where it stopped, in the chat or headless."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import AsyncGenerator

import click

from boot.home import open_sessions, prepare_home
from boot.settings import Settings
from boot.wire import Agent, Conversation
from core.errors import UsageError
from core.events import Event
from core.types import SessionSummary
from servr.terminal.options import with_settings
from servr.terminal.run import OUTPUTS, run_headless


@click.command("resume", help="Go on with session ID, or the newest one, where it stopped.")
@click.argument("session_id", metavar="[ID]", required=False)
@click.option("--output", type=click.Choice(OUTPUTS), help="Finish the open turn, print it so, and do not chat.")
@with_settings
def command(session_id: str | None, output: str | None, settings: Settings) -> int:
    """Resume a session."""
    session = find_session(settings, session_id)
    if settings.origin["workspace"] != "--workspace":
        settings = dataclasses.replace(settings, workspace=session.workspace)
    if output is None and sys.stdin.isatty() and sys.stdout.isatty():
        from servr.terminal.chat import open_chat

        return open_chat(settings, resume=session.id)

    def begin(agent: Agent) -> tuple[Conversation, AsyncGenerator[Event, None]]:
        conversation = agent.resume(session.id)
        return conversation, conversation.go_on()

    return asyncio.run(run_headless(settings, begin, output or "text"))


def find_session(settings: Settings, session_id: str | None) -> SessionSummary:
    """Return the named session, or the one used last. Raises: UsageError if there is none."""
    prepare_home(settings)
    store = open_sessions(settings)
    try:
        found = [store.find(session_id)] if session_id else store.list(1)
    finally:
        store.close()
    if not found:
        raise UsageError("there is no session to resume; `python cli.py` begins one")
    return found[0]
