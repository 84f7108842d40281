from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from core.errors import ToolError
from tests.tool.sandbox.processes import children, descriptors
from tool.sandbox.inside import growth
from tool.sandbox.inside.protocol import MOST_BYTES, Channel
from tool.sandbox.lane import Lane, LaneEnded, Program


def program(code: str) -> Program:
    """Return a stand-in for a sandbox; the code begins with the channel as `agent`."""
    start = "import os, sys; from tool.sandbox.inside.protocol import Channel; agent = Channel.inherited(os.dup(0))\n"
    folder = str(Path(__file__).parents[3])
    return Program([sys.executable, "-c", start + code], {"PYTHONPATH": folder}, folder, has_namespaces=True)


def test_messages_come_whole_with_their_files() -> None:
    one, other = Channel.pair()
    reading, writing = os.pipe()
    one.send({"a": 1}, b"x\n\0" * 1000, [writing])
    packet = other.receive()
    assert (packet.header, packet.body) == ({"a": 1}, b"x\n\0" * 1000)
    assert not os.get_inheritable(packet.files[0])
    os.close(writing)
    packet.close()
    assert os.read(reading, 1) == b""
    os.close(reading)
    one.close()
    with pytest.raises(EOFError):
        other.receive()
    other.close()


@pytest.mark.parametrize("junk", [b"x", b"[" * 100_000, b"[1]\nbody", b"\xff\xfe", b"{", b'{"a": NaN'])
def test_junk_is_one_message_that_says_nothing(junk: bytes) -> None:
    one, other = Channel.pair()
    os.write(one.fileno(), junk)
    one.send({"a": 1})
    assert other.receive().header == {}
    assert other.receive().header == {"a": 1}
    one.close()
    other.close()


def test_the_largest_message_fits() -> None:
    one, other = Channel.pair()
    one.send({}, b"x" * MOST_BYTES)
    assert len(other.receive().body) == MOST_BYTES
    one.close()
    other.close()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('no such namespace'); sys.exit(1)", "the sandbox does not start: no such namespace"),
        ("sys.exit(0)", "the sandbox does not start: it does not answer"),
    ],
)
def test_a_sandbox_that_does_not_get_ready_is_reported(code: str, said: str) -> None:
    before = (descriptors(), children())
    with pytest.raises(ToolError, match=said):
        asyncio.run(Lane(program(code)).ready())
    assert (descriptors(), children()) in (before, (before[0] + 1, before[1]))


def test_a_program_that_is_not_there_is_reported() -> None:
    with pytest.raises(ToolError, match="the sandbox does not start: No such file or directory"):
        Lane(Program(["/no/such/program"], {}, "/", has_namespaces=True))


@pytest.mark.parametrize(
    "code", ["agent.receive()", "os.close(0); agent.receive(); os.kill(os.getpid(), 9)", "agent.close()"]
)
def test_a_sandbox_that_ends_during_a_call_is_told_apart(code: str) -> None:
    async def scenario() -> None:
        lane = Lane(program(f"agent.send({{'ready': True}}); {code}"))
        await lane.ready()
        with pytest.raises(LaneEnded):
            await lane.call({}, b"", timeout_s=5, write=lambda data: None)
        assert not lane.is_alive

    asyncio.run(scenario())


def test_a_supervisor_that_does_not_answer_is_ended() -> None:
    async def scenario() -> None:
        lane = Lane(program("agent.send({'ready': True}); agent.receive(); agent.receive()"))
        await lane.ready()
        with pytest.raises(LaneEnded):
            await lane.call({}, b"", timeout_s=-4.9, write=lambda data: None)  # so late is too late
        assert not lane.is_alive

    asyncio.run(scenario())


def test_a_file_system_that_fills_by_others_is_no_growth(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    watched = growth.Growth(str(mine), 8 << 20)
    other.write_bytes(b"x" * (32 << 20))
    assert not watched.is_over()
    (mine / "file").write_bytes(b"x" * (32 << 20))
    assert watched.is_over()
