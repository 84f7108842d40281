"""Nothing gets out, and everything harmless goes on working."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import needs
from tests.security.attacks import ATTACKS, CONTROLS
from tests.security.cases import Attack, Control
from tests.security.runner import Siege, is_possible
from tool.sandbox.level import probe

pytestmark = pytest.mark.slow  # hundreds of sandboxed programs take minutes

_SHOWN = [each for each in ATTACKS if each.is_shown]


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    needs.bubblewrap()
    with Siege(tmp_path_factory.mktemp("arena") / "place") as siege:
        yield siege


@pytest.fixture(scope="module")
def open_field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with Siege(tmp_path_factory.mktemp("field") / "place") as siege:
        yield siege


@pytest.mark.parametrize("attack", ATTACKS, ids=[each.id for each in ATTACKS])
def test_an_attack_is_blocked(siege: Siege, attack: Attack) -> None:
    if not is_possible(attack, probe()[0]):
        pytest.skip("it would harm this machine, which has no namespaces to keep it in")
    outcome = siege.attack(attack)
    assert not outcome.fired, outcome.answer


@pytest.mark.slow
@pytest.mark.parametrize("attack", _SHOWN, ids=[each.id for each in _SHOWN])
def test_an_attack_works_where_nothing_is_in_its_way(open_field: Siege, attack: Attack) -> None:
    outcome = open_field.attack_plainly(attack)
    assert outcome.fired, outcome.answer


@pytest.mark.parametrize("control", CONTROLS, ids=[each.id for each in CONTROLS])
def test_a_harmless_use_goes_on_working(siege: Siege, control: Control) -> None:
    if control.needs:
        needs.program(control.needs)
    assert siege.arena.filled(control.wanted) in siege.control(control)


def test_there_are_enough_of_each() -> None:
    assert len({each.id for each in ATTACKS}) == len(ATTACKS) >= 200
    assert {each.tool for each in ATTACKS} == {"shell", "pyexe", "skill", "files", "fetch"}
    assert len(CONTROLS) >= 30
