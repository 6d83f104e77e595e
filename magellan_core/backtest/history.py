"""Stored bars from before a journal's first: what a young journal lacks to warm indicators with."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from magellan_core.engine.source import is_anchored, stored
from magellan_core.lines import Event, Line, instant
from magellan_core.model import Bar, DataNeeds, Timeframe
from magellan_core.paper.market import Market
from magellan_core.regular_hours import anchored

_EVER = datetime(1990, 1, 1, tzinfo=UTC)


def firsts(events: Iterable[Event]) -> Mapping[str, datetime]:
    """When each symbol's first journaled bar began."""
    found: dict[str, datetime] = {}
    for event in events:
        if event.kind == Line.BAR and event.symbol is not None:
            found.setdefault(event.symbol, instant(event.data["start"]))
    return found


def stored_before(
    firsts_: Mapping[str, datetime], folder: Path, needs: DataNeeds
) -> dict[str, list[Bar]]:
    """The folder's bars from before those instants, as they were told then.

    Raise DataError for a folder without such bars, UnknownSymbol for one without the symbols.
    """
    if not firsts_:
        return {}
    last = max(firsts_.values()).date()
    market = Market.load(folder, first=date(1990, 1, 1), last=last, symbols=needs.symbols)
    adjusted = needs.timeframe is not Timeframe.MINUTE
    told = {
        symbol: market.bars(
            symbol, stored(needs), _EVER, first, as_of=first, split_adjusted=adjusted
        )
        for symbol, first in firsts_.items()
    }
    if not is_anchored(needs):
        return told
    return {symbol: anchored(bars, firsts_[symbol]) for symbol, bars in told.items()}
