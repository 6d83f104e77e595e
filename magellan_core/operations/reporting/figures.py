"""Figures of a report, out of facts: win rate, expectancy, coverage, streaks.

LAW: pure. A figure comes with the sample that it rests on; without one it is None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from magellan_core.market_hours import new_york_date
from magellan_core.model import Timeframe
from magellan_core.operations.reporting.facts import Facts
from magellan_core.risk.account import ClosedTrade

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """Closed trades. Money in dollars, rates in per cent."""

    count: int
    won: int
    win_rate: Decimal | None
    expectancy: Decimal | None
    total: Decimal
    best: Decimal | None
    worst: Decimal | None


def trade_figures(trades: Sequence[ClosedTrade]) -> TradeFigures:
    """A trade that made nothing has not won. Expectancy is the mean P&L of a trade."""
    gains = [trade.pnl for trade in trades]
    total, won = sum(gains, Decimal(0)), sum(1 for gain in gains if gain > 0)
    count = len(gains)
    return TradeFigures(
        count=count,
        won=won,
        win_rate=Decimal(100 * won) / count if count else None,
        expectancy=total / count if count else None,
        total=total,
        best=max(gains, default=None),
        worst=min(gains, default=None),
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """Bars seen of a symbol against the minutes of the sessions; `longest` gap in minutes."""

    symbol: str
    seen: int
    possible: int
    longest: int

    @property
    def percent(self) -> Decimal:
        return Decimal(100 * self.seen) / self.possible


def coverage(facts: Facts, symbols: Sequence[str], timeframe: Timeframe) -> Sequence[Coverage]:
    """Of minute bars: a minute without a trade has no bar, so less than all is no fault in itself.

    Other timeframes have one bar a session or hour, and are counted by `missing_sessions`.
    """
    if timeframe is not Timeframe.MINUTE:
        return ()
    rows: list[Coverage] = []
    for symbol in symbols:
        seen = possible = longest = 0
        for session in facts.sessions:
            told = facts.bars.get(symbol, ())
            bars = [bar for bar in told if session.open <= bar.start < session.close]
            since = session.open
            for bar in bars:
                longest = max(longest, (bar.start - since) // MINUTE)
                since = bar.end
            longest = max(longest, (session.close - since) // MINUTE)
            seen += len(bars)
            possible += (session.close - session.open) // MINUTE
        rows.append(Coverage(symbol, seen, possible, longest))
    return rows


def missing_sessions(facts: Facts, symbols: Sequence[str]) -> Mapping[str, int]:
    """Sessions without any bar on record, per symbol that lacks one."""
    dates = {session.date for session in facts.sessions}
    lacking = {
        symbol: len(dates - {new_york_date(b.start) for b in facts.bars.get(symbol, ())})
        for symbol in symbols
    }
    return {symbol: count for symbol, count in lacking.items() if count}


def max_drawdown(facts: Facts) -> Decimal | None:
    """Deepest fall of the sessions' closing equity below its highest so far, in per cent."""
    levels = [facts.days[0].start, *(d.end for d in facts.days)] if facts.days else []
    known = [level for level in levels if level is not None]
    if len(known) < len(levels) or not known:
        return None
    high, deepest = known[0], Decimal(0)
    for level in known:
        high = max(high, level)
        if high > 0:
            deepest = max(deepest, (high - level) / high * 100)
    return deepest
