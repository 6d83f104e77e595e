"""The synthetic market: bars made up from a seed in which each strategy finds something to trade.

LAW: pure. The same seed, dates and symbols give the same bars, and one symbol's bars do not depend
on which others are asked for. Bars look like stored ones: prices on the venue's ticks, minutes of
the regular session, hours of 04:00-20:00 New York, days of the regular session.
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta

from magellan_core.errors import DataError
from magellan_core.market_hours import Session, sessions_between
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.synthetic_minute import session_bars
from magellan_core.paper.synthetic_scripts import (
    CYCLE,
    DAILY,
    HOURLY,
    MINUTE,
    DailyCharacter,
    HourlyCharacter,
    MinuteCharacter,
)
from magellan_core.paper.synthetic_shapes import stream
from magellan_core.paper.synthetic_walks import daily_bars, hourly_bars

DEMO_SEED = 7
DEMO_FIRST = date(2025, 11, 25)
DEMO_LAST = date(2025, 12, 2)

# Sessions of history before the first one asked for.
DAILY_HISTORY = 320
HOURLY_HISTORY = 150
MINUTE_HISTORY = 3
# Calendar days that surely hold the longest of them.
LOOK_BACK = timedelta(days=500)
# Share of a minute symbol's stray from its home price that survives the night.
PRICE_MEMORY = 0.35


def generate(
    *,
    seed: int = DEMO_SEED,
    first: date = DEMO_FIRST,
    last: date = DEMO_LAST,
    minute_symbols: Sequence[str] = tuple(MINUTE),
    hourly_symbols: Sequence[str] = tuple(HOURLY),
    daily_symbols: Sequence[str] = tuple(DAILY),
) -> dict[tuple[str, Timeframe], list[Bar]]:
    """Bars per symbol and timeframe, oldest first, for `first` to `last` and the history before.

    Symbols without a character of their own walk quietly. Raises DataError where no session lies
    between the dates or the session table does not reach back far enough.
    """
    sessions = sessions_between(first, last)
    if not sessions:
        raise DataError(f"no session between {first} and {last}: choose other dates")
    before = sessions_between(first - LOOK_BACK, first - timedelta(days=1))
    market: dict[tuple[str, Timeframe], list[Bar]] = {}
    for symbol in minute_symbols:
        history = before[-MINUTE_HISTORY:]
        market[symbol, Timeframe.MINUTE] = _minutes(seed, symbol, history, sessions)
    for symbol in hourly_symbols:
        rng = stream(seed, symbol, Timeframe.HOUR)
        hourly = HOURLY.get(symbol) or HourlyCharacter(rng.uniform(40, 400), 20e6)
        history = before[-HOURLY_HISTORY:]
        market[symbol, Timeframe.HOUR] = hourly_bars(rng, symbol, hourly, history, sessions)
    for symbol in daily_symbols:
        rng = stream(seed, symbol, Timeframe.DAY)
        daily = DAILY.get(symbol) or DailyCharacter(rng.uniform(40, 600), 20e6)
        history = before[-DAILY_HISTORY:]
        market[symbol, Timeframe.DAY] = daily_bars(rng, symbol, daily, history, sessions)
    return market


def _minutes(
    seed: int, symbol: str, before: Sequence[Session], sessions: Sequence[Session]
) -> list[Bar]:
    """Session after session; over night the price comes most of the way home."""
    rng = stream(seed, symbol, Timeframe.MINUTE)
    character = MINUTE.get(symbol) or MinuteCharacter(rng.uniform(4, 12), 30_000)
    bars: list[Bar] = []
    price = character.price
    for n, session in enumerate((*before, *sessions), -len(before)):
        trap = character.traps.get(n % CYCLE) if n >= 0 else None
        bars += session_bars(rng, symbol, session, character, price, trap)
        stray = math.log(bars[-1].close / character.price)
        price = character.price * math.exp(PRICE_MEMORY * stray + rng.gauss(0, 0.01))
    return bars
