"""Choose the concrete parts of an agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from boot.home import inside, open_sessions, prepare_home
from boot.logs import open_log
from boot.settings import Settings, load_settings
from core.errors import ModelUnavailable, UsageError
from core.protocols import Approver, Model, OutputStore, Policy, Tools
from flow.agent import Agent, Conversation, Parts
from flow.approver import NobodyThere
from flow.policies.cut_off import CutOff
from flow.policies.empty_reply import EmptyReply
from flow.policies.repetition import Repetition
from flow.policies.step_limit import StepLimit
from gate.discovery import find_server
from gate.openai_chat import OpenAIChat
from store.journal import new_session_id
from tool.beneath import Root
from tool.calculate import calculate
from tool.declare import Tool
from tool.files import file_tools
from tool.read_output import read_output_tool
from tool.sandbox.bubblewrap import Bubblewrap
from tool.shell import shell_tool
from tool.toolbox import ToolBox

__all__ = ["RULES", "Agent", "Conversation", "open_agent"]

RULES = "rules"  # the model name that means: no model, the embedded rules


def open_agent(settings: Settings | None = None, *, approver: Approver | None = None, **overrides: Any) -> Agent:
    """Return an agent to be entered with `async with`, or asked with `run_sync`.

    `overrides` are settings by name: `open_agent(model_url="http://127.0.0.1:8080/v1", workspace="demo")`.
    Raises: UsageError for a setting that is unknown or makes no sense.
    """
    if settings and overrides:
        raise UsageError("open_agent takes settings or single overrides, not both")
    chosen = settings or load_settings(overrides)
    return Agent(lambda: _open_parts(chosen), approver or NobodyThere())


async def _open_parts(settings: Settings) -> Parts:
    prepare_home(settings)
    close_log = open_log(settings.state_folder / "logs", settings.log_level, [settings.api_key])
    model = await open_model(settings)
    workspace = settings.workspace_folder
    hidden, read_only = inside(workspace, settings.state_folder), inside(workspace, settings.home_folder / "skills")
    root = Root(workspace, hidden, read_only)
    runner = Bubblewrap(workspace, hidden, [*read_only, ".git"])

    def make_tools(outputs: OutputStore, extra: Sequence[Callable[..., Any]]) -> Tools:
        tools: list[Tool] = [calculate, read_output_tool(outputs)]
        if settings.enable_files:
            tools += file_tools(root)
        if settings.enable_shell:
            tools.append(shell_tool(runner, outputs))
        return ToolBox([*tools, *extra], outputs)

    def make_policies(since: int) -> Sequence[Policy]:
        return [CutOff(), StepLimit(settings.max_steps, since), EmptyReply(since), Repetition(since)]

    return Parts(model, open_sessions(settings), str(workspace), new_session_id, make_tools, make_policies, close_log)


async def open_model(settings: Settings) -> Model:
    """Return the model that was named, else a server that runs here, else the embedded rules."""
    if settings.model == RULES and settings.model_url:
        raise UsageError(f"the model {RULES!r} needs no server; leave {settings.model_url!r} out or name another model")
    if settings.model == RULES:
        return _rules()
    url = settings.model_url or await find_server()
    if url:
        return OpenAIChat(
            url,
            settings.model,
            api_key=settings.api_key,
            temperature=settings.temperature,
            idle_timeout_s=settings.idle_timeout_s,
            load_timeout_s=settings.load_timeout_s,
        )
    if settings.model:
        raise ModelUnavailable(
            f"no model server runs on this machine, so there is no model {settings.model!r}; start LM Studio, Ollama or"
            " `./runsv.sh MODEL.gguf`, or give its address with --model-url"
        )
    return _rules()


def _rules() -> Model:
    from gate.rule_based import RuleBased  # a model server does not need it, and start-up counts

    return RuleBased()
