"""SQLite files of ours: opened after proof of identity, migrated forward, faults named.

LAW: a file that is damaged, foreign or newer than this code is never written to. WAL and
synchronous=FULL: what a committed transaction wrote survives kill -9 and loss of power.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from magellan_core.errors import JournalError, JournalUnwritable


class Schema(NamedTuple):
    """What identifies a file and how it came to be.

    `noun` names it in messages, `application_id` marks it in its header. `migrations[n]` are the
    statements that lead from schema version n to n + 1; they only ever add.
    """

    noun: str
    application_id: int
    migrations: tuple[tuple[str, ...], ...]


REMEDY = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_READONLY: "it is read-only: check its owner and its file system",
    sqlite3.SQLITE_PERM: "access is denied: check its owner",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check its folder and owner",
    sqlite3.SQLITE_BUSY: "another process keeps it locked: find it with fuser",
    sqlite3.SQLITE_LOCKED: "another process keeps it locked: find it with fuser",
    sqlite3.SQLITE_IOERR: "input or output failed: check the disk",
    sqlite3.SQLITE_NOMEM: "memory ran out: check the unit's MemoryMax",
}
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _damaged(path: Path, noun: str, detail: str) -> JournalError:
    return JournalError(
        f"{path}: the {noun} is damaged ({detail}): restore it from a backup, "
        f"or move it away together with its -wal and -shm files"
    )


@contextmanager
def named_faults(path: Path, noun: str) -> Iterator[None]:
    """Turn SQLite's faults into ours: JournalError if damaged, JournalUnwritable if it may pass.

    Anything else (a wrong statement, a broken constraint) is a bug and passes unchanged.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        # The extended code keeps its class in the low byte: https://sqlite.org/rescode.html
        code = getattr(error, "sqlite_errorcode", -1) & 0xFF
        if code in DAMAGED:
            raise _damaged(path, noun, str(error)) from error
        if code in REMEDY:
            message = f"{path}: the {noun} cannot be used now ({error}); {REMEDY[code]}"
            raise JournalUnwritable(message) from error
        raise


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; takes the write lock at once, so that it cannot be lost half-way."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def open_writer(path: Path, schema: Schema, *, patience: float) -> sqlite3.Connection:
    """Open for writing, create or migrate as needed; wait for locks up to `patience` seconds.

    Raise JournalError if the file is damaged, foreign or newer; JournalUnwritable if it cannot be
    opened now.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{path.parent}: cannot create the {schema.noun}'s folder: {error.strerror}"
        raise JournalUnwritable(message) from error
    with named_faults(path, schema.noun):
        db = _connect(path, "rwc", patience)
        with _closed_on_failure(db):
            used = _identify(db, path, schema)
            db.execute("PRAGMA synchronous = FULL")
            _ensure_wal(db, path, schema, patience)
            if used:
                _check(db, path, schema)
            _migrate(db, schema)
        return db


class FoldBack:
    """Copies the write-ahead log of a file into it between ticks, where no order waits for it.

    SQLite would do it within the commit that fills a thousand pages: then an order waits for
    thousands of bytes and a second fsync. It still does at `_AT_LAST` pages, should nobody call.
    """

    _AFTER = 40
    _AT_LAST = 8000

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db, self._commits = db, 0
        db.execute(f"PRAGMA wal_autocheckpoint = {self._AT_LAST}")

    def committed(self) -> None:
        """One more transaction lies in the log."""
        self._commits += 1

    def between_ticks(self) -> None:
        """Fold back what has gathered, if it is much; what a reader still needs stays."""
        if self._commits < self._AFTER:
            return
        self._commits = 0
        # A full or failing disk is told of by the next line that cannot be written.
        with suppress(sqlite3.OperationalError):
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def open_reader(path: Path, schema: Schema, *, patience: float) -> sqlite3.Connection:
    """Open an existing file for reading beside its writer.

    Raise JournalError if there is none, or it is damaged, foreign, newer or not yet migrated.
    """
    if not path.exists():
        raise JournalError(f"{path}: there is no {schema.noun}: start its strategy once")
    with named_faults(path, schema.noun):
        db = _connect(path, "ro", patience)
        with _closed_on_failure(db):
            _identify(db, path, schema)
            version = _pragma(db, "user_version")
            if version < len(schema.migrations):
                raise JournalError(
                    f"{path}: schema {version} is older than {len(schema.migrations)}: "
                    f"start its strategy once to migrate it"
                )
        return db


@contextmanager
def _closed_on_failure(db: sqlite3.Connection) -> Iterator[None]:
    done = False
    try:
        yield
        done = True
    finally:
        if not done:
            db.close()


def _connect(path: Path, mode: str, patience: float) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=patience, isolation_level=None)


def _pragma(db: sqlite3.Connection, name: str) -> int:
    (value,) = db.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _identify(db: sqlite3.Connection, path: Path, schema: Schema) -> bool:
    """Refuse a file that is not ours or newer than we are; return whether it holds anything."""
    # One read transaction: a peer that creates the file right now is seen wholly or not at all.
    db.execute("BEGIN")
    try:
        (objects,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        mark, version = _pragma(db, "application_id"), _pragma(db, "user_version")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
    if objects == 0 and mark == 0:
        return False
    if mark != schema.application_id:
        raise JournalError(
            f"{path}: this SQLite file is not a {schema.noun} of Magellan: move it away"
        )
    if version > len(schema.migrations):
        raise JournalError(
            f"{path}: the {schema.noun} has schema {version}, this version knows "
            f"{len(schema.migrations)}: install the newer Magellan that wrote it"
        )
    return True


def _ensure_wal(db: sqlite3.Connection, path: Path, schema: Schema, patience: float) -> None:
    mode = _patiently(lambda: db.execute("PRAGMA journal_mode = WAL").fetchone()[0], patience)
    if mode != "wal":
        raise JournalUnwritable(
            f"{path}: the file system cannot hold a write-ahead log for the {schema.noun}: "
            f"put it on a local disk"
        )


def _patiently[T](work: Callable[[], T], patience: float) -> T:
    """SQLite does not wait for locks while it changes the journal mode, so wait here."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _check(db: sqlite3.Connection, path: Path, schema: Schema) -> None:
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise _damaged(path, schema.noun, " ".join(str(verdict).split()))


def _migrate(db: sqlite3.Connection, schema: Schema) -> None:
    target = len(schema.migrations)
    if _pragma(db, "user_version") == target:
        return
    with transaction(db):
        # Read again under the lock: a peer may have migrated meanwhile.
        for statements in schema.migrations[_pragma(db, "user_version") :]:
            for statement in statements:
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {schema.application_id}")
        db.execute(f"PRAGMA user_version = {target}")
