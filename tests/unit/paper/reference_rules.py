"""The strategies' published rules, scanned over bars with a plain fill model.

Written from the rules alone, without the project's strategies or indicators, so that it can say
what the synthetic market offers. Fills: the next bar's open; stops at the worse of stop and open.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from magellan_core.market_hours import new_york, new_york_date, session_on
from magellan_core.model import Bar

EQUITY = 100_000.0
# A threshold met exactly counts, whatever the float division made of it.
EXACT = 1e-9
POSITION = 50_000.0 * 0.99


class TrapTrade(NamedTuple):
    """One Bear Trap trade. `exits` are the reasons in order, `gap` next open against close."""

    symbol: str
    session: date
    signal_close: float
    entry: float
    stop: float
    exits: tuple[str, ...]
    gap: float
    pnl: float
    entered: datetime
    left: datetime


class Turn(NamedTuple):
    """A change of an RSI position: bought or sold, and at which bar's start or check."""

    at: datetime
    bought: bool
    price: float


def bear_trap(bars: Sequence[Bar]) -> Iterator[TrapTrade]:
    """Trades of one symbol's minute bars, history included."""
    true_ranges: list[float] = []
    day: date | None = None
    free_from = 0
    first = low = high = before = 0.0
    for i, bar in enumerate(bars[:-1]):
        session = session_on(new_york_date(bar.start))
        assert session is not None
        if session.date != day:
            day, first, low, high, before = session.date, bar.open, bar.low, bar.high, bar.close
            previous_low = bar.low
            true_ranges.append(bar.high - bar.low)
        else:
            previous_low = low
            low, high = min(low, bar.low), max(high, bar.high)
            true_ranges.append(
                max(bar.high - bar.low, abs(bar.high - before), abs(bar.low - before))
            )
            before = bar.close
        span = bar.high - bar.low
        signal = (
            i >= free_from
            and i >= 20
            and bars[i + 1].start < session.close - timedelta(minutes=5)
            and bar.close / first - 1 <= -0.15 + EXACT
            and bar.low < previous_low < bar.close
            and span > 0
            and (min(bar.open, bar.close) - bar.low) / span >= 0.15 - EXACT
            and abs(bar.close - bar.open) / span >= 0.20 - EXACT
            and bar.volume >= 1.2 * fmean(b.volume for b in bars[i - 19 : i + 1])
        )
        if signal:
            stop = low - 0.45 * fmean(true_ranges[-14:])
            trade, free_from = _play_trap(bars, i, stop, low, high, session.close)
            yield trade


def _play_trap(
    bars: Sequence[Bar], at: int, stop: float, support: float, high: float, close: datetime
) -> tuple[TrapTrade, int]:
    signal, entry = bars[at], bars[at + 1]
    shares = min(0.02 * EQUITY / (signal.close - stop), POSITION / signal.close)
    targets = [signal.close + (high - signal.close) / 2, high]
    parts = [0.4, 0.3, 0.3]
    exits: list[str] = []
    pnl, held, first_stop = 0.0, 1.0, stop
    raised = False
    i = at + 1
    while True:
        bar = bars[i]
        if bar.start >= entry.start + timedelta(minutes=30):
            reason, price = "time", bar.open
        elif bar.start >= close - timedelta(minutes=5):
            reason, price = "eod", bar.open
        elif bar.low <= stop:
            reason, price = ("trail" if raised else "stop"), min(bar.open, stop)
        else:
            while len(exits) < 2 and bar.high >= targets[len(exits)]:
                n = len(exits)
                pnl += shares * parts[n] * (targets[n] - entry.open)
                held -= parts[n]
                exits.append(f"tp{n + 1}")
            if len(exits) == 2 and not raised:
                stop, raised = support, True
            i += 1
            continue
        pnl += shares * held * (price - entry.open)
        exits.append(reason)
        trade = TrapTrade(
            signal.symbol,
            new_york_date(signal.start),
            signal.close,
            entry.open,
            first_stop,
            tuple(exits),
            abs(entry.open / signal.close - 1),
            pnl,
            entry.start,
            bar.start,
        )
        return trade, i + 1


def rsi(closes: Sequence[float], period: int) -> list[float]:
    """RSI by exponential mean with span `period`, 0 where there was no gain."""
    alpha = 2 / (period + 1)
    gain = loss = 0.0
    values = [0.0]
    for a, b in pairwise(closes):
        gain += alpha * (max(b - a, 0.0) - gain)
        loss += alpha * (max(a - b, 0.0) - loss)
        values.append(0.0 if gain == 0 else 100.0 if loss == 0 else 100 * gain / (gain + loss))
    return values


def daily_trend(
    bars: Sequence[Bar], live: date, period: int, upper: float, lower: float
) -> list[Turn]:
    """Turns at the open after each signal, flat at the session `live`."""
    turns: list[Turn] = []
    long = False
    levels = rsi([bar.close for bar in bars], period)
    for i, bar in enumerate(bars[:-1]):
        if new_york_date(bar.start) < live:
            continue
        if (levels[i] > upper and not long) or (levels[i] < lower and long):
            long = not long
            turns.append(Turn(bars[i + 1].start, long, bars[i + 1].open))
    return turns


def hourly_swing(
    bars: Sequence[Bar], live: datetime, period: int, upper: float, lower: float
) -> list[Turn]:
    """Turns at hourly checks, 10:00 New York to the last whole hour before the close."""
    turns: list[Turn] = []
    wants = has = False
    levels = rsi([bar.close for bar in bars], period)
    for i, bar in enumerate(bars[:-1]):
        if bar.end <= live:
            continue
        if levels[i] > upper:
            wants = True
        elif levels[i] < lower:
            wants = False
        session = session_on(new_york_date(bar.end))
        if session is None or not session.open < bar.end < session.close:
            continue
        assert new_york(bar.end).minute == 0
        if wants != has:
            has = wants
            turns.append(Turn(bar.end, has, bars[i + 1].open))
    return turns
