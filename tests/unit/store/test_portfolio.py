"""The portfolio store: one contract for disk and memory, then three processes and a bad disk."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magellan_core.errors import Unavailable
from magellan_core.ports import PortfolioStore, Published
from magellan_core.store.memory import MemoryPortfolioStore
from magellan_core.store.portfolio import SqlitePortfolioStore

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)


def row(strategy: str, minute: int, equity: str = "100000.10", state: str = "running") -> Published:
    at = NOON + timedelta(minutes=minute)
    return Published(
        strategy=strategy,
        at=at,
        next_by=at + timedelta(seconds=10),
        equity=Decimal(equity),
        pnl_today=Decimal("-12.50"),
        session=date(2026, 3, 2),
        flat=False,
        state=state,
    )


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> PortfolioStore:
    if request.param == "memory":
        return MemoryPortfolioStore()
    return SqlitePortfolioStore(tmp_path / "portfolio.db")


def test_nobody_has_published_yet(store: PortfolioStore) -> None:
    assert list(store.rows()) == []


def test_each_strategy_has_one_row_to_the_cent(store: PortfolioStore) -> None:
    swing, trend = row("hourly_swing", 1), row("daily_trend", 2)
    store.publish(row("hourly_swing", 0, "99000"))
    store.publish(swing)
    store.publish(trend)
    assert list(store.rows()) == [trend, swing]


def test_a_row_without_a_session_comes_back_so(store: PortfolioStore) -> None:
    weekend = Published("bear_trap", NOON, NOON, Decimal(1), Decimal(0), None, True, "idle")
    store.publish(weekend)
    assert list(store.rows()) == [weekend]


def test_older_news_never_replaces_newer(store: PortfolioStore) -> None:
    store.publish(row("bear_trap", 5))
    store.publish(row("bear_trap", 4, "1"))
    assert list(store.rows()) == [row("bear_trap", 5)]


def test_of_two_rows_of_one_instant_the_later_stays(store: PortfolioStore) -> None:
    store.publish(row("bear_trap", 5, state="running"))
    store.publish(row("bear_trap", 5, state="halted"))
    assert list(store.rows()) == [row("bear_trap", 5, state="halted")]


@pytest.mark.parametrize(
    ("equities", "marks"),
    [
        (["300000"], ["300000"]),
        (["300000", "299999.99", "300000.01"], ["300000", "300000", "300000.01"]),
        (["9.5", "10", "9"], ["9.5", "10", "10"]),
        (["-5", "-7", "0"], ["-5", "-5", "0"]),
    ],
)
def test_the_high_water_mark_only_rises(
    store: PortfolioStore, equities: list[str], marks: list[str]
) -> None:
    assert [store.high_water(Decimal(equity)) for equity in equities] == [
        Decimal(mark) for mark in marks
    ]


@given(st.lists(st.decimals("-1e6", "1e6", places=2), min_size=1))
def test_the_mark_is_the_highest_equity_ever_told(equities: list[Decimal]) -> None:
    store = MemoryPortfolioStore()
    assert [store.high_water(equity) for equity in equities][-1] == max(equities)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_amount_of_dollars_is_refused(store: PortfolioStore, amount: str) -> None:
    with pytest.raises(ValueError, match="is no amount of dollars"):
        store.high_water(Decimal(amount))
    with pytest.raises(ValueError, match="is no amount of dollars"):
        store.publish(row("bear_trap", 0, amount))
    assert list(store.rows()) == []


# On disk


def test_rows_and_mark_outlive_the_process(tmp_path: Path) -> None:
    first = SqlitePortfolioStore(tmp_path / "portfolio.db")
    first.publish(row("bear_trap", 0))
    first.high_water(Decimal(500))
    first.close()
    second = SqlitePortfolioStore(tmp_path / "portfolio.db")
    assert list(second.rows()) == [row("bear_trap", 0)]
    assert second.high_water(Decimal(1)) == Decimal(500)


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from magellan_core.ports import Published
from magellan_core.store.portfolio import SqlitePortfolioStore
name, path, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
store = SqlitePortfolioStore(path, patience=20)
start = datetime(2026, 3, 2, 17, tzinfo=UTC)
sys.stdin.readline()
mark = Decimal(0)
for n in range(rounds):
    at = start + timedelta(seconds=n)
    equity = Decimal(1000 + n) + Decimal(len(name)) / 100
    store.publish(Published(name, at, at, equity, Decimal(n), None, False, str(n)))
    assert store.high_water(equity) >= max(mark, equity)
    mark = store.high_water(Decimal(0))
    ours = [row for row in store.rows() if row.strategy == name]
    assert [(row.equity, row.state) for row in ours] == [(equity, str(n))], ours
"""


