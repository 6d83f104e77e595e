"""Copy the state directory's databases while daemons write to them, and put a copy back."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from magellan_core.errors import DataError, JournalError
from magellan_core.store.lock import hold
from magellan_core.store.ownership import leave_to_owner

PATTERN = "*.sqlite3"
SIDE_FILES = ("-wal", "-shm")


def back_up(state: Path, folder: Path) -> Sequence[Path]:
    """Every database of `state` into `folder`, each checked; return the copies.

    Raise DataError where there is nothing to copy or a copy cannot be written, JournalError where
    a database is damaged: an earlier backup of it in `folder` is left as it was.
    """
    found = sorted(state.glob(PATTERN))
    if not found:
        raise DataError(f"{state}: holds no {PATTERN}: give --state-dir")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_copy(path, folder / path.name) for path in found]
    except OSError as fault:
        raise DataError(f"{folder}: cannot be written ({fault.strerror}): give --to") from fault


def restore(state: Path, folder: Path, strategy: str) -> Path:
    """Put a strategy's journal back; return where the one that was there is kept.

    Raise AlreadyRunning while its daemon runs, DataError without a backup of it, JournalError if
    the backup is damaged.
    """
    name = f"{strategy}.sqlite3"
    backup, target = folder / name, state / name
    if not backup.exists():
        raise DataError(f"{backup}: there is no such backup")
    with hold(state / f"{strategy}.lock"):
        fresh = _copy(backup, target.with_suffix(".restored"))
        leave_to_owner(fresh)
        kept = _free_name(target)
        for suffix in ("", *SIDE_FILES):
            path = Path(f"{target}{suffix}")
            if path.exists():
                path.rename(f"{kept}{suffix}")
        fresh.rename(target)
    return kept


def _copy(source: Path, target: Path) -> Path:
    """SQLite's online backup, whole or not at all."""
    part = Path(f"{target}.part")
    part.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as ours,
            closing(sqlite3.connect(part)) as copy,
        ):
            ours.backup(copy)
            [(said,), *_] = copy.execute("PRAGMA integrity_check").fetchall()
            # One file, which can be moved alone.
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as fault:
        part.unlink(missing_ok=True)
        raise JournalError(f"{source}: cannot be copied ({fault}): see the guide") from fault
    if said != "ok":
        part.unlink()
        raise JournalError(f"{source}: is damaged ({said}): restore it from an earlier backup")
    part.replace(target)
    return target


def _free_name(target: Path) -> Path:
    """Beside it: "bear_trap.sqlite3.replaced-1"."""
    number = 1
    while Path(f"{target}.replaced-{number}").exists():
        number += 1
    return Path(f"{target}.replaced-{number}")
