"""Follow a session that another process is writing, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from rich.console import Console

from core.protocols import SessionStore
from core.types import Message
from servr.terminal.draw import draw_past

LOOK_EVERY_S = 0.5


async def watch(sessions: SessionStore, session_id: str, console: Console) -> None:
    """Draw the session's messages as they are saved. Raises: StoreError."""
    console.print(f"  watching {session_id}; Ctrl-C ends it", style="dim", markup=False)
    following = asyncio.ensure_future(_follow(sessions, session_id, console))
    with suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, following.cancel)
    try:
        with suppress(asyncio.CancelledError):
            await following
    finally:
        with suppress(NotImplementedError):
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)


async def _follow(sessions: SessionStore, session_id: str, console: Console) -> None:
    seen = 0
    while True:
        new = sessions.entries_after(session_id, seen)
        draw_past(console, [entry for _, entry in new if isinstance(entry, Message)])
        seen = new[-1][0] if new else seen
        await asyncio.sleep(LOOK_EVERY_S)
