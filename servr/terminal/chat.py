"""`chat`: the conversation. Type, see each step, Ctrl-C stops the reply and not the program, Ctrl-D leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

import click

from boot.settings import Settings
from boot.wire import RULES, Agent, Conversation, open_agent
from core.errors import AgentError, SessionInUse, UsageError
from core.events import Event
from core.types import Mode
from core.version import VERSION
from servr.terminal.options import with_settings
from servr.terminal.permissions import permission_lines
from servr.terminal.text import one_line

if TYPE_CHECKING:
    from servr.terminal.draw import Drawer

SHOWN_AGAIN = 12  # messages drawn when a session is resumed
NO_MODEL = (
    "These are embedded rules and no language model: they list, read and write files, run commands and calculate."
    " For a model start LM Studio, Ollama or `./runsv.sh MODEL.gguf`, or give --model-url URL."
)
HELP = """  /new          begin a new session with the next message
  /sessions     list the newest sessions
  /resume ID    take up a session
  /continue     go on with a turn that an error or a limit ended
  /mode MODE    plan: change nothing; ask: ask about what leaves the sandbox; auto: refuse it and go on
  /permissions  list what was decided for good here; /forget NUMBER takes a decision back
  /exit         leave (as Ctrl-D does)
  Ctrl-J begins a new line, Ctrl-C stops a reply. Everything else is sent to the model."""


@click.command("chat", help="Talk with the agent.")
@with_settings
def command(settings: Settings) -> int:
    """Open the chat."""
    return open_chat(settings)


def open_chat(settings: Settings, resume: str | None = None) -> int:
    """Chat until the person leaves. Raises: UsageError without a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError('the chat needs a terminal; without one use: python cli.py run "TASK", or `run -` for stdin')
    return asyncio.run(Chat(settings).run(resume))


