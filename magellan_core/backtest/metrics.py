"""What an equity curve and its trades amount to, each figure with the sample it rests on.

Ratios come from empyrical, on one return a session, with a risk-free rate of 0 and 252 sessions a
year. A figure that its sample cannot carry is None, and its note says why.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import NormalDist

import empyrical
import numpy as np
from numpy.typing import NDArray

from magellan_core.backtest.curve import Curve
from magellan_core.backtest.result import Trade
from magellan_core.market_hours import new_york_date

SESSIONS_A_YEAR = 252
DAYS_A_YEAR = 365.25
INSTANT = timedelta(microseconds=1)
_TWO_SIDED_95 = NormalDist().inv_cdf(0.975)

Points = Sequence[tuple[datetime, float]]
Days = list[tuple[date, float]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number. `n` counts what it rests on, `of` names that; `note` is for the reader."""

    value: float | None
    n: int
    of: str
    note: str = ""

    @property
    def basis(self) -> str:
        """ "503 daily returns; note"."""
        told = f"{self.n:,} {self.of}"
        return f"{told}; {self.note}" if self.note else told


@dataclass(frozen=True, slots=True)
class Metrics:
    """Per cent are of 100. `turnover` is dollars traded a year per dollar of mean equity."""

    total_return_pct: Figure
    cagr_pct: Figure
    volatility_pct: Figure
    sharpe: Figure
    sortino: Figure
    max_drawdown_pct: Figure
    exposure_pct: Figure
    trades: Figure
    win_rate_pct: Figure
    profit_factor: Figure
    mean_trade_dollars: Figure
    turnover: Figure
    costs_dollars: Figure


def measure(
    equity: Points, capital: float, final: float, trades: Sequence[Trade], costs: float
) -> Metrics:
    """All figures of one account. `equity` is marked at bar ends, `final` after the last sale."""
    days = daily(equity)
    returns = daily_returns(days, capital)
    values = marks(equity)
    years = span_years(equity)
    won = [float(t.pnl) for t in trades if t.pnl > 0]
    lost = [float(t.pnl) for t in trades if t.pnl <= 0]
    n, sessions = len(trades), len(days)
    return Metrics(
        total_return_pct=Figure((final / capital - 1) * 100, sessions, "sessions", "after costs"),
        cagr_pct=_cagr(capital, final, years, sessions),
        volatility_pct=_ratio(returns, _volatility),
        sharpe=_sharpe(returns),
        sortino=_ratio(returns, _sortino),
        max_drawdown_pct=Figure(max_drawdown(values, capital) * 100, len(values), "equity marks"),
        exposure_pct=exposure(equity, trades),
        trades=Figure(float(n), sessions, "sessions"),
        win_rate_pct=_win_rate(len(won), n),
        profit_factor=_profit_factor(sum(won), -sum(lost), n),
        mean_trade_dollars=Figure((sum(won) + sum(lost)) / n if n else None, n, "trades"),
        turnover=_turnover(trades, values, years),
        costs_dollars=Figure(costs, n, "trades", f"{costs / capital * 100:.2f} % of capital"),
    )


def marks(equity: Points) -> Floats:
    """The dollars of a curve, without making an instant of each point of a long one."""
    if isinstance(equity, Curve):
        return np.array(equity.values, np.float64)
    return np.fromiter((value for _, value in equity), np.float64, len(equity))


def daily(equity: Points) -> Days:
    """The last mark of each New York date. A bar that ends at midnight belongs to the day before.

    Marks are read from the end, a date at a time: a curve of minutes costs one look-up a session.
    """
    days: Days = []
    end = len(equity)
    while end:
        at, value = equity[end - 1]
        day = new_york_date(at - INSTANT)
        days.append((day, value))
        end = bisect_right(equity, False, hi=end, key=lambda point: _on_or_after(point[0], day))
    days.reverse()
    return days


def _on_or_after(at: datetime, day: date) -> bool:
    return new_york_date(at - INSTANT) >= day


def daily_returns(days: Days, capital: float) -> Floats:
    """One simple return a session, the first from the starting capital."""
    values = np.array([capital, *(value for _, value in days)], np.float64)
    return np.asarray(values[1:] / values[:-1] - 1, np.float64)


def max_drawdown(values: Floats, capital: float) -> float:
    """The deepest fall from a peak so far, as a fraction, 0 or below. The capital is a peak too."""
    if not len(values):
        return 0.0
    peaks = np.maximum(np.maximum.accumulate(values), capital)
    return float(np.min(values / peaks - 1))


