"""Make the home ready: the folders a first start creates, and the store in them."""

from __future__ import annotations

import os
from pathlib import Path

from boot.settings import Settings
from core.errors import StoreError, UsageError
from store.database import Database
from store.journal import SessionJournal


def prepare_home(settings: Settings) -> None:
    """Create the home's folders and look whether the workspace can be used. Raises: UsageError, StoreError."""
    try:
        settings.state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (settings.home_folder / "skills").mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot create the home {str(settings.home_folder)!r}: {error.strerror}; set AGENT_HOME to a folder you can"
            " write"
        ) from error
    workspace = settings.workspace_folder
    if not workspace.is_dir():
        raise UsageError(f"the workspace {str(workspace)!r} is no folder; create it or name another with --workspace")
    if inside(settings.state_folder, workspace):
        raise UsageError(f"the workspace {str(workspace)!r} is the agent's own state; name another with --workspace")
    if not os.access(workspace, os.R_OK | os.X_OK):
        raise UsageError(f"the workspace {str(workspace)!r} cannot be read; change its permissions or name another")


def open_sessions(settings: Settings) -> SessionJournal:
    """Open the home's session store. Raises: StoreError."""
    return SessionJournal(Database(settings.state_folder / "agent.db"), settings.state_folder / "locks")


def inside(folder: Path, path: Path) -> list[str]:
    """Return `path` relative to `folder` as a list of one, or an empty list where it is not inside."""
    real, inner = os.path.realpath(folder), os.path.realpath(path)
    return [os.path.relpath(inner, real)] if os.path.commonpath([real, inner]) == real else []
