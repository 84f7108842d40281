"""`sessions`: the list of sessions, newest first."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import click

from boot.home import open_sessions, prepare_home
from boot.settings import Settings
from servr.terminal.options import with_settings
from servr.terminal.text import one_line


@click.command("sessions", help="List the sessions, newest first; `resume ID` goes on with one.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many to list.")
@click.option("--output", type=click.Choice(("text", "json")), default="text", show_default=True)
@with_settings
def command(limit: int, output: str, settings: Settings) -> None:
    """List sessions."""
    prepare_home(settings)
    store = open_sessions(settings)
    found = store.list(limit)
    store.close()
    if output == "json":
        print(json.dumps([asdict(session) for session in found], ensure_ascii=False))
        return
    if not found:
        print("no sessions yet; `python cli.py` begins one")
    for session in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(session.updated))
        print(f"{session.id}  {when}  {session.messages:4d} messages  {one_line(session.title, 60)}")
