"""Turns the settings' own table into their reference page and into `.env.example`."""

from __future__ import annotations

from boot.settings import CHECKOUT, SETTINGS, variable_of
from docs.table import code, page, table
from servr.terminal.options import FLAGS

SOURCE = "boot/settings.py"

_INTRODUCTION = """# Settings

Every setting is an environment variable, a line of the config file, or a line of `.env`; some are flags too.

```sh
python cli.py settings        # each setting, its value and where the value comes from
```"""

_ORDER = """## Where a value comes from

The later source wins:

1. the default
2. the config file: `AGENT_CONFIG`, else `$XDG_CONFIG_HOME/agent/config.toml`, else `~/.config/agent/config.toml`
3. `.env` in the agent's own checkout (`.env.example` is the list to copy from)
4. the environment
5. a flag

The config file is TOML and uses the names without `AGENT_`, in small letters:

```toml
model_url = "http://127.0.0.1:1234/v1"
max_steps = 40
enable_shell = false
```

A file of the project being worked on is never read for settings. An unknown name or a value that makes no sense ends
the program with exit code 2 and one sentence.

A switch takes `on` or `off` (also `1`, `0`, `true`, `false`, `yes`, `no`).

`--dangerously-without-sandbox` is a flag and no setting: no file and no variable can switch the sandbox off."""


def settings() -> str:
    """Return the reference page of the settings."""
    rows = [
        (code(variable_of(name)), code(_flag(name)), code(_default(name)) or "unset", SETTINGS[name].metadata["help"])
        for name in SETTINGS
    ]
    return page(SOURCE, _INTRODUCTION, table(("variable", "flag", "default", "what"), rows), _ORDER)


def dotenv_example() -> str:
    """Return `.env.example`: each setting commented out, at its default."""
    lines = [
        "# Copy this file to .env beside it and take the # from the lines you change.",
        "# Written by `python -m docs.generate` from boot/settings.py; do not edit.",
    ]
    for name in SETTINGS:
        lines += ["", f"# {SETTINGS[name].metadata['help']}", f"#{variable_of(name)}={_default(name)}"]
    return "\n".join(lines) + "\n"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-") if name in FLAGS else ""


def _default(name: str) -> str:
    value = SETTINGS[name].default
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value).replace(str(CHECKOUT), "/path/to/agent")
