"""Small markets in which each strategy trades once, and the rigs over them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from deployable_strategies.bear_trap.strategy import BearTrap, BearTrapRules, BearTrapSizing
from deployable_strategies.daily_trend_hysteresis.strategy import DailyTrend, DailyTrendRules
from deployable_strategies.hourly_swing.strategy import HourlySwing, HourlySwingRules
from magellan_core.bands import Band
from magellan_core.market_hours import at_new_york, previous_session, sessions_between
from magellan_core.model import Bar, Timeframe
from tests.engine.rig import Rig

AMC, SPY, TSLA = "AMC", "SPY", "TSLA"
DAY = date(2025, 1, 8)  # a Wednesday; the next day is closed
NEXT_DAY = date(2025, 1, 10)
OPEN, CLOSE = at_new_york(DAY, 9, 30), at_new_york(DAY, 16)
NEXT_OPEN = at_new_york(NEXT_DAY, 9, 30)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
QUIET = 25
D = Decimal
Row = tuple[float, float, float, float]


def at(minute: float) -> datetime:
    """So many minutes after the open."""
    return OPEN + minute * MINUTE


# -- Bear Trap: falls to 8.00, lies still, springs the trap in minute 26, is bought at 27. --------

TRAP_END = at(QUIET + 2)


def bear_trap(
    *after: Row,
    symbols: Sequence[str] = (AMC,),
    quiet: int = QUIET,
    before: float | None = None,
    strategy: BearTrapRules | None = None,
    **more: Any,
) -> Rig:
    """`after` are the minutes that follow the trap; the last one then lasts to the close.

    `before`: an hour at this price ends the session before, with dollars' worth as today.
    """
    rows: list[tuple[Row, float]] = [((10.0, 10.0, 8.0, 8.05), 1000.0)]
    rows += [((8.05, 8.10, 8.00, 8.05), 1000.0)] * quiet
    rows += [((7.90, 8.20, 7.80, 8.10), 5000.0)]
    rows += [(row, 100.0) for row in after or ((8.1, 8.1, 8.1, 8.1),)]
    still = rows[-1][0][3]
    rows += [((still, still, still, still), 100.0)] * (390 - len(rows))
    bars = [
        Bar(symbol, at(n), at(n + 1), *prices, volume)
        for symbol in symbols
        for n, (prices, volume) in enumerate(rows)
    ]
    if before is not None:
        close = previous_session(DAY).close
        hour = [
            Bar(s, close - n * MINUTE, close - (n - 1) * MINUTE, before, before * 1.01, *rest)
            for s in symbols
            for n in range(60, 0, -1)
            for rest in [(before * 0.99, before, 10000.0 / before)]
        ]
        bars = hour + bars
    bars_of = {(s, Timeframe.MINUTE): [b for b in bars if b.symbol == s] for s in symbols}
    sizing = BearTrapSizing(D(2), D(50000), D(1))
    return Rig(
        lambda: BearTrap(symbols, strategy or BearTrapRules(), sizing, warmup_bars=60),
        bars_of,
        start=more.pop("start", at(-30)),
        **more,
    )


# -- Daily Trend: falls until the 7th of January, and rises from the 8th on. ----------------------

LAST_FALL = date(2025, 1, 7)


def daily_trend(
    *,
    rise: float = 2.0,
    days: int = 30,
    first: date = date(2024, 11, 1),
    warmup: int = 20,
    peak: date | None = None,
    **more: Any,
) -> Rig:
    """The close of the 8th buys SPY at the open of the 10th; `peak`, the first fall, sells it."""
    price, bars = 200.0, []
    for session in sessions_between(first, DAY + timedelta(days=days)):
        opened = price
        if peak is not None and session.date >= peak:
            price -= 10.0
        else:
            price += -1.0 if session.date <= LAST_FALL else rise
        high, low = max(opened, price), min(opened, price)
        bars.append(Bar(SPY, session.open, session.close, opened, high, low, price, 1e6))
    return Rig(
        lambda: DailyTrend({SPY: Band(2, 60.0, 40.0)}, DailyTrendRules(), warmup_bars=warmup),
        {(SPY, Timeframe.DAY): bars},
        start=more.pop("start", at(-30)),
        **more,
    )


# -- Hourly Swing: rises from 9:00 on the 8th, falls from 9:00 on the 10th. -----------------------


def hourly_swing(*, splits: Any = None, **more: Any) -> Rig:
    price, bars = 200.0, []
    turns = (at_new_york(DAY, 9), at_new_york(NEXT_DAY, 9))
    for session in sessions_between(date(2025, 1, 2), date(2025, 1, 13)):
        for hour in range(4, 20):
            start = at_new_york(session.date, hour)
            opened = price
            price += 1.0 if turns[0] <= start < turns[1] else -1.0
            high, low = max(opened, price), min(opened, price)
            bars.append(Bar(TSLA, start, start + HOUR, opened, high, low, price, 1e5))
    if splits:
        bars = [_raw(bar, splits[TSLA]) for bar in bars]
    return Rig(
        lambda: HourlySwing({TSLA: Band(2, 60.0, 40.0)}, HourlySwingRules(), warmup_bars=50),
        {(TSLA, Timeframe.HOUR): bars},
        start=more.pop("start", at(-30)),
        splits=splits,
        **more,
    )


def _raw(bar: Bar, splits: Sequence[tuple[date, float]]) -> Bar:
    """As printed on its day: before a 2-for-1 split prices are twice as high."""
    ratio = 1.0
    for day, factor in splits:
        if bar.start < at_new_york(day, 0):
            ratio *= factor
    return bar._replace(
        open=bar.open * ratio,
        high=bar.high * ratio,
        low=bar.low * ratio,
        close=bar.close * ratio,
        volume=bar.volume / ratio,
    )
