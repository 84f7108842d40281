"""Turns an HTTP answer that is no reply into what it means: wait, name a model, or give up and why."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_LACKS_MODEL = (
    "not found",
    "not exist",
    "required",
    "missing",
    "no model",
    "not loaded",
    "unknown model",
    "invalid model",
    "must provide",
    "specify",
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with an error status. `message` is the server's own, "" when it gave none."""

    status: int
    message: str
    retry_after_s: float | None = None

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later: the model is loading or the server is busy."""
        is_told_to_wait = self.status == 503 or (self.status == 429 and self.retry_after_s is not None)
        text = self.message.lower()
        return is_told_to_wait or ("loading" in text and "model" in text and "fail" not in text)

    @property
    def has_no_model(self) -> bool:
        """Whether the server says that none is loaded."""
        text = self.message.lower()
        return any(words in text for words in ("no models loaded", "no model loaded", "no model is loaded"))

    @property
    def lacks_model(self) -> bool:
        """Whether the request's model is the trouble: not named, or not there."""
        text = self.message.lower()
        return self.status in (400, 404, 422) and "model" in text and any(words in text for words in _LACKS_MODEL)


def read_refusal(status: int, body: bytes, retry_after: str) -> Refusal:
    """Read the shapes in which servers say what is wrong; `retry_after` is the header, or ""."""
    try:
        message = error_message(json.loads(body))
    except (ValueError, RecursionError):  # HTML or plain text: not meant for people who asked a model
        message = ""
    seconds = retry_after.strip()
    return Refusal(status, message, float(seconds) if seconds.isascii() and seconds.isdigit() else None)


def error_message(value: Any) -> str:
    """Return the sentence in `{"error": {"message": ...}}`, `{"error": "..."}`, `{"detail": [...]}` and the like."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(filter(None, map(error_message, value)))
    if not isinstance(value, dict):
        return ""
    if isinstance(value.get("msg"), str):  # one entry of a FastAPI validation error
        return f"{'.'.join(map(str, value.get('loc', ())))}: {value['msg']}"
    found = (error_message(value.get(key)) for key in ("error", "message", "detail"))
    return next(filter(None, found), "")
