"""The program's version, as `--version` prints it and pyproject.toml repeats it."""

VERSION = "0.1.0"
