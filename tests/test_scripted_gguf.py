from __future__ import annotations

import json
from typing import Any

import pytest

from tests.llama_client import Json, await_idle, busy_slots, chat, stream, tool_result, tool_spec, user
from tests.llama_server import Serve
from tests.scripted_gguf import UNSCRIPTED, Script

pytestmark = pytest.mark.llama

TOOLS = [tool_spec("list_files", "path"), tool_spec("shell", "command")]
UNICODE = "Grüße, 世界! \u2581 🎉🎉🎉 " + "na" * 60 + '\n\tthe "end"\\ </think>'
QUOTED = "printf '%s\\n' \"ü\" && echo '</tag>'"

SCRIPT = (
    Script()
    .on("hi", "Hello there.")
    .on("list the files", calls=[("list_files", {"path": "."})])
    .on("do both", "First, two things.", calls=[("list_files", {"path": "src"}), ("shell", {"command": QUOTED})])
    .on("in unicode", UNICODE)
    .on("count for ever", "one two three four ", endless=True)
    .on("Grüße", "A tail may be any text.")
    .on_result("step-1-done", "On to the next.", calls=[("shell", {"command": "step 2"})])
    .on_result("step-11-done", "That was the eleventh.")
    .on_result("", "The tool has answered.")
)
UNLISTED = ["format_disk", "list_filez", "read", "shell_2", "use_skill", "zzz"]
for name in UNLISTED:
    SCRIPT.on(f"call {name}", calls=[(name, {"path": "/", "count": 3}), ("shell", {"command": name})])


@pytest.fixture(scope="module")
def url(llama_server: Serve) -> str:
    return llama_server(SCRIPT)


def message_of(response: Json) -> Json:
    choice: Json = response["choices"][0]
    message: Json = choice["message"]
    return message


def calls_of(message: Json) -> list[tuple[str, Any]]:
    functions = [call["function"] for call in message.get("tool_calls", [])]
    return [(function["name"], json.loads(function["arguments"])) for function in functions]


def test_a_text_is_said_exactly_and_ends(url: str) -> None:
    response = chat(url, [user("well, hi")])
    assert message_of(response)["content"] == "Hello there."
    assert response["choices"][0]["finish_reason"] == "stop"


def test_the_text_is_the_same_at_a_high_temperature(url: str) -> None:
    assert message_of(chat(url, [user("hi")], temperature=1.5))["content"] == "Hello there."


def test_what_the_script_does_not_know_is_said_so(url: str) -> None:
    assert message_of(chat(url, [user("what is this?")]))["content"] == UNSCRIPTED


def test_unicode_and_repetitions_are_said_exactly(url: str) -> None:
    assert message_of(chat(url, [user("say it in unicode")]))["content"] == UNICODE


def test_a_streamed_text_is_never_cut_inside_a_character(url: str) -> None:
    with stream(url, [user("say it in unicode")]) as deltas:
        assert "".join(delta.get("content") or "" for delta in deltas) == UNICODE


def test_a_tail_may_be_unicode(url: str) -> None:
    assert message_of(chat(url, [user("Viele Grüße")]))["content"] == "A tail may be any text."


def test_a_call_becomes_a_native_tool_call(url: str) -> None:
    response = chat(url, [user("please list the files")], tools=TOOLS)
    message = message_of(response)
    assert calls_of(message) == [("list_files", {"path": "."})]
    assert not message["content"]
    assert response["choices"][0]["finish_reason"] == "tool_calls"


def test_one_reply_may_have_text_and_two_calls(url: str) -> None:
    message = message_of(chat(url, [user("now do both")], tools=TOOLS))
    assert message["content"] == "First, two things."
    assert calls_of(message) == [("list_files", {"path": "src"}), ("shell", {"command": QUOTED})]


def test_without_tools_the_call_is_text(url: str) -> None:
    message = message_of(chat(url, [user("please list the files")]))
    assert message["content"].startswith('<tool_call>\n{"name": "list_files"')


def test_tool_results_lead_on_by_their_tails(url: str) -> None:
    asked = [user("please list the files")]
    first = message_of(chat(url, asked, tools=TOOLS))
    call = first["tool_calls"][0]
    for result, said in (
        ("... step-1-done", "On to the next."),
        ("... step-11-done", "That was the eleventh."),
        ("a.txt", "The tool has answered."),
    ):
        assert message_of(chat(url, [*asked, first, tool_result(call, result)], tools=TOOLS))["content"] == said


def test_the_next_request_finds_its_whole_prefix_cached(url: str) -> None:
    asked = [{"role": "system", "content": "Be brief. " * 50}, user("list the files")]
    first = chat(url, asked, tools=TOOLS)
    message = message_of(first)
    second = chat(url, [*asked, message, tool_result(message["tool_calls"][0], "a.txt")], tools=TOOLS)
    cached = second["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert cached >= first["usage"]["prompt_tokens"]


def test_an_endless_reply_stops_when_the_client_hangs_up(url: str) -> None:
    with stream(url, [user("count for ever")]) as deltas:
        said = ""
        while len(said) < 200:
            said += next(deltas).get("content") or ""
        assert said.startswith("one two three four one two")
        assert busy_slots(url) == 1
    await_idle(url)


@pytest.mark.parametrize("name", UNLISTED)
def test_a_call_of_an_unlisted_tool_soon_ends_as_calls_of_listed_ones(url: str, name: str) -> None:
    response = chat(url, [user(f"call {name}")], tools=TOOLS, max_tokens=1000)
    assert {called for called, _ in calls_of(message_of(response))} <= {"list_files", "shell"}
    assert response["usage"]["completion_tokens"] < 100


def test_a_long_prompt_fits(url: str) -> None:
    response = chat(url, [user("x y " * 5000 + "hi")])
    assert message_of(response)["content"] == "Hello there."
    assert response["usage"]["prompt_tokens"] > 20_000


def test_a_system_message_in_mid_conversation_is_rejected_as_real_templates_do(url: str) -> None:
    with pytest.raises(AssertionError, match="must come first"):
        chat(url, [user("hi"), {"role": "system", "content": "Be good."}, user("hi")])


@pytest.mark.parametrize("tail", ["hi", "", "oh hi", "i"])
def test_an_ambiguous_script_is_refused(tail: str) -> None:
    script = Script().on("hi", "Hello.").on("", "What?")
    with pytest.raises(ValueError, match=r"two replies|also ends"):
        script.on(tail, "Again.")


@pytest.mark.parametrize(("tail", "say"), [("x", ""), ("<|im_end|>", "Hello.")])
def test_a_line_that_cannot_be_said_is_refused(tail: str, say: str) -> None:
    with pytest.raises(ValueError, match=r"no reply|marker"):
        Script().on(tail, say)
