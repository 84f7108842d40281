"""What a person decided for good, turned into rows of the database, and back."""

from __future__ import annotations

import time
from collections.abc import Sequence

from core.errors import StoreError, UsageError
from core.types import Opening, OpeningKind, Permission
from store.database import Database
from store.entries import storable

_COLUMNS = "workspace, tool, command, kind, path, allowed, number"


class StoredPermissions:
    """The decisions of one database. A command is compared to its last character; nothing stands for anything else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, workspace: str, tool: str, command: str, opening: Opening | None) -> bool | None:
        """Return False if the command is refused for good, True if it may have this very opening, else None.

        Raises: StoreError.
        """
        decided = [rule for rule in self.list(workspace) if (rule.tool, rule.command) == (tool, command)]
        if any(not rule.allowed for rule in decided):
            return False
        return True if any(rule.opening == opening for rule in decided) else None

    def remember(self, permission: Permission) -> None:
        """Save a decision in place of an earlier one about the same.

        Raises: StoreError, also for a text that UTF-8 cannot hold: it would be saved as another one.
        """
        if storable(permission.command) != permission.command:
            raise StoreError(f"the command {permission.command!r} is no plain text, so it cannot be remembered")
        kind, path = (permission.opening.kind, permission.opening.path) if permission.opening else ("", "")
        texts = (permission.workspace, permission.tool, permission.command, str(kind), path)
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO permission (workspace, tool, command, kind, path, allowed, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET allowed = excluded.allowed",
                (*map(storable, texts), permission.allowed, time.time()),
            )

    def list(self, workspace: str) -> Sequence[Permission]:
        """Return a workspace's decisions, oldest first. Raises: StoreError."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM permission WHERE workspace = ? ORDER BY number", (storable(workspace),)
            ).fetchall()
        return [
            Permission(where, tool, command, _opening(kind, path), bool(allowed), number)
            for where, tool, command, kind, path, allowed, number in rows
        ]

    def forget(self, workspace: str, number: int) -> None:
        """Take back one decision. Raises: UsageError if there is none of that number, StoreError."""
        with self._database.write() as connection:
            gone = connection.execute(
                "DELETE FROM permission WHERE workspace = ? AND number = ?", (storable(workspace), number)
            ).rowcount
        if not gone:
            numbers = ", ".join(str(each.number) for each in self.list(workspace)) or "none"
            raise UsageError(f"no permission {number} in the workspace {workspace!r}; there are: {numbers}")


def _opening(kind: str, path: str) -> Opening | None:
    return Opening(OpeningKind(kind), path) if kind else None
