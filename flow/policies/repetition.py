"""Notices a model that goes in circles: the same call, the same result, and nothing new in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from core.errors import LimitReached
from core.protocols import Allow, Refuse, Verdict
from core.session import Session
from core.types import Entry, Message, ToolCall

SAME_RESULTS = 3
MOST_REFUSALS = 3


class Repetition:
    """Advises after three same results of a same call, then refuses that call, then ends the run.

    A call counts only while nothing new happens: running the tests again after an edit is no repetition. Refusals are
    counted in the run, which began when the session had `since` entries.
    """

    def __init__(self, since: int) -> None:
        self._since = since

    def judge(self, session: Session, call: ToolCall) -> Verdict:
        """Refuse a call whose last three results were the same."""
        if _repeats(session)[_key(call)] < SAME_RESULTS:
            return Allow()
        return Refuse(f"Not run: {call.name!r} gave the same result {SAME_RESULTS} times. Do something else or answer.")

    def advise(self, session: Session) -> str | None:
        """Say that a call repeats itself. Raises: LimitReached when refusing it did not help."""
        repeats = _repeats(session)
        run = list(_results(session.entries[self._since :]))
        refused = [call for call, result in run if _is_refused(result) and repeats[_key(call)] >= SAME_RESULTS]
        if len(refused) >= MOST_REFUSALS:
            raise LimitReached(
                f"stopped: the model keeps calling {refused[-1].name!r} with the same arguments and the same result;"
                f" say what to do differently, or go on with `python cli.py resume {session.id}`"
            )
        if not run or _is_refused(run[-1][1]) or repeats[_key(run[-1][0])] != SAME_RESULTS:
            return None
        return f"{run[-1][0].name!r} gave the same result {SAME_RESULTS} times for the same arguments. Try another way."


def _repeats(session: Session) -> Counter[str]:
    """Count, for each call of the turn, its results since something new happened."""
    seen: set[tuple[str, str]] = set()
    counts: Counter[str] = Counter()
    for call, result in _results(session.turn()):
        if _is_refused(result):
            continue
        pair = (_key(call), result.content)
        if pair not in seen:
            counts.clear()
        seen.add(pair)
        counts[pair[0]] += 1
    return counts


def _results(entries: Sequence[Entry]) -> Iterator[tuple[ToolCall, Message]]:
    """Yield the calls among `entries` with their results, in order."""
    calls: dict[str, ToolCall] = {}
    for entry in entries:
        if isinstance(entry, Message):
            calls |= {call.id: call for call in entry.tool_calls}
            if entry.call_id in calls:
                yield calls[entry.call_id], entry


def _is_refused(result: Message) -> bool:
    return bool(result.details.get("refused"))


def _key(call: ToolCall) -> str:
    return f"{call.name} {call.arguments!r}"
