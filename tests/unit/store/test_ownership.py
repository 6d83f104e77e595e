"""State files that root makes belong to the daemons' user; run as root only."""

import os
import pwd
from pathlib import Path

import pytest

from magellan_core.operations.backup import back_up, restore
from magellan_core.store.journal import SqliteJournal
from magellan_core.store.lock import hold

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who alone gives files away")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory of another user, as StateDirectory= makes it."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return folder


def owner(path: Path) -> str:
    return pwd.getpwuid(path.stat().st_uid).pw_name


def test_a_restored_journal_and_its_lock_belong_to_the_daemon(state: Path, tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "from" / "bear_trap.sqlite3")
    journal.close()
    back_up(tmp_path / "from", tmp_path / "backup")
    restore(state, tmp_path / "backup", "bear_trap")
    assert owner(state / "bear_trap.sqlite3") == "nobody"
    assert owner(state / "bear_trap.lock") == "nobody"


def test_a_lock_that_is_there_keeps_its_owner(state: Path) -> None:
    path = state / "bear_trap.lock"
    path.touch()
    with hold(path):
        assert owner(path) == "root"
