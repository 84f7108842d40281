"""Follow a session that another process is writing, until it is stopped."""

from __future__ import annotations

import asyncio

from rich.console import Console

from core.protocols import SessionStore
from core.types import Message
from servr.terminal.draw import draw_past

LOOK_EVERY_S = 0.5


async def watch(sessions: SessionStore, session_id: str, console: Console) -> None:
    """Draw the session's messages as they are saved, until cancelled. Raises: StoreError."""
    console.print(f"  watching {session_id}; Ctrl-C ends it", style="dim", markup=False)
    seen = 0
    while True:
        new = sessions.entries_after(session_id, seen)
        draw_past(console, [entry for _, entry in new if isinstance(entry, Message)])
        seen = new[-1][0] if new else seen
        await asyncio.sleep(LOOK_EVERY_S)
