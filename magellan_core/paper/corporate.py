"""Applies a split to one account: positions, resting orders, cash for the fraction of a share.

From the split's New York midnight on everything is told in new shares. The broker's rounding:
whole shares are kept, the rest is paid out at the last price. Each resting order is rounded down by
itself, so that closing orders never exceed the position; its prices move to the nearest tick.
"""

from datetime import datetime
from decimal import ROUND_DOWN, ROUND_FLOOR, Decimal
from fractions import Fraction

from magellan_core.paper.lifecycle import Desk
from magellan_core.paper.orders import Order
from magellan_core.paper.prices import nearest
from magellan_core.paper.rules import Rules


def apply_split(
    desk: Desk, symbol: str, ratio: Fraction, last: Decimal | None, at: datetime
) -> None:
    """Give `ratio` new shares per old share. `last` is the last price in new shares, dollars."""
    ledger = desk.ledger
    lot = ledger.positions.get(symbol)
    if lot is not None:
        after = _times(lot.qty, ratio)
        whole = after.to_integral_value(ROUND_DOWN)
        lot.avg = lot.avg * ratio.denominator / ratio.numerator
        if after != whole:
            ledger.pay((after - whole) * (lot.avg if last is None else last))
        lot.qty = whole
        if whole == 0:
            del ledger.positions[symbol]
    for order in ledger.live_orders(symbol):
        if ledger.rules.split_orders == "cancel":
            desk.end(order, "canceled", at)
        else:
            _adjust(desk, order, ratio, at)


def _adjust(desk: Desk, order: Order, ratio: Fraction, at: datetime) -> None:
    if order.ended:
        return
    if order.qty is not None:
        rest = _times(order.remaining, ratio).to_integral_value(ROUND_FLOOR)
        if rest == 0:
            desk.end(order, "canceled", at)
            return
        order.qty = order.filled_qty + rest
    rules = desk.ledger.rules
    order.limit_price = _price(order.limit_price, ratio, rules)
    order.stop_price = _price(order.stop_price, ratio, rules)
    order.trail_price = _price(order.trail_price, ratio, rules)
    order.hwm = _price(order.hwm, ratio, rules)
    order.updated_at = at


def _times(qty: Decimal, ratio: Fraction) -> Decimal:
    return qty * ratio.numerator / ratio.denominator


def _price(price: Decimal | None, ratio: Fraction, rules: Rules) -> Decimal | None:
    if price is None:
        return None
    after = price * ratio.denominator / ratio.numerator
    return after if rules.price_ticks == "exact" else nearest(after)
