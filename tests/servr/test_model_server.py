from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.errors import ModelError
from servr.model_server import ModelServer
from servr.server_options import ServerOptions
from tests import needs
from tests.llama_client import chat, get, stream, user
from tests.scripted_gguf import Script

pytestmark = pytest.mark.llama

ROOT = Path(__file__).parents[2]
RUNSV = ROOT / "runsv.sh"
SCRIPT = Script().on("hi", "Hello.").on("count for ever", "one two three ", endless=True)
POSIX = pytest.mark.skipif(os.name != "posix", reason="runsv.sh and signals are POSIX")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs.llama()
    return SCRIPT.build(tmp_path_factory.mktemp("model server") / "scripted model.gguf")


@contextmanager
def running(*command: str | Path, cwd: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen([str(part) for part in command], stdout=pipe, stderr=pipe, text=True, cwd=cwd) as process:
        try:
            yield process
        finally:
            process.kill()


def url_in(ready_line: str) -> str:
    found = re.fullmatch(r"ready: (http://127\.0\.0\.1:\d+/v1) serves 'scripted model'; Ctrl-C stops it\n", ready_line)
    assert found, ready_line
    return found[1]


def ready_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return url_in(process.stdout.readline())


def refusal(*arguments: str | Path, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run it to its end and return the exit code and its only sentence."""
    command = [sys.executable, "-m", "servr.model_server", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, timeout=60)
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.returncode, done.stderr


def is_listening(url: str) -> bool:
    place = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((place.hostname, place.port)) == 0


def await_true(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@POSIX
def test_it_says_one_line_and_serves_the_model_by_its_name(model: Path) -> None:
    with running(RUNSV, model, "--port", "0") as process:
        url = ready_url(process)
        assert get(url, "/health") == {"status": "ok"}
        assert get(url, "/v1/models")["data"][0]["id"] == "scripted model"
        assert chat(url, [user("hi")])["choices"][0]["message"]["content"] == "Hello."
        process.terminate()
        rest, errors = process.communicate(timeout=5)
        assert (process.returncode, rest, errors) == (0, "", "")


@POSIX
@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_while_a_stream_is_open(model: Path, signal_name: str) -> None:

    with running(RUNSV, model, "--port", "0") as process:
        url = ready_url(process)
        with stream(url, [user("count for ever")]) as deltas:
            next(deltas)
            process.send_signal(signal.Signals[signal_name])
            assert process.wait(timeout=5) == 0
        assert not is_listening(url)


@POSIX
def test_the_server_does_not_outlive_a_killed_parent(model: Path) -> None:
    with running(RUNSV, model, "--port", "0") as process:
        url = ready_url(process)
        with stream(url, [user("count for ever")]) as deltas:
            next(deltas)
            process.kill()
            process.wait()
            await_true(lambda: not is_listening(url))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_server_that_dies_is_told(model: Path) -> None:
    with running(RUNSV, model, "--port", "0") as process:
        ready_url(process)
        os.kill(children_of(process.pid)[0], signal.SIGKILL)
        _, errors = process.communicate(timeout=5)
        assert process.returncode == 3
        assert errors.startswith("error: the model server ended on signal SIGKILL; ")


@POSIX
def test_it_works_through_a_symlink_from_another_folder(model: Path, tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()  # a folder that would hide ours, were it looked at
    (tmp_path / "core" / "__init__.py").write_text("raise SystemExit('the wrong core')")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "serve").symlink_to(os.path.relpath(RUNSV, tmp_path / "bin"))
    (tmp_path / "again").symlink_to("bin/serve")
    (tmp_path / "scripted model.gguf").symlink_to(model)
    with running(tmp_path / "again", "scripted model.gguf", "--port", "0", cwd=tmp_path) as process:
        assert is_listening(ready_url(process))


@POSIX
def test_verbose_shows_the_log(model: Path) -> None:
    with running(RUNSV, model, "--port", "0", "--verbose") as process:
        ready_url(process)
        process.terminate()
        rest, errors = process.communicate(timeout=5)
        assert rest == ""
        assert "llama" in errors


def test_a_missing_file_is_named() -> None:
    assert refusal("no such.gguf") == (2, "error: no model file 'no such.gguf'; give the path of a .gguf file\n")


def test_a_folder_is_no_model_file(tmp_path: Path) -> None:
    code, sentence = refusal(tmp_path)
    assert code == 2
    assert "Is a directory" in sentence


def test_a_file_that_is_no_gguf_is_refused() -> None:
    assert refusal("runsv.sh") == (2, "error: 'runsv.sh' is not a GGUF file; llama.cpp loads only that format\n")


@pytest.mark.parametrize("kept", [0.9, 0.01, 0.0])
def test_half_a_download_is_told(model: Path, tmp_path: Path, kept: float) -> None:
    whole = model.read_bytes()
    half = tmp_path / "half.gguf"
    half.write_bytes(whole[: max(4, int(len(whole) * kept))])
    code, sentence = refusal(half, "--port", "0")
    assert code == 3
    assert sentence.startswith(f"error: llama.cpp cannot serve {str(half)!r}: ")
    assert "fetch it again" in sentence
    if kept == 0.9:
        assert "data is not within the file bounds, model is corrupted or incomplete" in sentence


def test_a_port_in_use_is_told(model: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert refusal(model, "--port", str(port)) == (
            2,
            f"error: 127.0.0.1:{port} is in use; stop what listens there or choose another --port\n",
        )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_other_machines_need_a_key(model: Path, host: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "AGENT_SERVER_KEY"}
    code, sentence = refusal(model, "--host", host, env=env)
    assert code == 2
    assert "--api-key" in sentence
    assert "AGENT_SERVER_KEY" in sentence


def test_an_absent_package_is_named_with_its_installation(model: Path) -> None:
    bare = [sys.executable, "-S", "-m", "servr.model_server", str(model), "--port", "0"]
    done = subprocess.run(bare, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "error: xllamacpp is not installed; `make serve MODEL=FILE.gguf` installs it\n"


def test_a_key_is_asked_for_and_stands_in_no_command_line(model: Path) -> None:
    with ModelServer() as server:
        url = server.start(model, ServerOptions(host="0.0.0.0", api_key="sesame-street"))
        with pytest.raises(AssertionError, match="Invalid API Key"):
            chat(url, [user("hi")])
        if sys.platform == "linux":
            lines = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children_of(os.getpid())]
            assert lines
            assert not any(b"sesame" in line for line in lines)


def test_no_web_page_may_read_the_replies(model: Path) -> None:
    import http.client

    with ModelServer() as server:
        connection = http.client.HTTPConnection(urlsplit(server.start(model)).netloc)
        connection.request("GET", "/v1/models", headers={"Origin": "http://example.org"})
        with connection.getresponse() as response:
            assert response.headers.get("Access-Control-Allow-Origin") in (None, "")
        connection.close()


def test_a_server_stops_with_its_block_and_may_be_stopped_twice(model: Path) -> None:
    with ModelServer() as first, ModelServer() as second:
        urls = [first.start(model), second.start(model)]
        assert all(map(is_listening, urls))
        first.stop()
        assert [is_listening(url) for url in urls] == [False, True]
    assert not is_listening(urls[1])


def test_a_failed_start_leaves_nothing_to_stop(tmp_path: Path) -> None:
    needs.llama()
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(100))
    with ModelServer() as server, pytest.raises(ModelError):
        server.start(tmp_path / "bad.gguf")
