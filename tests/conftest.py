"""Fixtures every test may use."""

from tests.llama_server import llama_server

__all__ = ["llama_server"]
