from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import StoreError, UsageError
from core.types import Opening, OpeningKind, Permission
from store.database import Database
from store.permissions import StoredPermissions

NETWORK = Opening(OpeningKind.NETWORK)
GIT = Opening(OpeningKind.GIT)
RULE = Permission("/w", "shell", "git push", NETWORK, True)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "agent.db")
    yield database
    database.close()


@pytest.fixture
def permissions(database: Database) -> StoredPermissions:
    return StoredPermissions(database)


def test_a_decision_holds_for_exactly_what_it_was_about(permissions: StoredPermissions) -> None:
    permissions.remember(RULE)
    assert permissions.find("/w", "shell", "git push", NETWORK) is True
    for workspace, tool, command, opening in [
        ("/w/", "shell", "git push", NETWORK),
        ("/w", "fetch", "git push", NETWORK),
        ("/w", "shell", "git push ", NETWORK),
        ("/w", "shell", "git push; id", NETWORK),
        ("/w", "shell", "GIT PUSH", NETWORK),
        ("/w", "shell", "git pus", NETWORK),
        ("/w", "shell", "git push", GIT),
        ("/w", "shell", "git push", None),
        ("/w", "shell", "git push\0", NETWORK),
    ]:
        assert permissions.find(workspace, tool, command, opening) is None


def test_a_path_is_part_of_the_decision(permissions: StoredPermissions) -> None:
    there = Opening(OpeningKind.PATH, "/data/a")
    permissions.remember(replace(RULE, command="ls /data/a", opening=there))
    assert permissions.find("/w", "shell", "ls /data/a", there) is True
    assert permissions.find("/w", "shell", "ls /data/a", Opening(OpeningKind.PATH, "/data")) is None


def test_a_refusal_holds_whatever_the_command_needs(permissions: StoredPermissions) -> None:
    permissions.remember(RULE)
    permissions.remember(replace(RULE, opening=GIT, allowed=False))
    assert permissions.find("/w", "shell", "git push", NETWORK) is False
    assert permissions.find("/w", "shell", "git push", None) is False


def test_texts_that_cannot_be_saved_apart_are_not_taken_for_each_other(permissions: StoredPermissions) -> None:
    with pytest.raises(StoreError, match="cannot be remembered"):
        permissions.remember(replace(RULE, command="git push \udc80"))
    assert permissions.find("/w", "shell", "git push \udc80", NETWORK) is None
    assert permissions.list("/w") == []


def test_a_later_decision_takes_the_place_of_an_earlier_one(permissions: StoredPermissions) -> None:
    permissions.remember(RULE)
    permissions.remember(replace(RULE, allowed=False))
    permissions.remember(RULE)
    assert [rule.allowed for rule in permissions.list("/w")] == [True]


def test_decisions_are_listed_and_taken_back_one_by_one(database: Database) -> None:
    permissions = StoredPermissions(database)
    permissions.remember(RULE)
    permissions.remember(replace(RULE, opening=None, command="make"))
    permissions.remember(replace(RULE, workspace="/other"))
    first, second = StoredPermissions(database).list("/w")
    assert (first, second.opening) == (replace(RULE, number=first.number), None)
    permissions.forget("/w", first.number)
    assert permissions.list("/w") == [second]
    with pytest.raises(
        UsageError, match=rf"no permission {first.number} in the workspace '/w'; there are: {second.number}"
    ):
        permissions.forget("/w", first.number)
    (other,) = permissions.list("/other")
    with pytest.raises(UsageError):
        permissions.forget("/w", other.number)
