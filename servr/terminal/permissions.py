"""`permissions`: what a person decided for good in a workspace, and taking a decision back."""

from __future__ import annotations

import os
from collections.abc import Iterator

import click

from boot.home import open_permissions, prepare_home
from boot.settings import Settings
from core.protocols import Permissions
from servr.terminal.options import with_settings
from servr.terminal.text import one_line


@click.command(
    "permissions", help="List what was allowed or refused for good in the workspace; --forget takes it back."
)
@click.option("--forget", "number", metavar="NUMBER", type=click.IntRange(1), help="Take back this decision.")
@with_settings
def command(settings: Settings, number: int | None) -> None:
    """List or forget decisions."""
    prepare_home(settings)
    workspace = os.path.realpath(settings.workspace_folder)
    with open_permissions(settings) as permissions:
        if number is not None:
            permissions.forget(workspace, number)
        for line in permission_lines(permissions, workspace):
            print(line)


def permission_lines(permissions: Permissions, workspace: str) -> Iterator[str]:
    """Yield a line for each decision; commands are whole and exact, so a long one is cut only to be shown."""
    found = permissions.list(os.path.realpath(workspace))
    if not found:
        yield f"nothing was decided for good in {workspace}"
    for each in found:
        what = f"{each.opening.kind} {each.opening.path}".strip() if each.opening else "no sandbox"
        yield f"{each.number}  {'allowed' if each.allowed else 'refused'}  {what}  {one_line(each.command, 80)}"
