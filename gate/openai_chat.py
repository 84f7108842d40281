"""Turns a Request into a streamed reply of any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from core.errors import ModelError
from core.events import ModelEvent, Waiting
from core.types import Request
from gate.connection import load_backend, open_client
from gate.endpoint import parse_endpoint
from gate.faults import Faults, is_lost_connection
from gate.patience import Patience
from gate.refusal import Refusal, read_refusal
from gate.reply import ReplyBuilder
from gate.reply_stream import ReplyStream
from gate.request_body import BodyEncoder

if TYPE_CHECKING:
    import httpx

_LONGEST_REFUSAL = 64 << 10  # bytes read of an error's body


class OpenAIChat:
    """A model behind an OpenAI-compatible server.

    Without a `model` none is sent, which llama.cpp, LM Studio and vLLM answer with the one they have; a server that
    insists on a name is asked for its list once, and the first is taken. No limit on how long a reply takes: only on
    `idle_timeout_s` without a byte, and on `load_timeout_s` of "loading" or "busy" without a change.
    """

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        *,
        api_key: str | None = None,
        temperature: float | None = None,
        idle_timeout_s: float = 600.0,
        load_timeout_s: float = 600.0,
        connect_timeout_s: float = 10.0,
    ) -> None:
        self._endpoint = parse_endpoint(base_url)
        self._model = model
        self._api_key = (api_key or "").strip()
        self._connect_timeout_s = connect_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._load_timeout_s = load_timeout_s
        self._faults = Faults(self._endpoint, self._api_key, connect_timeout_s, idle_timeout_s)
        self._bodies = BodyEncoder(temperature=temperature, sends_reasoning=not self._endpoint.is_tls)
        self._client: httpx.AsyncClient | None = None

    @property
    def name(self) -> str:
        """The model's name, or the server's address until a name is known."""
        return self._model or self._endpoint.shown

    async def warm_up(self) -> None:
        """Load the HTTP client, so that the first request need not wait for it. Opens no connection."""
        self._connect()
        await load_backend()

    async def reply(self, request: Request) -> AsyncGenerator[ModelEvent, None]:
        """Stream one reply; the last event is the whole assistant Message. Raises: ModelError, UsageError."""
        patience = Patience(self._load_timeout_s)
        while (stream := await self._open(request, patience)) is None:
            if reason := patience.take_news():
                yield Waiting(reason)
            await asyncio.sleep(patience.delay_s)
        async with stream:
            while (deltas := await stream.read()) is not None:
                for delta in deltas:
                    yield delta
        yield stream.message()

    async def list_models(self) -> list[str]:
        """Return the names of the server's models in its order. Raises: ModelError."""
        client = self._connect()
        import httpx

        try:
            response = await client.get(self._endpoint.models_url)
        except httpx.RequestError as error:
            raise self._faults.of_transport(error) from error
        if response.status_code != 200:
            refusal = read_refusal(response.status_code, response.content, "")
            raise self._faults.of_refusal(refusal, self._model, ())
        return self._read_models(response.content)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client:
            await client.aclose()

    def _connect(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = open_client(self._endpoint, self._api_key, self._connect_timeout_s, self._idle_timeout_s)
        return self._client

    async def _open(self, request: Request, patience: Patience) -> ReplyStream | None:
        """Ask for a reply and wait for its first byte; None when it is to be asked again. Raises: ModelError."""
        client = self._connect()
        import httpx

        body = self._bodies.encode(request, self._model)
        try:
            sent = client.build_request("POST", self._endpoint.chat_url, content=body)
            response = await client.send(sent, stream=True)
            if response.status_code == 200:
                return await self._begin(response, request)
            refusal = await self._read_refusal(response)
        except httpx.RequestError as error:
            # Nothing of a reply has come, so asking once more repeats nothing.
            if is_lost_connection(error) and patience.forgives("lost connection"):
                return None
            raise self._faults.of_transport(error) from error
        await self._judge(refusal, patience)
        return None

    async def _begin(self, response: httpx.Response, request: Request) -> ReplyStream:
        taken = (call.id for message in request.messages for call in message.tool_calls)
        stream = ReplyStream(response, ReplyBuilder(taken), self._faults)
        async with AsyncExitStack() as on_failure:
            await on_failure.enter_async_context(stream)
            await stream.begin()
            on_failure.pop_all()
        return stream

    async def _read_refusal(self, response: httpx.Response) -> Refusal:
        body = b""
        try:
            if response.has_redirect_location:
                raise self._faults.redirected(response.headers["location"])
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _LONGEST_REFUSAL:
                    break
        finally:
            await response.aclose()
        return read_refusal(response.status_code, body, response.headers.get("retry-after", ""))

    async def _judge(self, refusal: Refusal, patience: Patience) -> None:
        """Return when the request may be sent again. Raises: ModelError when it may not."""
        if refusal.is_temporary:
            reason = f"the model server is not ready yet ({self._faults.quote(refusal.message) or refusal.status})"
            if patience.waits(reason, refusal.retry_after_s):
                return
            raise self._faults.never_ready(refusal, self._load_timeout_s)
        if refusal.status >= 500 and patience.forgives("server error"):
            return
        if refusal.lacks_model and not self._model and patience.forgives("no model named"):
            self._model = await self._choose_model()
            return
        models = await self._models_if_listed() if refusal.lacks_model else []
        raise self._faults.of_refusal(refusal, self._model, models)

    async def _choose_model(self) -> str:
        models = [name for name in await self.list_models() if "embed" not in name.lower()]
        if not models:
            raise self._faults.no_model_loaded()
        return models[0]

    async def _models_if_listed(self) -> list[str]:
        try:
            return await self.list_models()
        except ModelError:  # only adds to a sentence that is told anyway
            return []

    def _read_models(self, body: bytes) -> list[str]:
        try:
            listed = json.loads(body)
            return [str(entry["id"]) for entry in listed["data"] or ()]
        except (ValueError, RecursionError, TypeError, KeyError) as error:
            raise self._faults.no_model_server("its list of models cannot be read") from error
