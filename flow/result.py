"""What a finished run is, computed from its session and events, so that it cannot disagree with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.events import Event
from core.types import Entry, Message, Usage


@dataclass(frozen=True, slots=True)
class Step:
    """One reply and the results of its calls."""

    reply: Message
    results: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run's answer and how it came about."""

    session_id: str
    output: str
    usage: Usage  # sums over the run's replies; None where no reply had the number
    steps: tuple[Step, ...]
    trace: tuple[Event, ...]  # every event of the run, in order


def steps_of(entries: Sequence[Entry]) -> tuple[Step, ...]:
    """Group the replies among `entries` with the results that follow each."""
    steps: list[Step] = []
    for entry in entries:
        if isinstance(entry, Message) and entry.role == "assistant":
            steps.append(Step(entry, ()))
        elif isinstance(entry, Message) and entry.role == "tool" and steps:
            steps[-1] = Step(steps[-1].reply, (*steps[-1].results, entry))
    return tuple(steps)


def total_usage(replies: Iterable[Message]) -> Usage:
    """Add up what replies cost."""
    usages = [reply.usage for reply in replies if reply.usage]

    def total(name: str) -> float | None:
        numbers = [value for usage in usages if (value := getattr(usage, name)) is not None]
        return sum(numbers) if numbers else None

    def count(name: str) -> int | None:
        number = total(name)
        return None if number is None else int(number)

    return Usage(
        prompt_tokens=count("prompt_tokens"),
        completion_tokens=count("completion_tokens"),
        cached_tokens=count("cached_tokens"),
        prompt_s=total("prompt_s"),
        completion_s=total("completion_s"),
    )
