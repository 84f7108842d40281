"""Decides about one command, or one request to the network: free, asked with the one opening it needs, or refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from core.encoding import to_json
from core.protocols import Allow, Ask, Permissions, Refuse, Verdict
from core.types import Mode, Opening, OpeningKind, Permission, ToolCall
from flow.policies.approvals import PLANNING
from flow.policies.command_needs import CommandNeeds
from flow.policies.needs import NETWORK, Need
from flow.policies.only_reads import only_reads
from flow.policies.permissions import Rules
from flow.policies.places import Places
from flow.policies.shell_grammar import read_script
from flow.policies.visible import LONGEST, sentence, show

DENIED = "Not run: the person refused this for good. Do it another way, or say what is needed."
DENIED_BY_RULE = "Not run: the person's permissions.toml refuses this. Do it another way, or say what is needed."
TOO_LONG = (
    f"Not run: it needs approval, and a person cannot read a command of more than {LONGEST} characters. Write a script"
    " into the workspace with a file tool, then run that."
)
AUTO = "Not run: {why}, and auto mode opens nothing outside the sandbox. Find a way inside it, or say what is needed."
OFFLINE = "Not run: {why}, and the agent is offline: nothing opens the network. Do without it, or say what is needed."
CANNOT_OPEN = (
    "Not run: {why}, and the sandbox of this machine cannot open one thing to one command. Do without it, or ask the"
    " person to run it."
)
NO_SANDBOX = "Not run: no sandbox works here, and auto mode runs nothing without one."
UNSEEN = (
    "Not run: {why}; but {doubt}. A person can only approve what can be seen: write every program and argument plainly,"
    " in a command of its own."
)
SEVERAL = "Not run: an approval opens one thing, and this needs {count}: {whys}. Run them as commands of their own."
OPENED = {
    OpeningKind.NETWORK: "Open the network to this command? {why}.",
    OpeningKind.GIT: "Let this command change .git, with hooks off? {why}.",
    OpeningKind.PATH: "Open {path} to this command? {why}.",
}


class CommandApprovals:
    """Judges the commands of one workspace; `rules` are the person's own file."""

    def __init__(
        self,
        mode: Mode,
        workspace: Path,
        permissions: Permissions,
        sandboxed: Callable[[], bool],
        places: Places,
        rules: Rules | None,
        offline: bool = False,
        can_open: Callable[[], bool] = lambda: True,
    ) -> None:
        self._mode = mode
        self._workspace = os.path.realpath(workspace)
        self._permissions = permissions
        self._sandboxed = sandboxed
        self._rules = rules or Rules()
        self._offline = offline
        self._can_open = can_open
        self._needs = CommandNeeds(places)

    def judge(self, command: str) -> Verdict:
        """Decide about a shell command."""
        return self._plan(command) if self._mode is Mode.PLAN else self._judge(command)

    def judge_network(self, call: ToolCall) -> Verdict:
        """Decide about a call of a tool that reaches the network."""
        text = f"{call.name} {to_json(dict(call.arguments))}"
        return self._decide(call.name, text, Need(f"{call.name!r} needs the network", NETWORK))

    def _plan(self, command: str) -> Verdict:
        harmless = self._sandboxed() and only_reads(command) and not self._needs.of(command)
        return Allow() if harmless and not self._rules.denies(command) else Refuse(PLANNING)

    def _judge(self, command: str) -> Verdict:
        if self._rules.denies(command):
            return Refuse(DENIED_BY_RULE)
        if not self._sandboxed():
            return self._decide("shell", command, None)
        if self._rules.opens_network(command):
            return self._decide("shell", command, Need("permissions.toml names it", NETWORK))
        needs = self._needs.of(command)
        if refusal := _refusal(needs):
            return Refuse(refusal)
        if not needs:
            return Refuse(DENIED) if self._remembered("shell", command, None) is False else Allow()
        return self._decide("shell", command, next((need for need in needs if need.opening), needs[0]))

    def _decide(self, tool: str, command: str, need: Need | None) -> Verdict:
        """Decide about one need, or about running without a sandbox."""
        opening = need.opening if need else None
        is_doubt = need is not None and need.is_doubt
        decided = self._remembered(tool, command, opening)
        if decided is False:
            return Refuse(DENIED)
        if need and opening == NETWORK and self._offline:
            return Refuse(OFFLINE.format(why=sentence(need.why)))
        if need and opening and tool == "shell" and not self._can_open():
            return Refuse(CANNOT_OPEN.format(why=sentence(need.why)))
        if opening == NETWORK and tool == "shell" and self._rules.opens_network(command):
            return Allow(opening)
        if (decided and not is_doubt) or (opening and self._rules.allows(command, opening) and tool == "shell"):
            return Allow(opening)
        if self._mode is Mode.AUTO:
            return self._auto(need)
        if len(command) > LONGEST:
            return Refuse(TOO_LONG)
        remember = None if is_doubt or not _is_text(command) else partial(self._remember, tool, command, opening)
        return Ask(f"{_question(need, command)}\n{show(command)}", opening, remember)

    def _auto(self, need: Need | None) -> Verdict:
        """Refuse what would be asked, so that the model learns why at once; what is only unclear runs, enclosed."""
        if need is None:
            return Refuse(NO_SANDBOX)
        return Allow() if need.is_doubt else Refuse(AUTO.format(why=sentence(need.why)))

    def _remembered(self, tool: str, command: str, opening: Opening | None) -> bool | None:
        return self._permissions.find(self._workspace, tool, command, opening)

    def _remember(self, tool: str, command: str, opening: Opening | None, allowed: bool) -> None:
        self._permissions.remember(Permission(self._workspace, tool, command, opening, allowed))


def _refusal(needs: Sequence[Need]) -> str | None:
    """Return why no single approval can cover these needs, and what to do instead."""
    for need in needs:
        if need.never:
            return f"Not run: {sentence(need.why)}."
    opening = {need.opening: need for need in needs if need.opening}
    if len(opening) > 1:
        return SEVERAL.format(count=len(opening), whys=sentence("; ".join(need.why for need in opening.values())))
    doubts = [need for need in needs if need.is_doubt]
    if opening and doubts:
        first = next(iter(opening.values()))
        return UNSEEN.format(why=sentence(first.why), doubt=sentence(doubts[0].why))
    return None


def _question(need: Need | None, command: str) -> str:
    if need is None:
        return "Run this command WITHOUT a sandbox, with all your rights?"
    if need.opening is None:
        return f"Run this in the sandbox, with nothing opened? It is unclear what it does: {sentence(need.why)}."
    question = OPENED[need.opening.kind].format(why=sentence(need.why), path=sentence(repr(need.opening.path)))
    programs = sum(bool(each.words) for each in read_script(command).commands)
    return question if programs <= 1 else f"{question} All {programs} commands in it get this."


def _is_text(command: str) -> bool:
    """Whether the command can be saved as it is."""
    try:
        command.encode()
    except UnicodeEncodeError:
        return False
    return True
