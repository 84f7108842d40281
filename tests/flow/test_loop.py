"""The loop, with a scripted model and tools that answer at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from core.errors import LimitReached, ModelError, StoreError
from core.events import Answered, Asked, CallFinished, CallStarted, Event, Replied
from core.protocols import Allow, Approval, Approver, Ask, Policy, Refuse, Verdict
from core.session import Session
from core.types import Message, Notice, Opening, OpeningKind, ToolCall, ToolResult
from flow.approver import NobodyThere
from flow.calls import AFTER_DOUBT, IN_DOUBT
from flow.loop import run
from flow.policies.cut_off import CutOff
from tests.fakes import Hands, MemoryLog, ScriptedModel, calls, collect, says, session

ASKED = Message("user", "do it")


class Verdicts:
    """A policy that gives one verdict to every call, and one piece of advice."""

    def __init__(self, verdict: Verdict | None = None, advice: str | None = None) -> None:
        self._verdict = verdict or Allow()
        self._advice = advice

    def judge(self, session: Session, call: ToolCall) -> Verdict:
        return self._verdict

    def advise(self, session: Session) -> str | None:
        advice, self._advice = self._advice, None
        return advice


class Person:
    refusal = "the user said no."

    def __init__(self, answer: Approval) -> None:
        self._answer = answer
        self.questions: list[str] = []

    async def approve(self, call: ToolCall, ask: Ask) -> Approval:
        self.questions.append(ask.question)
        return self._answer


def go(
    session: Session,
    model: ScriptedModel,
    tools: Hands | None = None,
    policies: Sequence[Policy] = (),
    approver: Approver | None = None,
) -> list[Event]:
    return asyncio.run(collect(run(session, model, tools or Hands(), policies, approver or NobodyThere())))


def test_a_reply_without_calls_answers_the_turn() -> None:
    events = go(session(ASKED), ScriptedModel([says("hello")]))
    assert events[-1] == Answered("hello")


def test_a_call_is_run_and_its_result_is_in_the_next_request() -> None:
    model = ScriptedModel([calls(("read_file", {"path": "a"})), says("it says A")])
    events = go(session(ASKED), model, Hands(read_file="A"))
    assert [m.role for m in model.requests[1].messages] == ["user", "assistant", "tool"]
    assert model.requests[1].messages[2].content == "A"
    assert list(model.requests[1].messages[:1]) == list(model.requests[0].messages)
    assert [type(e).__name__ for e in events] == [
        *("Replied", "CallStarted", "CallFinished", "TextDelta", "Replied", "Answered")
    ]


def test_an_answered_session_asks_nothing() -> None:
    model = ScriptedModel([])
    assert go(session(ASKED, says("done")), model) == [Answered("done")]
    assert model.requests == []


def test_results_stand_in_call_order_though_reads_run_side_by_side() -> None:
    class Slow(Hands):
        """The first read ends only after the second has begun."""

        def __init__(self) -> None:
            super().__init__()
            self.second_began = asyncio.Event()

        async def run(self, call: ToolCall, opening: Opening | None = None) -> ToolResult:
            if call.id == "c1":
                await asyncio.wait_for(self.second_began.wait(), 5)
            self.second_began.set()
            return ToolResult(f"result of {call.id}")

    async def main() -> list[Event]:
        model = ScriptedModel([calls(("read_file", {}), ("read_file", {"n": 2})), says("ok")])
        return await collect(run(session(ASKED), model, Slow(), (), NobodyThere()))

    finished = [e.result.content for e in asyncio.run(main()) if isinstance(e, CallFinished)]
    assert finished == ["result of c1", "result of c2"]


def test_calls_that_change_something_run_one_by_one() -> None:
    order: list[str] = []

    class Recording(Hands):
        async def run(self, call: ToolCall, opening: Opening | None = None) -> ToolResult:
            order.append(f"begin {call.id}")
            await asyncio.sleep(0)
            order.append(f"end {call.id}")
            return ToolResult("ok")

    go(session(ASKED), ScriptedModel([calls(("write", {}), ("write", {"n": 2})), says("ok")]), Recording())
    assert order == ["begin c1", "end c1", "begin c2", "end c2"]


def test_calls_with_an_effect_are_marked_started_with_their_reply() -> None:
    log = MemoryLog()
    go(session(ASKED, log=log), ScriptedModel([calls(("read_file", {}), ("write", {})), says("ok")]))
    assert log.started == {"c2"}


def test_a_call_in_doubt_is_not_run_again_and_the_model_is_told() -> None:
    tools = Hands()
    model = ScriptedModel([says("I looked")])
    interrupted = session(ASKED, calls(("write", {}), ("write", {"n": 2})), in_doubt=["c1", "c2"])
    go(interrupted, model, tools)
    assert tools.ran == []
    assert [m.content for m in model.requests[0].messages[2:]] == [IN_DOUBT, AFTER_DOUBT]


def test_a_read_that_was_interrupted_is_simply_run_again() -> None:
    tools = Hands(read_file="A")
    model = ScriptedModel([says("ok")])
    go(session(ASKED, calls(("read_file", {}))), model, tools)
    assert tools.ran == ["c1"]


def test_only_the_first_unanswered_call_can_have_run() -> None:
    """Effects run one by one: while a read before them is pending, they have not begun."""
    tools = Hands()
    interrupted = session(ASKED, calls(("read_file", {}), ("write", {})), in_doubt=["c2"])
    go(interrupted, ScriptedModel([says("ok")]), tools)
    assert tools.ran == ["c1", "c2"]


def test_a_result_that_could_not_be_saved_leaves_its_call_in_doubt() -> None:
    log = MemoryLog()

    class FillsTheDisk(Hands):
        async def run(self, call: ToolCall, opening: Opening | None = None) -> ToolResult:
            log.fails = True
            return await super().run(call)

    tools = FillsTheDisk()
    open_session = session(ASKED, log=log)
    with pytest.raises(StoreError):
        go(open_session, ScriptedModel([calls(("write", {}))]), tools)
    log.fails = False
    model = ScriptedModel([says("ok")])
    go(open_session, model, tools)
    assert tools.ran == ["c1"]
    assert model.requests[0].messages[-1].content == IN_DOUBT


def test_a_refused_call_is_not_run_and_the_model_reads_why() -> None:
    tools = Hands()
    model = ScriptedModel([calls(("write", {})), says("ok")])
    go(session(ASKED), model, tools, [Verdicts(Refuse("not on my watch"))])
    assert tools.ran == []
    assert model.requests[1].messages[-1].content == "not on my watch"
    assert model.requests[1].messages[-1].is_error


def test_the_strictest_policy_wins() -> None:
    person = Person(Approval.ONCE)
    tools = Hands()
    policies = [Verdicts(Ask("may it?")), Verdicts(Refuse("no")), Verdicts()]
    go(session(ASKED), ScriptedModel([calls(("write", {})), says("ok")]), tools, policies, person)
    assert (tools.ran, person.questions) == ([], [])


@pytest.mark.parametrize(
    ("answer", "ran"),
    [(Approval.ONCE, ["c1"]), (Approval.ALWAYS, ["c1"]), (Approval.NO, []), (Approval.NEVER, [])],
)
def test_a_person_decides_what_a_policy_asks(answer: Approval, ran: list[str]) -> None:
    log = MemoryLog()
    tools = Hands()
    model = ScriptedModel([calls(("write", {})), says("ok")])
    network = Opening(OpeningKind.NETWORK)
    events = go(session(ASKED, log=log), model, tools, [Verdicts(Ask("may it?", network))], Person(answer))
    assert tools.ran == ran
    assert tools.openings == [network for _ in ran]
    assert log.held == ["c1"]
    assert (log.started == {"c1"}) is bool(ran)
    assert any(isinstance(e, Asked) and e.question == "may it?" for e in events)
    assert not any(isinstance(e, CallStarted) for e in events)


@pytest.mark.parametrize(
    ("answer", "saved"), [(Approval.ONCE, []), (Approval.ALWAYS, [True]), (Approval.NO, []), (Approval.NEVER, [False])]
)
def test_an_answer_for_good_is_saved_by_who_asked(answer: Approval, saved: list[bool]) -> None:
    remembered: list[bool] = []
    model = ScriptedModel([calls(("write", {})), says("ok")])
    ask = Ask("may it?", remember=remembered.append)
    go(session(ASKED), model, policies=[Verdicts(ask)], approver=Person(answer))
    assert remembered == saved


def test_headless_means_no_and_the_run_goes_on() -> None:
    model = ScriptedModel([calls(("write", {})), says("I could not")])
    events = go(session(ASKED), model, policies=[Verdicts(Ask("may it?"))])
    assert "nobody is here" in model.requests[1].messages[-1].content
    assert events[-1] == Answered("I could not")


def test_advice_joins_the_last_result_and_is_kept() -> None:
    model = ScriptedModel([says("ok")])
    advised = session(ASKED, calls(("read_file", {})), Message("tool", "A", call_id="c1"))
    go(advised, model, policies=[Verdicts(advice="hurry")])
    assert model.requests[0].messages[-1].content == "A\n\n[notice] hurry"
    assert Notice("hurry") in advised.entries


def test_a_reply_cut_off_inside_a_call_is_never_executed() -> None:
    tools = Hands()
    model = ScriptedModel([calls(("write", {}), finish="length"), says("ok")])
    go(session(ASKED), model, tools, [CutOff()])
    assert tools.ran == []
    assert "cut off" in model.requests[1].messages[-1].content


def test_an_answer_cut_off_is_no_answer() -> None:
    with pytest.raises(LimitReached, match="cut off"):
        go(session(ASKED), ScriptedModel([says("half a sen", finish="length")]), policies=[CutOff()])


def test_a_model_that_fails_leaves_the_turn_open() -> None:
    broken = session(ASKED)
    with pytest.raises(ModelError):
        go(broken, ScriptedModel([ModelError("no reply")]))
    assert not broken.is_answered()
    assert go(broken, ScriptedModel([says("now")]))[-1] == Answered("now")


def test_an_event_comes_only_after_what_it_tells_is_saved() -> None:
    log = MemoryLog()

    async def main() -> None:
        told = session(ASKED, log=log)
        async for event in run(told, ScriptedModel([calls(("write", {})), says("ok")]), Hands(), (), NobodyThere()):
            if isinstance(event, Replied):
                assert told.messages[-1] == event.message
            if isinstance(event, CallFinished):
                assert told.messages[-1].call_id == event.call.id

    asyncio.run(main())


def test_cancelling_a_run_cancels_its_tools() -> None:
    async def main() -> bool:
        running, cancelled = asyncio.Event(), asyncio.Event()

        class Endless(Hands):
            async def run(self, call: ToolCall, opening: Opening | None = None) -> ToolResult:
                running.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    cancelled.set()
                raise AssertionError

        stream = run(session(ASKED), ScriptedModel([calls(("write", {}))]), Endless(), (), NobodyThere())
        task = asyncio.ensure_future(collect(stream))
        await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return cancelled.is_set()

    assert asyncio.run(main())
