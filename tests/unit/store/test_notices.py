"""Notices: durable, complete, in one order for everybody, on disk and in memory alike."""

import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from magellan_core.errors import Unavailable
from magellan_core.ports import PortfolioStore
from magellan_core.risk.notice import EVERYBODY, Action, Notice
from magellan_core.store.memory import MemoryPortfolioStore
from magellan_core.store.notices import NoticeBoard
from magellan_core.store.portfolio import SqlitePortfolioStore

NOON = datetime(2026, 1, 5, 17, tzinfo=UTC)


def halt(strategy: str = EVERYBODY, why: str = "the news") -> Notice:
    return Notice(Action.HALT, strategy, "manual", why, "a test", NOON)


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> PortfolioStore:
    if request.param == "memory":
        return MemoryPortfolioStore()
    return SqlitePortfolioStore(tmp_path / "portfolio.db")


def test_an_empty_board_has_no_notices(store: PortfolioStore) -> None:
    assert list(store.notices(0)) == []


def test_notices_come_back_equal_in_their_order_each_after_its_number(
    store: PortfolioStore,
) -> None:
    posted = [store.post(halt(why=f"reason {n}")) for n in range(12)]
    assert [p.number for p in posted] == list(range(1, 13))
    assert list(store.notices(0)) == posted
    assert list(store.notices(9)) == posted[9:]
    assert list(store.notices(12)) == []


@pytest.mark.parametrize(
    ("strategy", "heard"), [("all", True), ("bear_trap", True), ("hourly_swing", False)]
)
def test_whom_a_notice_is_for(strategy: str, heard: bool) -> None:
    assert halt(strategy).addresses("bear_trap") is heard


def test_many_who_post_at_once_get_a_number_each(tmp_path: Path) -> None:
    folder = tmp_path / "notices"

    def post() -> None:
        for _ in range(10):
            NoticeBoard(folder).post(halt())

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [n.number for n in NoticeBoard(folder).after(0)] == list(range(1, 41))
    assert sorted(p.suffix for p in folder.iterdir()) == [".json"] * 40


def test_a_damaged_notice_is_named_and_stops_everybody(tmp_path: Path) -> None:
    board = NoticeBoard(tmp_path / "notices")
    board.post(halt())
    path = tmp_path / "notices" / "00000001.json"
    path.write_text("{")
    with pytest.raises(Unavailable, match=r"00000001\.json: the notice is unreadable"):
        board.after(0)


def test_a_board_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "notices").write_text("a file is in the way")
    with pytest.raises(Unavailable, match="cannot put up a notice"):
        NoticeBoard(tmp_path / "notices").post(halt())


def test_a_draft_of_a_writer_that_died_is_no_notice(tmp_path: Path) -> None:
    board = NoticeBoard(tmp_path / "notices")
    board.post(halt())
    (tmp_path / "notices" / ".draft-x").write_text("{")
    assert len(board.after(0)) == 1


def test_a_new_era_starts_from_a_new_mark_and_an_old_one_changes_nothing(
    store: PortfolioStore,
) -> None:
    marks = [
        store.high_water(Decimal(equity), era)
        for equity, era in [(300, 0), (290, 0), (240, 7), (300, 0), (250, 7), (245, 7)]
    ]
    assert marks == [300, 300, 240, 240, 250, 250]
