"""Turns a Request into the JSON bytes of a chat completion, so that each request of a session begins with the last one.

Servers reuse their KV cache for the part of a prompt that has not changed; the same care makes the body itself cheap:
a message is encoded once. Messages come last, so all but the closing brackets of one body is a prefix of the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.encoding import to_json
from core.types import Message, Request, ToolCall


class BodyEncoder:
    """Writes bodies; remembers the encoded messages of the last one.

    With `sends_reasoning` a reply that called tools carries its reasoning back as `reasoning_content`: models that think
    between calls (gpt-oss, DeepSeek, Kimi, GLM) lose the thread without it. Local servers ignore the field where their
    template has no use for it; hosted ones with a strict schema (Groq, Mistral) answer it with 400.
    """

    def __init__(self, *, temperature: float | None, sends_reasoning: bool) -> None:
        self._temperature = temperature
        self._sends_reasoning = sends_reasoning
        self._known: list[tuple[Message, bytes]] = []

    def encode(self, request: Request, model: str | None) -> bytes:
        """Return the body. Lone surrogates, which UTF-8 cannot carry, become question marks."""
        head = request.head
        options: dict[str, Any] = {"model": model} if model else {}
        options |= {"stream": True, "stream_options": {"include_usage": True}}
        if self._temperature is not None:
            options["temperature"] = self._temperature
        tools = "" if head.tools == "[]" else f', "tools": {head.tools}'
        start = f'{to_json(options)[:-1]}{tools}, "messages": ['
        system = [_utf8(to_json({"role": "system", "content": head.system}))] if head.system else []
        return _utf8(start) + b", ".join(system + self._encode_messages(request.messages)) + b"]}"

    def _encode_messages(self, messages: Sequence[Message]) -> list[bytes]:
        same = 0
        for (known, _), message in zip(self._known, messages, strict=False):
            if known is not message and known != message:
                break
            same += 1
        del self._known[same:]
        self._known += [(message, _utf8(to_json(self._fields(message)))) for message in messages[same:]]
        return [text for _, text in self._known]

    def _fields(self, message: Message) -> dict[str, Any]:
        # An assistant's content is "" beside its calls: null breaks templates that add strings, and some servers
        # refuse a message without it.
        fields: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.role == "tool":
            fields["tool_call_id"] = message.call_id
        if message.tool_calls:
            if message.reasoning and self._sends_reasoning:
                fields["reasoning_content"] = message.reasoning
            fields["tool_calls"] = [_call(call) for call in message.tool_calls]
        return fields


def _call(call: ToolCall) -> dict[str, Any]:
    # Always JSON, "{}" for a call whose arguments could not be decoded: servers parse them again, and what they cannot
    # parse would make them refuse every later request of the session.
    function = {"name": call.name, "arguments": to_json(dict(call.arguments))}
    return {"id": call.id, "type": "function", "function": function}


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
