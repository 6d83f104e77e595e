"""Ticks of the venue: two decimals from $1, four below; and prices moved against an order."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from magellan_core.model import Side
from magellan_core.paper.rules import Rules

_CENT = Decimal("0.01")
_SUB_DOLLAR = Decimal("0.0001")
_ONE = Decimal(1)
_BPS = Decimal(10_000)


def tick_of(price: Decimal) -> Decimal:
    """The smallest price step at that price, dollars."""
    return _CENT if price >= _ONE else _SUB_DOLLAR


def on_tick(price: Decimal) -> bool:
    return price % tick_of(price) == 0


def nearest(price: Decimal) -> Decimal:
    return price.quantize(tick_of(price), ROUND_HALF_UP)


def toward_worse(price: Decimal, side: Side) -> Decimal:
    """On the tick, rounded to the side that does not flatter the order: buys up, sells down."""
    return price.quantize(tick_of(price), ROUND_CEILING if side is Side.BUY else ROUND_FLOOR)


def against(price: Decimal, side: Side, rules: Rules) -> Decimal:
    """The price after the rules' slippage, rounded against the order; without any, the price."""
    if not rules.slippage_bps:
        return price
    slip = price * rules.slippage_bps / _BPS
    moved = price + slip if side is Side.BUY else price - slip
    return moved if rules.price_ticks == "exact" else toward_worse(moved, side)


def bid_and_ask(last: Decimal, rules: Rules) -> tuple[Decimal, Decimal]:
    """Last price less and plus half the spread, widened to the tick; at least one tick each."""
    half = last * rules.spread_bps / _BPS / 2
    bid, ask = toward_worse(last - half, Side.SELL), toward_worse(last + half, Side.BUY)
    return max(bid, _SUB_DOLLAR), max(ask, _SUB_DOLLAR)
