"""A web address turned into text a model can read, marked as what it is: data from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from core.types import Effect, ToolResult
from tool.declare import Tool, tool

if TYPE_CHECKING:
    from tool.web.addresses import Resolve
    from tool.web.request import Limits


def fetch_tool(allowed: Sequence[str] = (), *, limits: Limits | None = None, resolver: Resolve | None = None) -> Tool:
    """Make the tool that reads the public web, and of other networks only what `allowed` names as "HOST:PORT".

    Raises: UsageError for an allowance of another form.
    """
    places = _places(allowed) if allowed else frozenset()

    @tool(effect=Effect.NETWORK)
    async def fetch(
        url: Annotated[str, "an http:// or https:// address"],
        raw: Annotated[bool, "the text as it was sent, instead of Markdown"] = False,
    ) -> ToolResult:
        """Get a public web page as Markdown, or other text as it is."""
        from tool.web.visit import visit  # with the first call, because start-up counts

        return await visit(url.strip(), raw, places, limits, resolver)

    return fetch


def _places(allowed: Sequence[str]) -> frozenset[str]:
    from tool.web.target import parse_place

    return frozenset(map(parse_place, allowed))
