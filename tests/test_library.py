"""The agent inside another program."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import pytest

from boot.wire import open_agent
from core.errors import UsageError
from core.events import Answered
from tests.gate.raw_server import RawServer, says
from tests.test_run import calls


def test_a_program_gets_output_usage_steps_and_trace(tmp_path: Path) -> None:
    async def main() -> None:
        exchanges = [[calls(("calculate", {"expression": "2+2"}))], [says("four")]]
        async with RawServer(exchanges) as server, open_agent(home=str(tmp_path), model_url=server.url) as agent:
            result = await agent.run("add")
        assert result.output == "four"
        assert [len(step.results) for step in result.steps] == [1, 0]
        assert result.steps[0].results[0].content == "4"
        assert result.trace[-1] == Answered("four")

    asyncio.run(main())


def test_a_programs_own_function_is_a_tool(tmp_path: Path) -> None:
    asked: list[str] = []

    def weather(city: Annotated[str, "a city's name"], days: int = 1) -> str:
        """Tell the weather."""
        asked.append(f"{city} {days}")
        return "rain"

    async def main() -> None:
        exchanges = [[calls(("weather", {"city": "Ulm"}))], [says("rain in Ulm")]]
        async with RawServer(exchanges) as server, open_agent(home=str(tmp_path), model_url=server.url) as agent:
            result = await agent.run("how is it in Ulm?", tools=[weather])
        spec = next(t["function"] for t in server.asked[0].json()["tools"] if t["function"]["name"] == "weather")
        assert spec["parameters"]["properties"]["city"] == {"type": "string", "description": "a city's name"}
        assert result.steps[0].results[0].content == "rain"

    asyncio.run(main())
    assert asked == ["Ulm 1"]


def test_run_sync_needs_no_event_loop(tmp_path: Path) -> None:
    agent = open_agent(home=str(tmp_path), model="rules")
    assert agent.run_sync("calculate 6*7").output == "6*7 = 42"
    assert agent.run_sync("calculate 6+7").output == "6+7 = 13"


def test_run_sync_inside_a_loop_names_the_other_way(tmp_path: Path) -> None:
    async def main() -> None:
        open_agent(home=str(tmp_path), model="rules").run_sync("calculate 1+1")

    with pytest.raises(UsageError, match="await agent"):
        asyncio.run(main())


def test_several_agents_run_side_by_side(tmp_path: Path) -> None:
    async def one(number: int) -> str:
        home = tmp_path / str(number % 2)
        home.mkdir(exist_ok=True)
        async with open_agent(home=str(home), model="rules") as agent:
            results = await asyncio.gather(*(agent.run(f"calculate {number}*{n}") for n in range(5)))
            return "; ".join(result.output for result in results)

    async def main() -> list[str]:
        return await asyncio.gather(*map(one, range(4)))

    answers = asyncio.run(main())
    assert answers == ["; ".join(f"{number}*{n} = {number * n}" for n in range(5)) for number in range(4)]


def test_a_conversation_keeps_its_thread(tmp_path: Path) -> None:
    async def main() -> list[str]:
        async with RawServer([[says("one")], [says("two")]]) as server:
            async with open_agent(home=str(tmp_path), model_url=server.url) as agent:
                conversation = agent.begin()
                for text in ("first", "second"):
                    async for _ in conversation.say(text):
                        pass
            return [message["content"] for message in json.loads(server.asked[1].body)["messages"][1:]]

    assert asyncio.run(main()) == ["first", "one", "second"]


def test_a_setting_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no setting 'colour'"):
        open_agent(colour="red")


def test_an_agent_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(open_agent(model="rules").run("calculate 1+1"))
