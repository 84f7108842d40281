"""`settings`: every setting, its value and where the value comes from."""

from __future__ import annotations

import click

from boot.settings import SETTINGS, Settings, variable_of
from servr.terminal.options import with_settings


@click.command("settings", help="Show every setting, its value and where it comes from.")
@with_settings
def command(settings: Settings) -> None:
    """Show the settings."""
    for name, setting in SETTINGS.items():
        value = getattr(settings, name)
        if value is not None and setting.metadata["secret"]:
            value = "(hidden)"
        print(f"{variable_of(name)} = {_shown(value)}  ({settings.origin[name]})\n    {setting.metadata['help']}")


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        value = ",".join(value)
    if value is None or value == "":
        return "-"
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
