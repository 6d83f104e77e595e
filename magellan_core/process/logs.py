"""Log lines that read well in journalctl and on a laptop: one event, one line, fields at the end.

Under systemd each field is also one of the journal's (MAGELLAN_SYMBOL=MULN); without its socket:
                <6>order_filled: bought 40 at 3.41 symbol=MULN order=bt-MULN-...
On a laptop:    10:31:05 INFO bear_trap order_filled: bought 40 at 3.41 symbol=MULN order=...
"""

import json
import logging
import os
import stat
import traceback
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TextIO

from magellan_core.process.journald import Journald, JournaldHandler

ROOT = "magellan"
_LOGGER = logging.getLogger(ROOT)
# syslog's severities, as journalctl -p filters them: sd-daemon(3).
SEVERITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
CRITICAL_SEVERITY = 2
HIDDEN = "***"
# Names a file that gets every line as the journal would hold it, for machines without journald.
FILE_NAME = "MAGELLAN_LOG_FILE"


def log(level: int, event: str, message: str, /, **fields: object) -> None:
    """Write one line. `event` is a short name to grep for; `fields` follow as key=value.

    `level` is one of logging's. Virtual time is a field like any other: at="10:31 ET".
    """
    _LOGGER.log(level, message, extra={"event": event, "fields": fields})


def log_document(level: int, event: str, message: str, document: str) -> None:
    """A line that programs read whole, a JSON document; people at a terminal get `message`."""
    _LOGGER.log(level, message, extra={"event": event, "document": document})


class LineFormatter(logging.Formatter):
    """Form the lines and hide secrets in them.

    `journald`: severity prefix on every physical line, no time, no strategy (journald has both).
    """

    def __init__(self, strategy: str, *, journald: bool, secrets: Iterable[str] = ()) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self._strategy, self._journald = strategy, journald
        self._secrets: list[str] = []
        self.followers: list[LineFormatter] = []
        for secret in secrets:
            self.hide(secret)

    def hide(self, secret: str) -> None:
        """From now on this text appears as *** in messages, fields and tracebacks."""
        if secret:
            forms = {secret, json.dumps(secret)[1:-1], *self._secrets}
            # Longest first, lest a secret inside another leaves the rest of it in the open.
            self._secrets = sorted(forms, key=lambda form: (-len(form), form))
        for follower in self.followers:
            follower.hide(secret)

    def hide_both(self, key: str, secret: str) -> None:
        """Hide an account's pair of API keys."""
        self.hide(key)
        self.hide(secret)

    def veil(self, text: str) -> str:
        """The text with every secret hidden."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def format(self, record: logging.LogRecord) -> str:
        document = getattr(record, "document", None)
        if self._journald and document is not None:
            return f"<{SEVERITY.get(record.levelno, CRITICAL_SEVERITY)}>{self.veil(document)}"
        event = getattr(record, "event", record.name)
        fields = getattr(record, "fields", {})
        message = record.getMessage().replace("\r", "").replace("\n", " | ")
        text = " ".join([f"{event}: {message}", *(_field(k, v) for k, v in fields.items())])
        if not self._journald:
            clock = self.formatTime(record, self.datefmt)
            text = f"{clock} {record.levelname} {self._strategy} {text}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        text = self.veil(text)
        if not self._journald:
            return text
        severity = SEVERITY.get(record.levelno, CRITICAL_SEVERITY)
        return "\n".join(f"<{severity}>{line}" for line in text.split("\n"))


class JournalLines(logging.Formatter):
    """Every physical line as journalctl -o json would tell it: time, priority, identifier."""

    def __init__(self, lines: LineFormatter, strategy: str) -> None:
        super().__init__()
        self._lines = lines
        self._identifier = f"magellan-{strategy.replace('_', '-')}"

    def format(self, record: logging.LogRecord) -> str:
        rows = [row.partition(">") for row in self._lines.format(record).split("\n")]
        return "\n".join(
            json.dumps(
                {
                    "__REALTIME_TIMESTAMP": str(int(record.created * 1_000_000)),
                    "PRIORITY": severity.removeprefix("<"),
                    "SYSLOG_IDENTIFIER": self._identifier,
                    "MESSAGE": message,
                }
            )
            for severity, _, message in rows
        )


def setup(
    level: str,
    strategy: str,
    *,
    environ: Mapping[str, str],
    stream: TextIO,
    secrets: Iterable[str] = (),
) -> LineFormatter:
    """Send all log lines of this process to `stream`; return the formatter, to `hide` more.

    `level` is DEBUG, INFO, WARNING or ERROR and holds for our own lines; libraries are heard from
    WARNING on. Raise ValueError for another level. Calling it again replaces the earlier setup.
    """
    formatter = LineFormatter(strategy, journald=_is_journal(stream, environ), secrets=secrets)
    handler: logging.Handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    if _is_journal(stream, environ) and stat.S_ISSOCK(os.fstat(stream.fileno()).st_mode):
        handler = _natively(handler, strategy)
    handlers = [handler]
    if path := environ.get(FILE_NAME):
        as_journald = LineFormatter(strategy, journald=True, secrets=secrets)
        formatter.followers.append(as_journald)
        handlers.append(logging.FileHandler(Path(path), encoding="utf-8"))
        handlers[1].setFormatter(JournalLines(as_journald, strategy))
    _LOGGER.setLevel(level.upper())
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    logging.captureWarnings(capture=True)
    return formatter


def set_level(level: str) -> None:
    """From now on our own lines are written from this level on."""
    _LOGGER.setLevel(level.upper())


def say_crash(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
    """Not survived: said in full, and the process ends with 1; the next start recovers."""
    for text in traceback.format_exception(kind, fault, trace):
        for row in text.splitlines():
            log(logging.CRITICAL, "crashed", row)


def _natively(handler: logging.Handler, strategy: str) -> logging.Handler:
    """Entries with fields, where journald's own socket is to be had; else lines by the stream."""
    try:
        journal = Journald()
    except OSError:
        return handler
    return JournaldHandler(journal, f"magellan-{strategy.replace('_', '-')}", handler)


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """JOURNAL_STREAM names journald's end by device and inode; children inherit it untruly."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _field(key: str, value: object) -> str:
    if value is None:
        return f"{key}=-"
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    bare = text.isprintable() and not set(text) & set(' "=') and text
    return f"{key}={text}" if bare else f"{key}={json.dumps(text)}"
