"""Backups of databases that are being written to, and the way back."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from magellan_core.errors import AlreadyRunning, DataError, JournalError
from magellan_core.lines import Line, line
from magellan_core.operations.backup import back_up, restore
from magellan_core.store.journal import SqliteJournal, read_only
from magellan_core.store.lock import hold

NOW = datetime(2024, 11, 29, 15, tzinfo=UTC)


def kinds(path: Path) -> list[str]:
    with read_only(path) as journal:
        return [event.kind for event in journal.events()]


def test_a_journal_is_copied_while_it_is_open_and_put_back_after_its_loss(tmp_path: Path) -> None:
    state, folder = tmp_path / "state", tmp_path / "backup"
    state.mkdir()
    journal = SqliteJournal(state / "bear_trap.sqlite3")
    journal.append([line(NOW, Line.START)])
    [copy] = back_up(state, folder)
    journal.append([line(NOW, Line.STOP)])
    journal.close()
    assert kinds(copy) == ["start"]
    (state / "bear_trap.sqlite3").write_bytes(b"rubbish")
    kept = restore(state, folder, "bear_trap")
    assert kinds(state / "bear_trap.sqlite3") == ["start"]
    assert kept.read_bytes() == b"rubbish"
    # It is a journal to be written to, as before.
    again = SqliteJournal(state / "bear_trap.sqlite3")
    again.append([line(NOW, Line.START)])
    again.close()
    assert kinds(state / "bear_trap.sqlite3") == ["start", "start"]


def test_a_restore_waits_for_nobody_it_refuses_while_the_daemon_runs(tmp_path: Path) -> None:
    SqliteJournal(tmp_path / "bear_trap.sqlite3").close()
    back_up(tmp_path, tmp_path / "backup")
    with hold(tmp_path / "bear_trap.lock"), pytest.raises(AlreadyRunning):
        restore(tmp_path, tmp_path / "backup", "bear_trap")
    assert kinds(tmp_path / "bear_trap.sqlite3") == []


def test_what_was_replaced_is_never_overwritten(tmp_path: Path) -> None:
    SqliteJournal(tmp_path / "bear_trap.sqlite3").close()
    back_up(tmp_path, tmp_path / "backup")
    names = [restore(tmp_path, tmp_path / "backup", "bear_trap").name for _ in range(2)]
    assert names == ["bear_trap.sqlite3.replaced-1", "bear_trap.sqlite3.replaced-2"]


def test_a_damaged_database_spoils_no_earlier_backup(tmp_path: Path) -> None:
    state, folder = tmp_path / "state", tmp_path / "backup"
    state.mkdir()
    SqliteJournal(state / "bear_trap.sqlite3").close()
    [copy] = back_up(state, folder)
    before = copy.read_bytes()
    (state / "bear_trap.sqlite3").write_bytes(b"rubbish" * 1000)
    with pytest.raises(JournalError, match="cannot be copied"):
        back_up(state, folder)
    assert copy.read_bytes() == before
    assert [f.name for f in folder.iterdir()] == ["bear_trap.sqlite3"]


def test_nothing_to_copy_or_to_restore_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no"):
        back_up(tmp_path, tmp_path / "backup")
    with pytest.raises(DataError, match="no such backup"):
        restore(tmp_path, tmp_path / "backup", "bear_trap")
