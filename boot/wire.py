"""Choose the concrete parts of an agent."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boot.home import hidden, inside, open_database, open_sessions, prepare_home, read_only
from boot.logs import open_log
from boot.settings import Settings, load_settings, permissions_file
from core.errors import ModelUnavailable, UsageError
from core.protocols import Approver, Model, OutputStore, Policy, Tools
from core.types import Mode
from flow.agent import Agent, Conversation, Parts
from flow.approver import NobodyThere
from flow.policies.approvals import Approvals
from flow.policies.cut_off import CutOff
from flow.policies.empty_reply import EmptyReply
from flow.policies.repetition import Repetition
from flow.policies.step_limit import StepLimit
from gate.discovery import find_server
from gate.openai_chat import OpenAIChat
from store.journal import new_session_id
from store.permissions import StoredPermissions
from tool.beneath import Root
from tool.calculate import calculate
from tool.declare import Tool
from tool.fetch import fetch_tool
from tool.files import file_tools
from tool.python_session import python_session_tool
from tool.read_output import read_output_tool
from tool.sandbox.confinement import Confinement, running_python
from tool.sandbox.level import Level, probe
from tool.sandbox.sandbox import Sandbox
from tool.sandbox.unconfined import Unconfined
from tool.shell import shell_tool
from tool.toolbox import ToolBox

if TYPE_CHECKING:
    from flow.policies.permissions import Rules

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
    database = open_database(settings)
    permissions = StoredPermissions(database)
    rules = _rules_of(permissions_file(os.environ))
    workspace = settings.workspace_folder
    sandbox = Sandbox(
        Confinement(workspace, hidden(settings), read_only(settings), running_python()), strict=settings.strict_sandbox
    )
    runner = Unconfined(workspace) if settings.without_sandbox else sandbox
    root = Root(workspace, inside(workspace, hidden(settings)), inside(workspace, read_only(settings)))

    def make_tools(outputs: OutputStore, extra: Sequence[Callable[..., Any]]) -> Tools:
        tools: list[Tool] = [calculate, read_output_tool(outputs)]
        if settings.enable_files:
            tools += file_tools(root)
        if settings.enable_shell:
            tools.append(shell_tool(runner, outputs))
        if settings.enable_pyexe:
            tools.append(python_session_tool(sandbox, outputs))
        if settings.enable_fetch and not settings.offline:
            tools.append(fetch_tool(settings.fetch_allow))
        return ToolBox([*tools, *extra], outputs)

    def make_policies(since: int, tools: Tools, mode: Mode) -> Sequence[Policy]:
        approvals = Approvals(
            mode,
            workspace,
            permissions,
            lambda: probe()[0] is not Level.RULES,
            effect=tools.effect,
            rules=rules,
            readable=running_python(),
            closed=hidden(settings),
            offline=settings.offline,
            can_open=lambda: probe()[0].has_namespaces,
        )
        return [CutOff(), approvals, StepLimit(settings.max_steps, since), EmptyReply(since), Repetition(since)]

    def close() -> None:
        sandbox.close()
        close_log()

    return Parts(
        model=model,
        sessions=open_sessions(settings, database),
        permissions=permissions,
        mode=Mode.DANGER if settings.without_sandbox else settings.approvals,
        workspace=str(workspace),
        new_session_id=new_session_id,
        make_tools=make_tools,
        make_policies=make_policies,
        boundary=lambda: ("none", "everything runs with your rights") if settings.without_sandbox else probe(),
        close=close,
    )


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


def _rules_of(file: Path) -> Rules | None:
    if not file.exists():
        return None
    from flow.policies.permissions import load_rules  # with a shell grammar, which most starts do not need

    return load_rules(file)


def _rules() -> Model:
    from gate.rule_based import RuleBased  # a model server does not need it, and start-up counts

    return RuleBased()
