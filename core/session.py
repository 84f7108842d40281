"""A session: the conversation in memory, which grows only by what is already on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from core.types import Entry, Head, Message, ToolCall


class SessionLog(Protocol):
    """Where a session is written. Each call is one durable commit or raises StoreError and changes nothing."""

    def append(self, entry: Entry, started: Sequence[str]) -> None:
        """Write an entry, and that the calls with the ids `started` may be running from now on."""
        ...

    def hold(self, call_id: str) -> None:
        """Write that a call, counted as started with its reply, waits for approval and has not run."""
        ...

    def start(self, call_id: str) -> None:
        """Write that a held call was approved and may be running from now on."""
        ...

    def close(self) -> None:
        """Give up the right to write this session."""
        ...


class Session:
    """Head, entries in order, and which calls a dead process may have run. Decides alone what comes next."""

    def __init__(
        self,
        id: str,
        head: Head,
        log: SessionLog,
        entries: Iterable[Entry] = (),
        in_doubt: Iterable[str] = (),
    ) -> None:
        self.id = id
        self.head = head
        self._log = log
        self._entries = list(entries)
        self._messages = [entry for entry in self._entries if isinstance(entry, Message)]
        # Calls with an effect that may have run though no result is on disk. Effects run one by one and results are
        # saved in order, so of the calls an earlier process had marked, only the first without a result can have run.
        self.in_doubt = {call.id for call in self.pending_calls()[:1]} & set(in_doubt)

    @property
    def entries(self) -> Sequence[Entry]:
        """Messages and notices, oldest first."""
        return self._entries

    @property
    def messages(self) -> Sequence[Message]:
        """The messages alone, oldest first."""
        return self._messages

    def append(self, entry: Entry, started: Sequence[str] = ()) -> None:
        """Write `entry`, then remember it. Raises: StoreError, with nothing changed."""
        self._log.append(entry, started)
        self._entries.append(entry)
        if isinstance(entry, Message):
            self._messages.append(entry)
            self.in_doubt.discard(entry.call_id)

    def hold(self, call: ToolCall) -> None:
        """Write that `call` waits for approval, so that a crash meanwhile leaves no doubt: it has not run."""
        self._log.hold(call.id)

    def start(self, call: ToolCall) -> None:
        """Write that `call` was approved and may be running from now on."""
        self._log.start(call.id)

    def close(self) -> None:
        """Let another process write this session."""
        self._log.close()

    def last_reply(self) -> Message | None:
        """Return the newest assistant message."""
        return next((m for m in reversed(self._messages) if m.role == "assistant"), None)

    def pending_calls(self) -> tuple[ToolCall, ...]:
        """Return the calls of the newest reply that have no result yet, in call order."""
        answered = set()
        for message in reversed(self._messages):
            if message.role != "tool":
                return tuple(call for call in message.tool_calls if call.id not in answered)
            answered.add(message.call_id)
        return ()

    def is_answered(self) -> bool:
        """Whether nothing is left to do: no message yet, or the newest is a reply that ends its turn."""
        if not self._messages:
            return True
        last = self._messages[-1]
        if last.role != "assistant" or last.tool_calls:
            return False
        return last.finish in ("cancelled", "refused") or (last.finish != "length" and not last.is_empty)

    def turn(self) -> Sequence[Entry]:
        """Return the entries since the newest user message, that message included."""
        for index in range(len(self._entries) - 1, -1, -1):
            entry = self._entries[index]
            if isinstance(entry, Message) and entry.role == "user":
                return self._entries[index:]
        return self._entries[:]
