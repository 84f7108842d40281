"""Turns the chunks of a streamed chat completion, or one whole completion, into deltas and at last a Message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.events import ReasoningDelta, TextDelta
from core.types import Finish, Message, Usage
from gate.call_fragments import CallFragments, fragments_of

_LENGTH = ("length", "max_tokens", "model_length")
_BROKEN = ("abort", "error")


class ReplyBuilder:
    """Assembles one reply. `taken` are the tool-call ids the session already knows."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.is_finished = False  # a finish reason came, or the server said it is done
        self.model = ""  # what the server calls the model that replied
        self._finish_reason = ""
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls = CallFragments(taken)
        self._usage: Mapping[str, Any] = {}
        self._timings: Mapping[str, Any] = {}

    @property
    def was_aborted(self) -> bool:
        """Whether the server itself says that it broke the reply off."""
        return self._finish_reason in _BROKEN

    def add(self, chunk: Mapping[str, Any]) -> list[TextDelta | ReasoningDelta]:
        """Take a chunk and return the text in it."""
        if isinstance(model := chunk.get("model"), str):
            self.model = model
        self._usage = _mapping(chunk.get("usage")) or self._usage
        self._timings = _mapping(chunk.get("timings")) or self._timings
        choices = chunk.get("choices")
        choice = _mapping(choices[0]) if isinstance(choices, list) and choices else {}
        if reason := choice.get("finish_reason"):
            self._finish_reason = str(reason)
            self.is_finished = True
        return self._add_delta(_mapping(choice.get("delta")) or _numbered(_mapping(choice.get("message"))))

    def message(self) -> Message:
        """Return the whole reply."""
        was_cut_off = self._finish_reason in _LENGTH
        calls = self._calls.calls(was_cut_off)
        finish: Finish = "length" if was_cut_off else "tool_calls" if calls else "stop"
        if self._finish_reason == "content_filter":
            finish = "refused"
        return Message(
            "assistant",
            content="".join(self._content),
            reasoning="".join(self._reasoning),
            tool_calls=calls,
            finish=finish,
            usage=read_usage(self._usage, self._timings),
        )

    def _add_delta(self, delta: Mapping[str, Any]) -> list[TextDelta | ReasoningDelta]:
        events: list[TextDelta | ReasoningDelta] = []
        if reasoning := _text(delta.get("reasoning_content")) or _text(delta.get("reasoning")):
            self._reasoning.append(reasoning)
            events.append(ReasoningDelta(reasoning))
        if content := _text(delta.get("content")):
            self._content.append(content)
            events.append(TextDelta(content))
        for fragment in fragments_of(delta):
            self._calls.add(fragment)
        return events


def read_usage(usage: Mapping[str, Any], timings: Mapping[str, Any]) -> Usage | None:
    """Read OpenAI's `usage` and llama.cpp's `timings`; None when they say nothing.

    A server that reports a prompt of 0 tokens does not count, so 0 there means unknown.
    """
    details = _mapping(usage.get("prompt_tokens_details"))
    cached = _count(details.get("cached_tokens"), timings.get("cache_n"))
    evaluated = _count(timings.get("prompt_n"))
    whole_prompt = None if evaluated is None else evaluated + (cached or 0)
    prompt = _count(usage.get("prompt_tokens")) or whole_prompt
    read = Usage(
        prompt_tokens=prompt,
        completion_tokens=_count(usage.get("completion_tokens"), timings.get("predicted_n")) if prompt else None,
        cached_tokens=cached,
        prompt_s=_seconds(timings.get("prompt_ms")),
        completion_s=_seconds(timings.get("predicted_ms")),
    )
    return None if read == Usage() else read


def _count(*values: Any) -> int | None:
    """Return the first value that is a count."""
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool) and v >= 0), None)


def _seconds(milliseconds: Any) -> float | None:
    is_time = isinstance(milliseconds, int | float) and 0 <= milliseconds < float("inf")
    return milliseconds / 1000 if is_time else None


def _text(value: Any) -> str:
    """Return a delta's text; a list of parts, as some servers send it, is joined."""
    if isinstance(value, list):
        return "".join(part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str))
    return value if isinstance(value, str) else ""


def _numbered(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a whole message as one delta: each of its calls is whole, so each gets an index of its own."""
    calls = [{**call, "index": index} for index, call in enumerate(fragments_of(message))]
    return {**message, "tool_calls": calls}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
