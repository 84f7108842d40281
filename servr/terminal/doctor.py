"""`doctor`: what the agent stands on here, and what to do about what is missing."""

from __future__ import annotations

import asyncio

import click

from boot.health import examine
from boot.settings import Settings
from servr.terminal.options import with_settings

MARKS = {"ok": "ok     ", "weak": "weaker ", "missing": "MISSING"}


@click.command("doctor", help="Look at the sandbox, the model, the home and the packages, and say what is missing.")
@with_settings
def command(settings: Settings) -> int:
    """Print the findings. Returns: 1 when something is missing."""
    return asyncio.run(_print(settings))


async def _print(settings: Settings) -> int:
    missing = 0
    async for finding in examine(settings):
        print(f"{MARKS[finding.state]}  {finding.what}: {finding.told}")
        missing += finding.state == "missing"
    return 1 if missing else 0
