"""Account limits on marked equity: daily loss, drawdown, losing streak, win rate.

LAW: pure. Each check returns a Breach or None; the engine makes it a durable halt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import takewhile


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that was passed: which, and the numbers in words."""

    limit: str
    why: str


@dataclass(frozen=True, slots=True)
class DayResult:
    """One session's P&L in dollars, and the equity it started from.

    Not `known`: nobody could tell it, so it is taken for a losing one.
    """

    session: date
    pnl: Decimal
    equity_before: Decimal
    known: bool = True


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A position from its first fill to flat. P&L in dollars, realised."""

    symbol: str
    entered_at: datetime
    exited_at: datetime
    qty: int
    pnl: Decimal


@dataclass(frozen=True, slots=True)
class Transfer:
    """Dollars paid into the account (negative: out of it). `id` orders transfers of an account."""

    id: str
    amount: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """Config `risk_management`, the account's part. Per cent are of 100."""

    max_daily_loss_dollars: Decimal
    max_daily_loss_pct: Decimal
    max_drawdown_pct: Decimal
    consecutive_losing_days: int
    losing_day_min_loss_pct: Decimal
    min_win_rate_pct: Decimal
    win_rate_window_days: int
    win_rate_min_trades: int


def daily_loss(equity: Decimal, day_start: Decimal, limits: AccountLimits) -> Breach | None:
    """Dollars or per cent of the day's first equity, whichever bites first."""
    loss, allowed = day_start - equity, allowed_loss(day_start, limits)
    if loss >= allowed:
        return Breach("daily_loss", f"lost {loss:.2f} today, limit {allowed:.2f}")
    return None


def allowed_loss(day_start: Decimal, limits: AccountLimits) -> Decimal:
    """Dollars that a day which started with that equity may lose."""
    return min(limits.max_daily_loss_dollars, day_start * limits.max_daily_loss_pct / 100)


def fall(equity: Decimal, high_water: Decimal) -> Decimal | None:
    """Per cent below the high-water mark, negative above it; None without a mark."""
    return (high_water - equity) / high_water * 100 if high_water > 0 else None


def drawdown(equity: Decimal, high_water: Decimal, limits: AccountLimits) -> Breach | None:
    pct = fall(equity, high_water)
    if pct is not None and pct >= limits.max_drawdown_pct:
        why = f"{pct:.2f} % below the high of {high_water:.2f}, limit {limits.max_drawdown_pct} %"
        return Breach("drawdown", why)
    return None


def is_losing(day: DayResult, limits: AccountLimits) -> bool:
    """A losing day loses more than the threshold; without one, healthy years would halt.

    One whose result nobody knows counts as losing.
    """
    return not day.known or -day.pnl > day.equity_before * limits.losing_day_min_loss_pct / 100


def losing_days(days: Sequence[DayResult], limits: AccountLimits) -> Sequence[DayResult]:
    """The sessions lost in a row up to now, newest first."""
    return list(takewhile(lambda day: is_losing(day, limits), reversed(days)))


def losing_streak(days: Sequence[DayResult], limits: AccountLimits) -> Breach | None:
    """Consecutive losing sessions, newest last."""
    row = losing_days(days, limits)
    streak, unknown = len(row), sum(1 for day in row if not day.known)
    if streak >= limits.consecutive_losing_days:
        taken = f" ({unknown} of them not known, and so taken for losing)" if unknown else ""
        return Breach("losing_streak", f"{streak} losing days in a row{taken}")
    return None


def win_rate(trades: Sequence[ClosedTrade], now: datetime, limits: AccountLimits) -> Breach | None:
    """Share of winners among the trades closed in the window, newest last.

    The window reaches back as far as it must to hold the minimum number of trades; with fewer
    trades in all it is not judged.
    """
    if len(trades) < limits.win_rate_min_trades:
        return None
    since = now - timedelta(days=limits.win_rate_window_days)
    in_window = sum(1 for t in trades if t.exited_at >= since)
    judged = trades[-max(in_window, limits.win_rate_min_trades) :]
    pct = Decimal(100 * sum(1 for t in judged if t.pnl > 0)) / len(judged)
    if pct < limits.min_win_rate_pct:
        why = f"{pct:.1f} % of {len(judged)} trades won, limit {limits.min_win_rate_pct} %"
        return Breach("win_rate", why)
    return None
