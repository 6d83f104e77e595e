"""The journal of one strategy: append-only, durable, readable beside its writer.

Line numbers (`seq`) count from 1 without gaps; triggers refuse changing or deleting a line.
"""

import heapq
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from magellan_core.errors import JournalUnwritable
from magellan_core.ports import Event
from magellan_core.store.rows import Row, to_event, to_line, to_row
from magellan_core.store.sqlite import (
    FoldBack,
    Schema,
    named_faults,
    open_reader,
    open_writer,
    transaction,
)

# "MGLJ" in ASCII.
JOURNAL = Schema(
    noun="journal",
    application_id=0x4D474C4A,
    migrations=(
        (
            "CREATE TABLE events (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL,"
            " symbol TEXT, data TEXT NOT NULL)",
            # SQLite ends every index entry with the row id: each lists its lines in seq order.
            "CREATE INDEX events_by_kind ON events (kind)",
            "CREATE INDEX events_by_symbol ON events (symbol)",
            "CREATE TRIGGER events_keep BEFORE DELETE ON events"
            " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
            "CREATE TRIGGER events_stay BEFORE UPDATE ON events"
            " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
        ),
    ),
)

INSERT = "INSERT INTO events (at, kind, symbol, data) VALUES (?, ?, ?, ?)"
PAGE = 1000
PAGE_OF_ALL = (
    "SELECT seq, at, kind, symbol, data FROM events"
    " WHERE seq > :after AND seq <= :last AND (:symbol IS NULL OR symbol = :symbol)"
    " ORDER BY seq LIMIT :page"
)
PAGE_OF_KIND = (
    "SELECT seq, at, kind, symbol, data FROM events INDEXED BY events_by_kind"
    " WHERE kind = :kind AND seq > :after AND seq <= :last"
    " AND (:symbol IS NULL OR symbol = :symbol) ORDER BY seq LIMIT :page"
)
LAST_OF_KIND = (
    "SELECT at, kind, symbol, data FROM events INDEXED BY events_by_kind"
    " WHERE kind = :kind ORDER BY seq DESC LIMIT 1"
)
LAST_OF_SYMBOL = (
    "SELECT at, kind, symbol, data FROM events INDEXED BY events_by_symbol"
    " WHERE symbol = :symbol AND kind = :kind ORDER BY seq DESC LIMIT 1"
)
NEWEST_OF_SYMBOL = (
    "SELECT seq, at, kind, symbol, data FROM events INDEXED BY events_by_symbol"
    " WHERE symbol IS :symbol AND kind = :kind AND seq <= :last ORDER BY seq DESC LIMIT 1"
)
# Hops through an index from one value to the next, where DISTINCT would read it all.
DISTINCT = (
    "WITH RECURSIVE hop(v) AS (SELECT min({0}) FROM events UNION ALL"
    " SELECT (SELECT min({0}) FROM events WHERE {0} > v) FROM hop WHERE v IS NOT NULL)"
    " SELECT v FROM hop WHERE v IS NOT NULL"
)

type Numbered = tuple[int, Event]