def test_three_processes_that_start_at_once_lose_nothing(tmp_path: Path) -> None:
    names, rounds, path = ("a", "bb", "ccc"), 150, tmp_path / "new" / "portfolio.db"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name, str(path), str(rounds)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for name in names
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [(writer.communicate()[1], writer.returncode) for writer in writers] == [("", 0)] * 3
    store = SqlitePortfolioStore(path)
    assert {kept.strategy: kept.pnl_today for kept in store.rows()} == dict.fromkeys(
        names, Decimal(rounds - 1)
    )
    assert store.high_water(Decimal(0)) == Decimal("1149.03")


def locked(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    return db


def test_a_peer_that_keeps_the_lock_makes_writing_unavailable_and_not_reading(
    tmp_path: Path,
) -> None:
    store = SqlitePortfolioStore(tmp_path / "portfolio.db", patience=0.05)
    store.publish(row("bear_trap", 0))
    peer = locked(tmp_path / "portfolio.db")
    with pytest.raises(Unavailable, match="another process keeps it locked"):
        store.publish(row("bear_trap", 1))
    with pytest.raises(Unavailable, match="another process keeps it locked"):
        store.high_water(Decimal(5))
    assert list(store.rows()) == [row("bear_trap", 0)]
    peer.execute("ROLLBACK")
    peer.close()
    store.publish(row("bear_trap", 2))
    assert list(store.rows()) == [row("bear_trap", 2)]


def test_a_damaged_store_is_unavailable_until_it_is_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "portfolio.db"
    path.write_text("not a database " * 500)
    store = SqlitePortfolioStore(path)
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"the portfolio store is damaged .*move it away"):
            store.rows()
    path.rename(tmp_path / "broken.db")
    store.publish(row("bear_trap", 0))
    assert list(store.rows()) == [row("bear_trap", 0)]


def test_a_store_that_was_replaced_is_taken_up_anew(tmp_path: Path) -> None:
    store = SqlitePortfolioStore(tmp_path / "portfolio.db")
    store.publish(row("bear_trap", 0))
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"portfolio.db{suffix}").rename(tmp_path / f"old.db{suffix}")
    assert list(store.rows()) == []
    store.publish(row("bear_trap", 1))
    assert list(SqlitePortfolioStore(tmp_path / "portfolio.db").rows()) == [row("bear_trap", 1)]


def test_a_row_that_was_tampered_with_is_unavailable(tmp_path: Path) -> None:
    store = SqlitePortfolioStore(tmp_path / "portfolio.db")
    store.publish(row("bear_trap", 0))
    db = sqlite3.connect(tmp_path / "portfolio.db", isolation_level=None)
    db.execute("UPDATE published SET equity = 'a lot'")
    db.close()
    with pytest.raises(Unavailable, match="a row is unreadable"):
        store.rows()


def test_a_journal_is_no_portfolio_store(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "portfolio.db")
    db.execute("PRAGMA application_id = 7")
    db.close()
    with pytest.raises(Unavailable, match="not a portfolio store of Magellan"):
        SqlitePortfolioStore(tmp_path / "portfolio.db").rows()


@pytest.mark.parametrize(("seconds", "believed"), [(60, False), (61, True), (86_400, True)])
def test_a_clock_that_was_set_back_is_believed_after_a_minute(
    store: PortfolioStore, seconds: int, believed: bool
) -> None:
    """Otherwise figures would stand still, and look fresh, until the clock has caught up."""
    ahead = row("bear_trap", 0)
    at = ahead.at + timedelta(seconds=seconds)
    store.publish(replace(ahead, at=at, next_by=at))
    store.publish(ahead)
    assert (list(store.rows()) == [ahead]) is believed


def test_the_log_is_folded_back_between_ticks(tmp_path: Path) -> None:
    path = tmp_path / "portfolio.db"
    store = SqlitePortfolioStore(path)
    store.between_ticks()  # nothing is open yet
    for minute in range(50):
        store.publish(row("hourly_swing", minute))
    before = path.read_bytes()
    store.between_ticks()
    assert path.read_bytes() != before
    store.close()
    store.between_ticks()
