"""`resume`: go on with a session where it stopped, in the chat or headless."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator

import click

from boot.settings import Settings
from boot.wire import Agent, Conversation
from core.errors import UsageError
from core.events import Event
from servr.terminal.options import with_settings
from servr.terminal.run import OUTPUTS, run_headless
from servr.terminal.sessions import find_session, settings_of


@click.command("resume", help="Go on with session ID, or the newest one, where it stopped.")
@click.argument("session_id", metavar="[ID]", required=False)
@click.option("--output", type=click.Choice(OUTPUTS), help="Finish the open turn, print it so, and do not chat.")
@with_settings
def command(session_id: str | None, output: str | None, settings: Settings) -> int:
    """Resume a session."""
    session = find_session(settings, session_id)
    settings = settings_of(settings, session)
    if output is None and sys.stdin.isatty() and sys.stdout.isatty():
        from servr.terminal.chat import open_chat

        return open_chat(settings, resume=session.id)

    def begin(agent: Agent) -> tuple[Conversation, AsyncGenerator[Event, None]]:
        conversation = agent.resume(session.id)
        if not conversation.session.messages:
            raise UsageError(f"session {session.id!r} was ended before its first message; begin a new one")
        return conversation, conversation.go_on()

    return asyncio.run(run_headless(settings, begin, output or "text"))
