"""The shared store of all strategies: who has which equity, the portfolio's high-water mark, and
beside it, in files, the notices that halt and resume.

One SQLite file in WAL mode, written by every daemon. Each call opens it if need be and gives up
after a short wait with Unavailable, which blocks entries and never exits; a file that was mended
or moved away is taken up again at the next call.
"""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from magellan_core.errors import JournalError, JournalUnwritable, Unavailable
from magellan_core.ports import Published
from magellan_core.risk.notice import Notice, Numbered
from magellan_core.store.notices import FOLDER, NoticeBoard
from magellan_core.store.rows import finite, text_of
from magellan_core.store.sqlite import FoldBack, Schema, named_faults, open_writer, transaction

# "MGLP" in ASCII.
PORTFOLIO = Schema(
    noun="portfolio store",
    application_id=0x4D474C50,
    migrations=(
        (
            "CREATE TABLE published (strategy TEXT PRIMARY KEY, at TEXT NOT NULL,"
            " next_by TEXT NOT NULL, equity TEXT NOT NULL, pnl_today TEXT NOT NULL, session TEXT,"
            " flat INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID",
            "CREATE TABLE marks (name TEXT PRIMARY KEY, dollars TEXT NOT NULL) WITHOUT ROWID",
        ),
        (
            "ALTER TABLE published ADD COLUMN paid_in TEXT NOT NULL DEFAULT '0'",
            "ALTER TABLE marks ADD COLUMN era INTEGER NOT NULL DEFAULT 0",
        ),
    ),
)

# A late writer (its process was stopped for a while) must not overwrite newer news of its own;
# what is of a later time than any such writer's is left from before the clock was set back.
PUBLISH = (
    "INSERT INTO published (strategy, at, next_by, equity, pnl_today, session, flat, state,"
    " paid_in) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (strategy) DO UPDATE SET"
    " at = excluded.at, next_by = excluded.next_by, equity = excluded.equity,"
    " pnl_today = excluded.pnl_today, session = excluded.session, flat = excluded.flat,"
    " state = excluded.state, paid_in = excluded.paid_in"
    " WHERE published.at <= excluded.at OR published.at > ?"
)
ROWS = (
    "SELECT strategy, at, next_by, equity, pnl_today, session, flat, state, paid_in"
    " FROM published ORDER BY strategy"
)
MARK = "SELECT dollars, era FROM marks WHERE name = 'high_water'"
RAISE_MARK = "INSERT OR REPLACE INTO marks (name, dollars, era) VALUES ('high_water', ?, ?)"

# A clock that was set back by more is believed; by less, its figures wait for it to catch up.
SET_BACK = timedelta(seconds=60)

type Stored = tuple[str, str, str, str, str, str | None, int, str, str]


class SqlitePortfolioStore:
    """ports.PortfolioStore on disk. Whatever is wrong with the file is Unavailable."""

    def __init__(self, path: Path, *, patience: float = 2.0) -> None:
        """Nothing is opened yet. Locks are waited for up to `patience` seconds."""
        self.path, self._patience = path, patience
        self._board = NoticeBoard(path.parent / FOLDER)
        self._db: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._log: FoldBack | None = None

    def publish(self, row: Published) -> None:
        """Replace this strategy's row, unless the row there is newer by `SET_BACK` at most."""
        stored = (*_to_stored(row), text_of(row.at + SET_BACK))

        def work(db: sqlite3.Connection) -> None:
            with transaction(db):
                db.execute(PUBLISH, stored)
            if self._log is not None:
                self._log.committed()

        self._use(work)

    def rows(self) -> Sequence[Published]:
        """All strategies' rows as of one instant, by name."""
        return self._use(
            lambda db: tuple(_to_published(row) for row in db.execute(ROWS).fetchall())
        )

    def high_water(self, equity: Decimal, era: int = 0) -> Decimal:
        """Raise the mark to `equity` dollars if that is higher, or a new era; return the mark."""
        finite(equity)

        def work(db: sqlite3.Connection) -> Decimal:
            mark = _mark(db, equity, era)
            if mark is not None:
                return mark
            with transaction(db):
                # Again under the lock: a peer may have raised it meanwhile.
                mark = _mark(db, equity, era)
                if mark is not None:
                    return mark
                db.execute(RAISE_MARK, (str(equity), era))
            return equity

        return self._use(work)

    def mark(self) -> Decimal | None:
        """The portfolio's high-water mark in dollars; None: no figure of all has been seen yet."""

        def work(db: sqlite3.Connection) -> Decimal | None:
            found = db.execute(MARK).fetchone()
            return Decimal(found[0]) if found else None

        return self._use(work)

    def post(self, notice: Notice) -> Numbered:
        return self._board.post(notice)

    def notices(self, after: int) -> Sequence[Numbered]:
        return self._board.after(after)

    def between_ticks(self) -> None:
        """Do what a commit would otherwise have to do while an order waits for it."""
        if self._log is not None:
            self._log.between_ticks()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = self._log = None

    def _use[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            db = self._opened()
            with named_faults(self.path, PORTFOLIO.noun):
                return work(db)
        except (JournalError, JournalUnwritable) as error:
            # Drop the connection: the next call meets the file as it is then.
            self.close()
            raise Unavailable(str(error)) from error
        except (ValueError, InvalidOperation) as error:
            message = f"{self.path}: a row is unreadable ({error}): move the portfolio store away"
            raise Unavailable(message) from error

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None and _inode(self.path) != self._inode:
            self.close()
        if self._db is None:
            self._db = open_writer(self.path, PORTFOLIO, patience=self._patience)
            self._log = FoldBack(self._db)
            self._inode = _inode(self.path)
        return self._db


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _mark(db: sqlite3.Connection, equity: Decimal, era: int) -> Decimal | None:
    """The mark that stands against `equity` in that era; None: it is to be written."""
    found = db.execute(MARK).fetchone()
    if found is None or found[1] < era:
        return None
    mark = Decimal(found[0])
    return mark if found[1] > era or mark >= equity else None


def _to_stored(row: Published) -> Stored:
    return (
        row.strategy,
        text_of(row.at),
        text_of(row.next_by),
        str(finite(row.equity)),
        str(finite(row.pnl_today)),
        None if row.session is None else row.session.isoformat(),
        int(row.flat),
        row.state,
        str(finite(row.paid_in)),
    )


def _to_published(row: Stored) -> Published:
    strategy, at, next_by, equity, pnl_today, session, flat, state, paid_in = row
    return Published(
        strategy=strategy,
        at=datetime.fromisoformat(at),
        next_by=datetime.fromisoformat(next_by),
        equity=Decimal(equity),
        pnl_today=Decimal(pnl_today),
        session=None if session is None else date.fromisoformat(session),
        flat=bool(flat),
        state=state,
        paid_in=Decimal(paid_in),
    )
