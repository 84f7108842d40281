"""A fixture that turns a script into the base URL of a real llama.cpp server whose model says it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from servr.model_server import ModelServer
from servr.server_options import ServerOptions
from tests import needs
from tests.scripted_gguf import Script

Serve = Callable[[Script], str]


@pytest.fixture(scope="session")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Serve scripts: `url = llama_server(script)`. Equal scripts share one server until the tests end."""
    needs.llama()
    urls: dict[str, str] = {}
    with ExitStack() as servers:

        def serve(script: Script) -> str:
            key = script.key()
            if key not in urls:
                path = script.build(tmp_path_factory.mktemp("llama") / "scripted.gguf")
                server = servers.enter_context(ModelServer())
                urls[key] = server.start(path, ServerOptions(context=0, parallel=4))
            return urls[key]

        yield serve
