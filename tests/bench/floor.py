"""The floor of the benchmarks: the smallest honest agent loop, standard library only, no journal and no sandbox."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

SYSTEM = "You are a coding agent. Work with the tools in the current folder; answer when the task is done."


def _tool(name: str, description: str, *parameters: str) -> dict[str, Any]:
    properties = {parameter: {"type": "string"} for parameter in parameters}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


TOOLS = [
    _tool("shell", "Run a bash command.", "command"),
    _tool("read_file", "Return a text file.", "path"),
    _tool("write_file", "Create or replace a text file.", "path", "content"),
]


def main(url: str, task: str) -> None:
    """Ask, run the calls, ask again, until a reply has none."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc)
    messages: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": task}]
    while True:
        messages.append(ask(connection, f"{address.path}/chat/completions", messages))
        if "tool_calls" not in messages[-1]:
            print(messages[-1]["content"])
            return
        for call in messages[-1]["tool_calls"]:
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": run(call["function"])})


def ask(connection: http.client.HTTPConnection, path: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the reply, put together from its stream."""
    options = {"stream": True, "stream_options": {"include_usage": True}}
    body = json.dumps({"model": "scripted", **options, "tools": TOOLS, "messages": messages})
    connection.request("POST", path, body.encode(), {"Content-Type": "application/json"})
    text = ""
    calls: list[dict[str, Any]] = []
    for line in connection.getresponse():
        if not line.startswith(b"data: ") or line == b"data: [DONE]\n":
            continue
        for choice in json.loads(line[6:])["choices"]:
            text += choice["delta"].get("content") or ""
            for piece in choice["delta"].get("tool_calls", ()):
                if piece["index"] == len(calls):
                    calls.append({k: v for k, v in piece.items() if k != "index"})
                else:
                    calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
    reply = {"role": "assistant", "content": text}
    return {**reply, "tool_calls": calls} if calls else reply


def run(function: dict[str, str]) -> str:
    """Run one call and return what the model reads."""
    arguments = json.loads(function["arguments"])
    if function["name"] == "shell":
        done = subprocess.run(
            ["bash", "-c", arguments["command"]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        return f"{done.stdout.decode()}[exit {done.returncode}]"
    if function["name"] == "read_file":
        with open(arguments["path"], encoding="utf-8") as file:
            return file.read()
    with open(arguments["path"], "w", encoding="utf-8") as file:
        file.write(arguments["content"])
    return "written"


if __name__ == "__main__":
    main(*sys.argv[1:])
