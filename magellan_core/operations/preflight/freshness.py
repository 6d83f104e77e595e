"""Is the market data alive? Judged by the newest bars, symbol by symbol."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from magellan_core.config import Config
from magellan_core.market_hours import new_york_date, previous_session, session_on
from magellan_core.model import Timeframe
from magellan_core.operations.preflight.findings import Colour
from magellan_core.ports import MarketData

# Over a long weekend, and then some.
LOOK_BACK = timedelta(days=6)
# One quiet symbol may lag; the newest bar of them all may not be later than this.
GRACE = timedelta(minutes=10)
DELAY = {"sip_delayed": timedelta(minutes=15)}
AN_HOUR = timedelta(hours=1)

Told = tuple[Colour, str]


def judge_data(data: MarketData, config: Config, now: datetime) -> Told:
    """The plan allows the feed, and it brings bars that are as new as they can be.

    RED: none, or all of them too old; YELLOW: a symbol has none. Raise Unavailable.
    """
    needed = config.data_requirements
    said = f"{needed.feed} {needed.timeframe}"
    ends = newest_ends(data, config, now)
    if not ends:
        return Colour.RED, f"{said}: no bar within {LOOK_BACK.days} days: check symbols and feed"
    newest = max(ends.values())
    said = f"{said}: newest bar ends {_label(newest)}"
    due = due_since(Timeframe(needed.timeframe), now - DELAY.get(needed.feed, timedelta(0)))
    if newest < due:
        return Colour.RED, f"{said}, but one should since {_label(due)}: the feed is stale"
    if missing := [symbol for symbol in config.symbols if symbol not in ends]:
        return Colour.YELLOW, f"{said}; within {LOOK_BACK.days} days none of {', '.join(missing)}"
    return Colour.GREEN, said


def newest_ends(data: MarketData, config: Config, now: datetime) -> Mapping[str, datetime]:
    """When the newest bar of each symbol that has any ends. Raise Unavailable."""
    bars = data.bars(
        config.symbols,
        Timeframe(config.data_requirements.timeframe),
        now - LOOK_BACK,
        now,
        split_adjusted=False,
    )
    return {symbol: max(bar.end for bar in rows) for symbol, rows in bars.items() if rows}


def due_since(timeframe: Timeframe, now: datetime) -> datetime:
    """The newest bar of a few symbols that trade ends then or later.

    In session minutes ago, at the last full hour for hourly bars; else near the close of the last
    session, which for daily bars is the one before today's.
    """
    today = session_on(new_york_date(now))
    last = previous_session(new_york_date(now))
    if today is None or timeframe is Timeframe.DAY:
        return last.close - GRACE
    due = min(now, today.close) - GRACE
    if timeframe is Timeframe.HOUR and now < today.close:
        due = due.replace(minute=0, second=0, microsecond=0)
    return due if due > today.open else last.close - GRACE


def _label(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
