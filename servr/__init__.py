"""The doors: everything that serves the agent to someone, and the local model server behind it.

A door parses what someone asks, drives the agent that `boot` wires, and shows the events it yields. `terminal/` serves
a person at a prompt; `model_server.py`, which `runsv.sh` starts, serves a GGUF file to any OpenAI-compatible client.

Read first: terminal/chat.py
May import: core, boot
"""
