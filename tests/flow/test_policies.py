"""Each policy alone, over sessions written down by hand."""

from __future__ import annotations

import pytest

from core.errors import LimitReached, ModelError
from core.protocols import Allow, Refuse
from core.types import Entry, Message, ToolCall
from flow.policies.empty_reply import NOTHING_SAID, ONLY_THOUGHT, EmptyReply
from flow.policies.repetition import Repetition
from flow.policies.step_limit import LAST_STEP, StepLimit
from tests.fakes import calls, says, session

ASKED = Message("user", "do it")
TEST = ToolCall("x", "shell", {"command": "pytest"})


def step(number: int, name: str, arguments: dict[str, str], result: str, refused: bool = False) -> list[Entry]:
    details = {"refused": True} if refused else {}
    return [
        calls((name, arguments), first_id=number),
        Message("tool", result, call_id=f"c{number}", details=details),
    ]


def failing_runs(*numbers: int) -> list[Entry]:
    return [entry for n in numbers for entry in step(n, "shell", {"command": "pytest"}, "1 failed")]


def edit(number: int) -> list[Entry]:
    return step(number, "write_file", {"content": f"try {number}"}, "written")


def test_steps_are_counted_from_the_runs_start() -> None:
    entries = [ASKED, *failing_runs(1, 2)]
    with pytest.raises(LimitReached, match=r"after 2 steps.*resume s1"):
        StepLimit(2, since=1).advise(session(*entries))
    assert StepLimit(3, since=1).advise(session(*entries)) == LAST_STEP
    assert StepLimit(2, since=len(entries)).advise(session(*entries)) is None


def test_a_run_of_one_step_is_not_told_that_it_is_the_last() -> None:
    assert StepLimit(1, since=1).advise(session(ASKED)) is None


def test_the_same_result_three_times_is_told_then_refused() -> None:
    policy = Repetition(since=1)
    assert policy.advise(session(ASKED, *failing_runs(1, 2))) is None
    three = session(ASKED, *failing_runs(1, 2, 3))
    assert "same result 3 times" in (policy.advise(three) or "")
    assert isinstance(policy.judge(three, TEST), Refuse)
    assert policy.judge(three, ToolCall("x", "shell", {"command": "ls"})) == Allow()


def test_running_the_tests_again_after_an_edit_is_no_repetition() -> None:
    entries = [
        ASKED,
        *failing_runs(1),
        *edit(2),
        *failing_runs(3),
        *edit(4),
        *failing_runs(5),
        *edit(6),
        *failing_runs(7),
    ]
    assert Repetition(since=1).advise(session(*entries)) is None
    assert Repetition(since=1).judge(session(*entries), TEST) == Allow()


def test_going_in_circles_between_two_calls_is_seen() -> None:
    def other(n: int) -> list[Entry]:
        return step(n, "read_file", {"path": "a"}, "A")

    entries = [ASKED, *failing_runs(1), *other(2), *failing_runs(3), *other(4), *failing_runs(5), *other(6)]
    assert isinstance(Repetition(since=1).judge(session(*entries), ToolCall("x", "read_file", {"path": "a"})), Refuse)


def test_a_call_with_another_result_each_time_may_go_on() -> None:
    entries = [entry for n in range(1, 9) for entry in step(n, "shell", {"command": "date"}, f"second {n}")]
    assert Repetition(since=1).judge(session(ASKED, *entries), ToolCall("x", "shell", {"command": "date"})) == Allow()


def test_a_model_that_does_not_listen_is_stopped_and_can_be_resumed() -> None:
    refusals = [e for n in (4, 5, 6) for e in step(n, "shell", {"command": "pytest"}, "Not run", refused=True)]
    entries = [ASKED, *failing_runs(1, 2, 3), *refusals]
    with pytest.raises(LimitReached, match="keeps calling 'shell'"):
        Repetition(since=1).advise(session(*entries))
    assert Repetition(since=len(entries)).advise(session(*entries)) is None


def test_an_empty_reply_is_asked_again_twice() -> None:
    policy = EmptyReply(since=1)
    assert policy.advise(session(ASKED)) is None
    assert policy.advise(session(ASKED, says(" \n"))) == NOTHING_SAID
    assert policy.advise(session(ASKED, says(""), Message("assistant", reasoning="hm"))) == ONLY_THOUGHT
    with pytest.raises(ModelError, match="3 empty replies"):
        policy.advise(session(ASKED, says(""), says(""), says("")))


def test_empty_replies_of_an_earlier_run_do_not_count() -> None:
    entries = [ASKED, says(""), says(""), says("")]
    assert EmptyReply(since=len(entries)).advise(session(*entries)) is None