def span_years(equity: Points) -> float:
    """Calendar years between the first and the last mark."""
    if len(equity) < 2:
        return 0.0
    return (equity[-1][0] - equity[0][0]) / timedelta(days=DAYS_A_YEAR)


def _cagr(capital: float, final: float, years: float, sessions: int) -> Figure:
    """(final / capital) ** (1 / years) - 1; GIPS forbid annualising less than a year."""
    # Two calendar years of sessions span a few days less than 2.
    if years < 0.98:
        return Figure(None, sessions, "sessions", "less than a year is not annualised (GIPS)")
    growth = max(final, 0.0) / capital
    return Figure((growth ** (1 / years) - 1) * 100, sessions, "sessions", f"{years:.2f} years")


def _volatility(returns: Floats) -> float:
    return float(empyrical.annual_volatility(returns, annualization=SESSIONS_A_YEAR)) * 100


def _sortino(returns: Floats) -> float:
    """Mean return by the root mean square of the negative ones (Sortino & Price 1994)."""
    if not np.any(returns < 0):
        return math.nan
    return float(empyrical.sortino_ratio(returns, annualization=SESSIONS_A_YEAR))


def sharpe_ratio(returns: Floats) -> float:
    """Annualised mean by standard deviation (Sharpe 1994); nan without variation."""
    if len(returns) < 2 or float(np.std(returns)) < 1e-12:
        return math.nan
    return float(empyrical.sharpe_ratio(returns, annualization=SESSIONS_A_YEAR))


def sharpe_standard_error(sharpe: float, n: int) -> float:
    """Of an annualised Sharpe from n session returns, if they are independent (Lo 2002, eq. 9)."""
    a_session = sharpe / math.sqrt(SESSIONS_A_YEAR)
    return math.sqrt((1 + a_session**2 / 2) / n * SESSIONS_A_YEAR)


def _sharpe(returns: Floats) -> Figure:
    figure = _ratio(returns, sharpe_ratio)
    if figure.value is None:
        return figure
    error = sharpe_standard_error(figure.value, figure.n)
    return Figure(figure.value, figure.n, figure.of, f"standard error {error:.2f}")


def _ratio(returns: Floats, of: Callable[[Floats], float]) -> Figure:
    n = len(returns)
    if n < 2 or float(np.std(returns)) < 1e-12:
        return Figure(None, n, "daily returns", "they do not vary")
    value = of(returns)
    if not math.isfinite(value):
        return Figure(None, n, "daily returns", "none is negative")
    return Figure(value, n, "daily returns")


def exposure(equity: Points, trades: Sequence[Trade]) -> Figure:
    """The share of bars during which something was held."""
    bars = len(equity)
    if not bars:
        return Figure(None, 0, "bars")
    held, until = 0, 0
    for trade in sorted(trades, key=lambda trade: trade.entry_time):
        first = max(bisect_right(equity, trade.entry_time, key=lambda point: point[0]), until)
        last = bisect_right(equity, trade.exit_time, key=lambda point: point[0])
        until = max(until, last)
        held += max(last - first, 0)
    return Figure(100 * held / bars, bars, "bars")


def wilson_interval(won: int, n: int) -> tuple[float, float]:
    """95 % confidence interval of a proportion, as fractions (Wilson 1927)."""
    z, p = _TWO_SIDED_95, won / n
    middle = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return (middle - half) / scale, (middle + half) / scale


def _win_rate(won: int, n: int) -> Figure:
    if not n:
        return Figure(None, 0, "trades")
    low, high = wilson_interval(won, n)
    note = f"95 % confidence: {low * 100:.0f} to {high * 100:.0f} %"
    return Figure(100 * won / n, n, "trades", note)


def _profit_factor(won: float, lost: float, n: int) -> Figure:
    """Dollars won by dollars lost, costs included."""
    if lost <= 0:
        return Figure(None, n, "trades", "none lost" if n else "")
    return Figure(won / lost, n, "trades")


def _turnover(trades: Sequence[Trade], values: Floats, years: float) -> Figure:
    n = len(trades)
    if not n or years <= 0:
        return Figure(None, n, "trades")
    traded = sum(
        float(t.entry_price) * t.qty + sum(float(leg.price) * leg.qty for leg in t.legs)
        for t in trades
    )
    return Figure(traded / float(np.mean(values)) / years, n, "trades", "both sides, a year")