class JournalReader:
    """What dashboards and scripts read. Raises JournalError, JournalUnwritable when locked."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path, self._db = path, db

    def events(self) -> Iterator[Event]:
        """Everything appended before the first step of the iterator, oldest first."""
        return (event for _, event in self.since(0))

    def since(
        self, seq: int, *, kinds: Collection[str] | None = None, symbol: str | None = None
    ) -> Iterator[Numbered]:
        """Lines after number `seq`, oldest first, each with its number; None: no filter."""
        last = self.last_seq
        if kinds is None:
            yield from self._walk(PAGE_OF_ALL, seq, last, None, symbol)
            return
        # Each kind comes out of its index in order, so merging beats sorting the union.
        each = (self._walk(PAGE_OF_KIND, seq, last, kind, symbol) for kind in sorted(set(kinds)))
        yield from heapq.merge(*each, key=_number)

    def condensed(
        self, *, only_last: Collection[str], without: Collection[str]
    ) -> Iterator[Numbered]:
        """What is left of a long journal when it is read for its fold; see ports.Journal."""
        last = self.last_seq
        kinds = set(self._distinct("kind")) - {*only_last, *without}
        newest = [
            found
            for symbol in [*self._distinct("symbol"), None]
            for kind in only_last
            if (found := self._newest(kind, symbol, last)) is not None
        ]
        whole = (self._walk(PAGE_OF_KIND, 0, last, kind, None) for kind in kinds)
        yield from heapq.merge(sorted(newest, key=_number), *whole, key=_number)

    def last(self, kind: str, *, symbol: str | None = None) -> Event | None:
        """The latest line of that kind (and symbol); None: there is none."""
        query = LAST_OF_KIND if symbol is None else LAST_OF_SYMBOL
        with named_faults(self.path, JOURNAL.noun):
            found = self._db.execute(query, {"kind": kind, "symbol": symbol}).fetchone()
        return to_event(Row(*found)) if found else None

    @property
    def last_seq(self) -> int:
        """The number of the latest line; 0: the journal is empty."""
        with named_faults(self.path, JOURNAL.noun):
            (number,) = self._db.execute("SELECT max(seq) FROM events").fetchone()
        return number or 0

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _distinct(self, column: str) -> list[str]:
        with named_faults(self.path, JOURNAL.noun):
            return [value for (value,) in self._db.execute(DISTINCT.format(column))]

    def _newest(self, kind: str, symbol: str | None, last: int) -> Numbered | None:
        wanted = {"kind": kind, "symbol": symbol, "last": last}
        with named_faults(self.path, JOURNAL.noun):
            found = self._db.execute(NEWEST_OF_SYMBOL, wanted).fetchone()
        return None if found is None else (found[0], to_event(Row(*found[1:])))

    def _walk(
        self, query: str, after: int, last: int, kind: str | None, symbol: str | None
    ) -> Iterator[Numbered]:
        # Page by page: an open read would keep the write-ahead log from being folded back.
        while True:
            wanted = {"after": after, "last": last, "kind": kind, "symbol": symbol, "page": PAGE}
            with named_faults(self.path, JOURNAL.noun):
                rows = self._db.execute(query, wanted).fetchall()
            for number, *row in rows:
                yield number, to_event(Row(*row))
            if len(rows) < PAGE:
                return
            after = rows[-1][0]


class SqliteJournal(JournalReader):
    """The daemon's journal: ports.Journal on disk.

    Opening it raises JournalError if the file is damaged, foreign or newer, JournalUnwritable if
    it cannot be opened now. Locks are waited for up to `patience` seconds.
    """

    def __init__(self, path: Path, *, patience: float = 2.0) -> None:
        super().__init__(path, open_writer(path, JOURNAL, patience=patience))
        self._file = _identity(path)
        self._log = FoldBack(self._db)

    def between_ticks(self) -> None:
        """Do what a commit would otherwise have to do while an order waits for it."""
        self._log.between_ticks()

    def append(self, events: Sequence[Event]) -> None:
        """All or none, on disk when this returns. Raise JournalUnwritable, or JournalError.

        A line that cannot be JSON is a TypeError, and nothing is written.
        """
        rows = [to_row(event) for event in events]
        if not rows:
            return
        if _identity(self.path) != self._file:
            raise JournalUnwritable(
                f"{self.path}: the journal was moved or deleted while in use: "
                f"put it back and restart the strategy"
            )
        with named_faults(self.path, JOURNAL.noun), transaction(self._db):
            self._db.executemany(INSERT, rows)
        self._log.committed()


def _number(numbered: Numbered) -> int:
    return numbered[0]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def read_only(path: Path, *, patience: float = 2.0) -> JournalReader:
    """Open a journal for reading, beside its daemon or without. Raise JournalError."""
    return JournalReader(path, open_reader(path, JOURNAL, patience=patience))


def export(path: Path) -> Iterator[str]:
    """The journal as JSON lines: seq, at, kind, symbol, data. Raise JournalError."""
    with read_only(path) as journal:
        for number, event in journal.since(0):
            yield to_line(number, event)
