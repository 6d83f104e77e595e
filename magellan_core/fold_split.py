"""Fold a split: what is held, its tranches, targets and stops are told in new shares."""

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction

from magellan_core.book import Book
from magellan_core.lines import Event, Line
from magellan_core.prices import stop_price, target_price


def _split(book: Book, event: Event, symbol: str, d: Mapping[str, object]) -> None:
    """Resting orders are the broker's to adjust: the next look at them tells how it did."""
    position = book.positions.get(symbol)
    if position is None:
        return
    ratio = Fraction(int(str(d["numerator"])), int(str(d["denominator"])))
    position.qty = Decimal(str(d["qty"]))
    position.bought = _times(position.bought, ratio)
    position.split_at = event.at
    if position.support is not None:
        position.support = stop_price(_times(position.support, 1 / ratio))
    for tranche in position.tranches.values():
        held = _times(tranche.held, ratio).to_integral_value(ROUND_FLOOR)
        tranche.qty = int(_times(Decimal(tranche.qty), ratio))
        tranche.sold = _times(tranche.sold, ratio)
        tranche.bought = tranche.sold + held
        tranche.stop = stop_price(_times(tranche.stop, 1 / ratio))
        if tranche.take_profit is not None:
            tranche.take_profit = target_price(_times(tranche.take_profit, 1 / ratio))


def _times(amount: Decimal, ratio: Fraction) -> Decimal:
    return amount * ratio.numerator / ratio.denominator


SPLIT = {Line.SPLIT: _split}
