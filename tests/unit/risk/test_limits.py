"""Account and portfolio limits below, at and above, and what no limit may be fooled by."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from magellan_core.model import Published
from magellan_core.risk import account, portfolio
from magellan_core.risk.account import AccountLimits, ClosedTrade, DayResult
from magellan_core.risk.portfolio import PortfolioLimits

D = Decimal
NOW = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
SECOND = timedelta(seconds=1)
SOON = NOW + 10 * SECOND
LIMITS = AccountLimits(
    max_daily_loss_dollars=D(10_000),
    max_daily_loss_pct=D(10),
    max_drawdown_pct=D(20),
    consecutive_losing_days=3,
    losing_day_min_loss_pct=D(1),
    min_win_rate_pct=D(30),
    win_rate_window_days=14,
    win_rate_min_trades=20,
)
NAMES = ("bear_trap", "daily_trend", "hourly_swing")
SHARED = PortfolioLimits(NAMES, D(10_000), D(20), timedelta(seconds=60))


@pytest.mark.parametrize(
    ("equity", "start", "breached"),
    [
        ("90000.01", "100000", False),
        ("90000.00", "100000", True),
        ("89999.99", "100000", True),
        ("45000.01", "50000", False),  # 10 % bites before the dollars
        ("45000.00", "50000", True),
        ("190000.00", "200000", True),  # the dollars bite before 10 %
        ("0", "100000", True),
        ("-5", "100000", True),
        ("0", "0", True),  # nothing there to lose: nothing to trade with
        ("-5", "-5", True),
    ],
)
def test_daily_loss(equity: str, start: str, breached: bool) -> None:
    assert (account.daily_loss(D(equity), D(start), LIMITS) is not None) is breached


@pytest.mark.parametrize(
    ("equity", "high", "breached"),
    [
        ("80000.01", "100000", False),
        ("80000.00", "100000", True),
        ("79999.99", "100000", True),
        ("120000", "100000", False),
        ("-1", "100000", True),
        ("100000", "0", False),  # no mark yet
    ],
)
def test_drawdown(equity: str, high: str, breached: bool) -> None:
    assert (account.drawdown(D(equity), D(high), LIMITS) is not None) is breached


def days(*losses: str | None) -> list[DayResult]:
    """Losses in dollars on $100,000; None: not known."""
    return [
        DayResult(TODAY, D(0) if loss is None else -D(loss), D(100_000), known=loss is not None)
        for loss in losses
    ]


@pytest.mark.parametrize(
    ("results", "breached"),
    [
        (days("1000.01", "1000.01"), False),
        (days("1000.01", "1000.01", "1000.01"), True),
        (days("1000.01", "1000.01", "1000.00"), False),  # at the threshold it is no losing day
        (days("1000.01", "1000.01", "1000.01", "-1"), False),
        (days("1000.01", None, "1000.01"), True),
        (days(None, None), False),
        ([], False),
    ],
)
def test_losing_streak(results: Sequence[DayResult], breached: bool) -> None:
    assert (account.losing_streak(results, LIMITS) is not None) is breached


def trades(won: int, lost: int, ago: timedelta = timedelta(days=1)) -> list[ClosedTrade]:
    gains = [D(1)] * won + [D(-1)] * lost
    return [ClosedTrade("AMC", NOW - ago, NOW - ago, 1, gain) for gain in gains]


@pytest.mark.parametrize(
    ("closed", "breached"),
    [
        (trades(5, 14), False),  # 19 trades: not judged
        (trades(7, 14), False),  # a third
        (trades(6, 14), False),  # 30 %: at the limit
        (trades(5, 15), True),
        (trades(0, 20, timedelta(days=300)), True),  # the window reaches back for its trades
        ([*trades(0, 20, timedelta(days=300)), *trades(6, 14)], False),
    ],
)
def test_win_rate(closed: Sequence[ClosedTrade], breached: bool) -> None:
    assert (account.win_rate(closed, NOW, LIMITS) is not None) is breached


def rows(*lost: str, **changes: Any) -> list[Published]:
    """One row a strategy; changes are for the last one."""
    made = [
        Published(
            name, NOW, NOW + 10 * SECOND, 100_000 - D(loss), -D(loss), TODAY, False, "running"
        )
        for name, loss in zip(NAMES, lost, strict=False)
    ]
    return [*made[:-1], replace(made[-1], **changes)]


@pytest.mark.parametrize(
    ("told", "breached"),
    [
        (rows("4000", "3000", "2999.99"), False),
        (rows("4000", "3000", "3000.00"), True),
        (rows("4000", "3000", "3000.01"), True),
        (rows("12000", "-3000", "0"), False),  # what one gains another may lose
        (rows("4000", "3000", "3000.01", session=date(2026, 2, 27)), False),  # of another day
        (rows("11000"), True),  # peers that have not published cannot make it better
    ],
)
def test_portfolio_daily_loss(told: Sequence[Published], breached: bool) -> None:
    assert (portfolio.daily_loss(told, TODAY, SHARED) is not None) is breached


@pytest.mark.parametrize(
    ("told", "breached"),
    [
        (rows("20000", "20000", "19999.99"), False),
        (rows("20000", "20000", "20000.00"), True),
        (rows("20000", "20000", "20000.01"), True),
        (rows("60000", "0"), False),  # one has never published: stale, and so no entries
    ],
)
def test_portfolio_drawdown(told: Sequence[Published], breached: bool) -> None:
    assert (portfolio.drawdown(told, D(300_000), SHARED) is not None) is breached


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({}, False),
        ({"next_by": NOW - 60 * SECOND}, False),
        ({"next_by": NOW - 61 * SECOND}, True),
        ({"next_by": NOW - 61 * SECOND, "state": "stopped", "flat": True}, False),
        ({"next_by": NOW - 61 * SECOND, "state": "stopped", "flat": False}, True),
        ({"next_by": NOW - 61 * SECOND, "state": "halted", "flat": False}, True),
        ({"at": NOW + 60 * SECOND}, False),
        ({"at": NOW + 61 * SECOND}, True),
        ({"at": NOW + 61 * SECOND, "state": "stopped", "flat": True}, True),
    ],
)
def test_stale_peers(changes: dict[str, Any], stale: bool) -> None:
    told = rows("0", "0", "0", **changes)
    found = portfolio.stale_peers(told, NAMES[0], NOW, SHARED)
    assert [each.split()[0] for each in found] == ([NAMES[2]] if stale else [])
    # Our own figures cannot be late, but may be left from before the clock was set back.
    mine = portfolio.stale_peers(told, NAMES[2], NOW, SHARED)
    assert bool(mine) is (changes.get("at") == NOW + 61 * SECOND)


def test_a_peer_that_never_published_is_stale() -> None:
    assert portfolio.stale_peers(rows("0", "0"), NAMES[0], NOW, SHARED) == [
        "hourly_swing (never published)"
    ]
