"""Tell a split of held shares from a position that nothing explains.

The ratio is what the data vendor divides old prices by: raw over split-adjusted close of one bar.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from magellan_core.engine.ledger import Ledger
from magellan_core.errors import Unavailable
from magellan_core.lines import Line, line
from magellan_core.model import Bar, Timeframe
from magellan_core.ports import MarketData

A_WEEK = timedelta(days=7)
# Splits are ratios of small whole numbers, e.g. 3-for-2 or 1-for-60.
LARGEST_TERM = 1000


class Splits:
    """Adjusts the book when the broker's shares are ours times a split that the data confirms."""

    def __init__(self, data: MarketData, timeframe: Timeframe, ledger: Ledger) -> None:
        self.data, self.timeframe, self.ledger = data, timeframe, ledger
        self._again: dict[str, datetime] = {}

    def explains(self, symbol: str, theirs: Decimal, now: datetime, wait: timedelta) -> bool:
        """Whether a split made `theirs` of our shares; if so, it is on record. Asks once a `wait`.

        The broker keeps whole shares and pays out the rest.
        """
        position = self.ledger.book.positions.get(symbol)
        if position is None or position.entered_at is None or position.qty <= 0 or theirs <= 0:
            return False
        if now < self._again.get(symbol, now):
            return False
        self._again[symbol] = now + wait
        ratio = self._ratio(symbol, position.split_at or position.entered_at, now)
        if ratio == 1 or int(Fraction(position.qty) * ratio) != theirs:
            return False
        self.ledger.write(
            line(
                now,
                Line.SPLIT,
                symbol,
                numerator=ratio.numerator,
                denominator=ratio.denominator,
                qty=str(theirs),
            )
        )
        return True

    def _ratio(self, symbol: str, since: datetime, now: datetime) -> Fraction:
        """New shares per share of `since`; 1 where the data does not tell."""
        with suppress(Unavailable):
            raw = self._first(symbol, since, now, adjusted=False)
            adjusted = self._first(symbol, since, now, adjusted=True)
            if raw is not None and adjusted is not None and raw.start == adjusted.start:
                return Fraction(raw.close / adjusted.close).limit_denominator(LARGEST_TERM)
        return Fraction(1)

    def _first(self, symbol: str, since: datetime, now: datetime, *, adjusted: bool) -> Bar | None:
        """The first bar that ended after `since`: it was traded in the shares of then."""
        start, end = since - timedelta(days=1), min(now, since + A_WEEK)
        told = self.data.bars([symbol], self.timeframe, start, end, split_adjusted=adjusted)
        return next((bar for bar in told.get(symbol, ()) if bar.end > since), None)
