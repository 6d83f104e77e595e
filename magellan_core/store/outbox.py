"""Alerts on their way to people: what was taken from which journal, what is sent, what waits.

LAW: an alert and the cursor behind it are written in one transaction, so that none is taken twice
and none is missed, wherever the sender is killed.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from magellan_core.ports import Level
from magellan_core.store.rows import text_of
from magellan_core.store.sqlite import Schema, named_faults, open_writer, transaction

# "MGLA" in ASCII.
OUTBOX = Schema(
    noun="alert outbox",
    application_id=0x4D474C41,
    migrations=(
        (
            "CREATE TABLE cursors (strategy TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID",
            "CREATE TABLE alerts (strategy TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL,"
            " level TEXT NOT NULL, key TEXT NOT NULL, message TEXT NOT NULL,"
            " state TEXT NOT NULL, settled TEXT, tries INTEGER NOT NULL DEFAULT 0,"
            " error TEXT NOT NULL DEFAULT '', PRIMARY KEY (strategy, seq)) WITHOUT ROWID",
            "CREATE INDEX alerts_by_state ON alerts (state, settled)",
        ),
    ),
)
WAITING, SENT, REPEATED, LOCAL = "waiting", "sent", "repeated", "local"
CURSOR = "SELECT seq FROM cursors WHERE strategy = ?"
MOVE = "INSERT OR REPLACE INTO cursors VALUES (?, ?)"
ADD = (
    "INSERT INTO alerts (strategy, seq, at, level, key, message, state, settled)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
WAIT = (
    "SELECT strategy, seq, at, level, key, message, tries, error FROM alerts"
    " WHERE state = 'waiting' ORDER BY at, strategy, seq"
)
SETTLE = "UPDATE alerts SET state = ?, settled = ? WHERE strategy = ? AND seq = ?"
FAIL = "UPDATE alerts SET tries = tries + 1, error = ? WHERE strategy = ? AND seq = ?"
LAST = (
    "SELECT level, at FROM alerts WHERE strategy = ? AND key = ? AND state IN ('waiting', 'sent')"
    " ORDER BY at DESC LIMIT 1"
)
SENT_SINCE = "SELECT count(DISTINCT settled) FROM alerts WHERE state = 'sent' AND settled > ?"
COUNTS = "SELECT state, count(*) FROM alerts GROUP BY state"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a strategy's journal; `seq` is the number of its line."""

    strategy: str
    seq: int
    at: datetime
    level: Level
    key: str
    message: str
    tries: int = 0
    error: str = ""


class Outbox:
    """On disk when a call returns. Raises JournalError or JournalUnwritable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection = open_writer(path, OUTBOX, patience=5.0)

    def cursor(self, strategy: str) -> int | None:
        """The last line taken of a journal; None: it was never looked at."""
        with named_faults(self._path, OUTBOX.noun):
            row = self._db.execute(CURSOR, (strategy,)).fetchone()
        return None if row is None else int(row[0])

    def take(
        self, strategy: str, seq: int, alerts: Sequence[tuple[Alert, str]], now: datetime
    ) -> None:
        """Take alerts, each with the state it begins in, and move the journal's cursor to `seq`."""
        with named_faults(self._path, OUTBOX.noun), transaction(self._db):
            for alert, state in alerts:
                settled = None if state == WAITING else text_of(now)
                told = (alert.level.value, alert.key, alert.message)
                row = (alert.strategy, alert.seq, text_of(alert.at), *told, state, settled)
                self._db.execute(ADD, row)
            self._db.execute(MOVE, (strategy, seq))

    def waiting(self) -> list[Alert]:
        """What is not sent yet, oldest first."""
        with named_faults(self._path, OUTBOX.noun):
            rows = self._db.execute(WAIT).fetchall()
        return [
            Alert(s, n, datetime.fromisoformat(at), Level(level), key, message, tries, error)
            for s, n, at, level, key, message, tries, error in rows
        ]

    def last(self, strategy: str, key: str) -> tuple[Level, datetime] | None:
        """Level and time of the newest alert of a matter that was sent or waits."""
        with named_faults(self._path, OUTBOX.noun):
            row = self._db.execute(LAST, (strategy, key)).fetchone()
        return None if row is None else (Level(row[0]), datetime.fromisoformat(row[1]))

    def sent_since(self, at: datetime) -> int:
        """Messages sent after an instant; one may have held several alerts."""
        with named_faults(self._path, OUTBOX.noun):
            (count,) = self._db.execute(SENT_SINCE, (text_of(at),)).fetchone()
        return int(count)

    def settle(self, alerts: Sequence[Alert], state: str, now: datetime) -> None:
        with named_faults(self._path, OUTBOX.noun), transaction(self._db):
            rows = [(state, text_of(now), a.strategy, a.seq) for a in alerts]
            self._db.executemany(SETTLE, rows)

    def fail(self, alerts: Sequence[Alert], error: str) -> None:
        with named_faults(self._path, OUTBOX.noun), transaction(self._db):
            self._db.executemany(FAIL, [(error, a.strategy, a.seq) for a in alerts])

    def counts(self) -> dict[str, int]:
        """How many alerts are in which state."""
        with named_faults(self._path, OUTBOX.noun):
            return dict(self._db.execute(COUNTS).fetchall())

    def close(self) -> None:
        self._db.close()
