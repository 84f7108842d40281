from __future__ import annotations

from tool.sandbox.mounts import Access
from tool.sandbox.seatbelt import seatbelt_command

PATHS = {"/w/.agent": Access.HIDDEN, "/w": Access.WRITE, "/w/skills": Access.READ}


def profile(network: bool = False) -> list[str]:
    return seatbelt_command(PATHS, network=network)[2].splitlines()


def test_what_is_not_named_is_denied_and_what_is_protected_comes_after_what_is_open() -> None:
    rules = profile()
    assert rules[:2] == ["(version 1)", "(deny default)"]
    opened = rules.index('(allow file-read* file-write* (subpath "/w"))')
    assert opened < rules.index('(deny file-read* file-write* (subpath "/w/.agent"))')
    assert opened < rules.index('(deny file-write* (subpath "/w/skills"))')


def test_the_network_is_only_in_the_profile_that_opens_it() -> None:
    assert not any("network" in rule for rule in profile())
    assert any("network-outbound" in rule for rule in profile(network=True))


def test_a_path_cannot_end_its_rule() -> None:
    rules = seatbelt_command({'/w")) (allow default) ((subpath "\\': Access.WRITE}, network=False)[2]
    assert r'(subpath "/w\")) (allow default) ((subpath \"\\"))' in rules
