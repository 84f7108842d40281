"""Send the program's log to a file in the home, with secrets taken out."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path

MOST_BYTES = 5_000_000  # then the file is moved aside, replacing the one moved before
HIDDEN = "(hidden)"
# Shapes of keys that may stand in a server's error text or a URL, whoever they belong to.
SECRET = re.compile(r"(?i)(bearer\s+|api[-_]?key['\"]?\s*[:=]\s*['\"]?|//[^/\s:@]*:)[^\s'\"@,}]+|\bsk-[\w-]{8,}")


class HideSecrets(logging.Formatter):
    """Formats a record, then removes what must never stand in a file."""

    def __init__(self, secrets: Iterable[str | None]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(process)d] %(message)s")
        self.secrets = {secret for secret in secrets if secret}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, traceback included, without secrets."""
        text = SECRET.sub(lambda match: (match[1] or "") + HIDDEN, super().format(record))
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return text


def open_log(folder: Path, level: str, secrets: Iterable[str | None]) -> None:
    """Write the `agent` loggers to `folder`/agent.log. Raises: OSError.

    Writes: the file, when there is something to say. A second agent of the process shares the first one's file.
    """
    logger = logging.getLogger("agent")
    logger.setLevel(level)
    path = folder / "agent.log"
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler) and handler.baseFilename == str(path):
            if isinstance(handler.formatter, HideSecrets):
                handler.formatter.secrets.update(secret for secret in secrets if secret)
            return
    folder.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > MOST_BYTES:
        path.replace(path.with_suffix(".log.1"))
    file = logging.FileHandler(path, encoding="utf-8", delay=True)
    file.setFormatter(HideSecrets(secrets))
    logger.addHandler(file)
    logger.propagate = False
