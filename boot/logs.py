"""Send the program's log to a file in the home, with secrets taken out."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Iterable
from pathlib import Path

MOST_BYTES = 5_000_000  # then the file is moved aside, replacing the one moved before
HIDDEN = "(hidden)"
# Shapes of keys that may stand in a server's error text or a URL, whoever they belong to.
SECRET = re.compile(r"(?i)(bearer\s+|api[-_]?key['\"]?\s*[:=]\s*['\"]?|//[^/\s:@]*:)[^\s'\"@,}]+|\bsk-[\w-]{8,}")


class HideSecrets(logging.Formatter):
    """Formats a record, then removes what must never stand in a file."""

    def __init__(self, secrets: Iterable[str | None]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(process)d] %(message)s")
        self._secrets: set[str] = set()
        self.add(secrets)

    def add(self, secrets: Iterable[str | None]) -> None:
        """Hide these too."""
        self._secrets.update(secret for secret in secrets if secret)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, traceback included, without secrets."""
        text = SECRET.sub(lambda match: (match[1] or "") + HIDDEN, super().format(record))
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


class LogFile(logging.FileHandler):
    """The log file of one home, shared by the agents of this process that use it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", delay=True)
        self.secrets = HideSecrets([])
        self.users = 0
        self.setFormatter(self.secrets)


def open_log(folder: Path, level: str, secrets: Iterable[str | None]) -> Callable[[], None]:
    """Write the `agent` loggers to `folder`/agent.log until the returned function is called. Raises: OSError.

    Writes: the file, when there is something to say.
    """
    logger = logging.getLogger("agent")
    logger.setLevel(level)
    path = folder / "agent.log"
    file = next((h for h in logger.handlers if isinstance(h, LogFile) and h.baseFilename == str(path)), None)
    if file is None:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > MOST_BYTES:
            path.replace(path.with_suffix(".log.1"))
        file = LogFile(path)
        logger.addHandler(file)
    file.users += 1
    file.secrets.add(secrets)
    return functools.partial(_leave, logger, file)


def _leave(logger: logging.Logger, file: LogFile) -> None:
    file.users -= 1
    if file.users == 0:
        logger.removeHandler(file)
        file.close()
