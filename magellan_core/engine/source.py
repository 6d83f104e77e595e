"""Where a strategy's bars come from: as the vendor has them, or built from shorter ones."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import batched

from magellan_core.market_hours import Session, new_york_date, sessions_between
from magellan_core.model import Bar, DataNeeds, Timeframe
from magellan_core.ports import MarketData
from magellan_core.regular_hours import anchored

# Minutes of so many sessions are held in memory at once.
SESSIONS_AT_ONCE = 10


def is_anchored(needs: DataNeeds) -> bool:
    """Whether its bars are hours of the regular session."""
    return needs.timeframe is Timeframe.HOUR and not needs.extended_hours


def stored(needs: DataNeeds) -> Timeframe:
    """The timeframe that is asked of the vendor for them."""
    return Timeframe.MINUTE if is_anchored(needs) else needs.timeframe


def bars_of(
    data: MarketData, needs: DataNeeds, symbols: Sequence[str], start: datetime, end: datetime
) -> Mapping[str, Sequence[Bar]]:
    """`MarketData.bars` of the kind that is needed. Raise Unavailable."""
    if not is_anchored(needs):
        return data.bars(symbols, needs.timeframe, start, end, split_adjusted=needs.split_adjusted)
    told: dict[str, list[Bar]] = {}
    days = sessions_between(new_york_date(start), new_york_date(end))
    for some in batched(days, SESSIONS_AT_ONCE):
        for symbol, made in _hours(data, needs, symbols, some, end).items():
            told.setdefault(symbol, []).extend(bar for bar in made if bar.start >= start)
    return {symbol: bars for symbol, bars in told.items() if bars}


def _hours(
    data: MarketData,
    needs: DataNeeds,
    symbols: Sequence[str],
    days: Sequence[Session],
    end: datetime,
) -> Mapping[str, list[Bar]]:
    first, last = days[0].open, min(end, days[-1].close)
    minutes = data.bars(symbols, stored(needs), first, last, split_adjusted=needs.split_adjusted)
    return {symbol: anchored(bars, last) for symbol, bars in minutes.items()}