class Chat:
    """One person at one terminal, with one conversation at a time."""

    def __init__(self, settings: Settings) -> None:
        from rich.console import Console

        from servr.terminal.prompt import Prompt

        self._settings = settings
        self._console = Console(highlight=False)
        self._prompt = Prompt(settings.state_folder / "history")
        self._conversation: Conversation | None = None
        self._working: asyncio.Future[None] | None = None  # what Ctrl-C ends

    async def run(self, resume: str | None) -> int:
        """Read lines and run turns until Ctrl-D or /exit."""
        from servr.terminal.prompt import no_echo

        with suppress(NotImplementedError):  # Windows has no signal handlers here; there Ctrl-C ends the program
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._stop)
        with no_echo():
            return await self._talk(resume)

    async def _talk(self, resume: str | None) -> int:
        async with open_agent(self._settings, approver=self._prompt) as agent:
            await self._banner(agent)
            if resume:
                await self._resume(agent, resume)
            while (line := await self._prompt.read()) is not None:
                try:
                    if not await self._answer(agent, line):
                        break
                except AgentError as error:
                    self._console.print(f"  error: {error}", style="red", markup=False)
            self._goodbye()
        return 0

    async def _answer(self, agent: Agent, line: str) -> bool:
        """Do what a line asks. Returns: False to leave the chat. Raises: AgentError, which the chat outlives."""
        if line.startswith("/") and "\n" not in line:
            return await self._command(agent, line)
        if line.strip():
            self._conversation = self._conversation or agent.begin()
            await self._turn(self._conversation, self._conversation.say(line))
        return True

    async def _turn(self, conversation: Conversation, stream: AsyncGenerator[Event, None]) -> None:
        """Draw one turn; Ctrl-C ends it and keeps what had arrived."""
        from servr.terminal.draw import Drawer

        drawer = Drawer(self._console)
        try:
            if await self._finish(_draw_all(stream, drawer)):
                drawer.counts(conversation.result().usage)
                return
            partial_text = drawer.partial_text
            drawer.end()
            conversation.interrupt(partial_text)
            self._console.print("  stopped", style="yellow")
        except AgentError as error:
            drawer.end()
            self._console.print(f"  error: {error}", style="red", markup=False)
            self._console.print("  /continue goes on with this turn; a new message begins another", style="dim")
        finally:
            drawer.end()

    async def _finish(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do `work` to its end. Returns: False when Ctrl-C ended it before."""
        self._working = asyncio.ensure_future(work)
        try:
            await self._working
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():  # it is the chat itself that is being ended
                raise
            return False
        finally:
            self._working = None
        return True

    def _stop(self) -> None:
        if self._working:
            self._working.cancel()

    async def _command(self, agent: Agent, line: str) -> bool:
        """Do a slash command. Returns: False to leave the chat."""
        name, _, argument = line[1:].strip().partition(" ")
        match name:
            case "exit" | "quit":
                return False
            case "new":
                self._conversation = None
                self._console.print("  a new session begins with your next message", style="dim")
            case "continue" if self._conversation:
                await self._turn(self._conversation, self._conversation.go_on())
            case "resume" if argument.strip():
                await self._resume(agent, argument.strip())
            case "mode":
                self._set_mode(agent, argument.strip())
            case "permissions":
                for line in permission_lines(agent.parts.permissions, agent.parts.workspace):
                    self._console.print(f"  {line}", markup=False)
            case "forget" if argument.strip().isdecimal():
                agent.parts.permissions.forget(os.path.realpath(agent.parts.workspace), int(argument))
                self._console.print("  forgotten", style="dim")
            case "sessions":
                for session in agent.parts.sessions.list(10):
                    self._console.print(f"  {session.id}  {one_line(session.title, 50)}", markup=False)
            case _:
                self._console.print(HELP, markup=False)
        return True

    def _set_mode(self, agent: Agent, name: str) -> None:
        """Change how much is asked, from the next turn on."""
        if name in ("plan", "ask", "auto"):
            agent.mode = Mode(name)
        elif name:
            raise UsageError(f"no mode {name!r}; there are: plan, ask, auto")
        self._console.print(f"  mode {agent.mode}; /mode plan, ask or auto changes it", style="dim")

    async def _resume(self, agent: Agent, session_id: str) -> None:
        """Take up a session, or what the person chooses when another process is writing it."""
        from servr.terminal.draw import draw_past
        from servr.terminal.watch import watch

        session = agent.parts.sessions.find(session_id)
        if session.workspace != agent.parts.workspace:
            command = f"python cli.py resume {session.id}"
            self._console.print(
                f"  that session's workspace is {session.workspace}; leave, then: {command}", markup=False
            )
            return
        try:
            self._conversation = agent.resume(session.id)
        except SessionInUse as error:
            self._console.print(f"  {error}", markup=False)
            match await self._prompt.choose("watch it, fork it, or neither?", ("w", "f", "n")):
                case "f":
                    self._conversation = agent.fork(session.id)
                case "w":
                    await self._finish(watch(agent.parts.sessions, session.id, self._console))
                    return
                case _:
                    return
        taken_up = self._conversation.session
        draw_past(self._console, taken_up.messages[-SHOWN_AGAIN:])
        if not taken_up.is_answered():
            self._console.print("  the last turn was not finished; going on", style="dim")
            await self._turn(self._conversation, self._conversation.go_on())

    async def _banner(self, agent: Agent) -> None:
        self._console.print(f"Agent {VERSION}", style="bold", end="")
        self._console.print(f"  model {agent.parts.model.name}, workspace {agent.parts.workspace}", markup=False)
        level, reason = await asyncio.to_thread(agent.parts.boundary)
        if reason:
            self._console.print(f"sandbox: {level}: {reason}", style="bold red", markup=False)
        else:
            self._console.print(f"sandbox: {level}, mode {agent.mode}", style="dim", markup=False)
        if agent.parts.model.name == RULES:
            self._console.print(NO_MODEL, style="yellow", markup=False)
        self._console.print("Enter sends, Ctrl-C stops a reply, Ctrl-D leaves, /help tells more.", style="dim")

    def _goodbye(self) -> None:
        if self._conversation:
            print(f"python cli.py resume {self._conversation.session.id}  goes on with this session")


async def _draw_all(stream: AsyncGenerator[Event, None], drawer: Drawer) -> None:
    drawer.begin()
    async with aclosing(stream):
        async for event in stream:
            drawer.draw(event)
