"""Plays one bar as prices over the orders of one account in one symbol.

The bar is a path: open, then the extreme that hurts the position (for a long the low), then the
other extreme, then the close. Flat accounts meet the extreme that is worse for their oldest order.
An order meets the prices of the path in turn and fills at the first that reaches it: markets at
once, stops at the stop or, gapped over, at the price found; limits at the limit or better. A target
whose sibling stop lives is looked at only after the hurting extreme: where a bar reaches both,
the stop wins. All fills carry the bar's start as their time.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_FLOOR, Decimal
from uuid import UUID

from magellan_core.model import Bar, OrderClass, OrderType, Side, TimeInForce
from magellan_core.paper.ledger import STOPS
from magellan_core.paper.lifecycle import Desk
from magellan_core.paper.market import exact
from magellan_core.paper.orders import Order
from magellan_core.paper.prices import against, toward_worse

_WORKING = frozenset({"new", "partially_filled", "held"})
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
_RESTING = frozenset({TimeInForce.DAY, TimeInForce.GTC})
_SHARE = Decimal(1)
_MASK = (1 << 48) - 1
_SMALLEST = Decimal("0.000000001")


def plays(desk: Desk, order: Order) -> bool:
    """Whether the order meets the prices of bars now."""
    return (
        order.status in _WORKING
        and order.time_in_force is not TimeInForce.CLS
        and not desk.ledger.asleep(order)
    )


@dataclass(slots=True)
class _Walk:
    """Where on the path we are. `first` is each order's first price, `done` who is through."""

    at: datetime
    price: Decimal
    first: dict[str, Decimal] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    seen_low: bool = False
    seen_high: bool = False


def play(desk: Desk, bar: Bar) -> None:
    """Play a whole bar: fills, triggers, group effects, ends of immediate orders."""
    if all(_out_of_reach(desk, order, bar) for order in desk.ledger.live_orders(bar.symbol)):
        return
    opening, high, low, close = (exact(p) for p in (bar.open, bar.high, bar.low, bar.close))
    walk = _Walk(bar.start, opening)
    _advance(desk, bar.symbol, walk, opening)
    _end_immediate(desk, bar)
    if _low_first(desk, bar.symbol):
        _advance(desk, bar.symbol, walk, low)
        walk.seen_low = True
        _advance(desk, bar.symbol, walk, high)
        walk.seen_high = True
    else:
        _advance(desk, bar.symbol, walk, high)
        walk.seen_high = True
        _advance(desk, bar.symbol, walk, low)
        walk.seen_low = True
    _advance(desk, bar.symbol, walk, close)


def _out_of_reach(desk: Desk, order: Order, bar: Bar) -> bool:
    """Whether no price of the bar can matter to the order: most bars leave most orders alone.

    Prices are compared as floats, which keep the order of the decimals they come from.
    """
    if not plays(desk, order):
        return True
    if order.time_in_force not in _RESTING or order.type is OrderType.TRAILING_STOP:
        return False
    buys = order.side is Side.BUY
    if order.type in STOPS and not order.triggered:
        return order.stop_price is not None and (
            bar.high < float(order.stop_price) if buys else bar.low > float(order.stop_price)
        )
    if order.limit_price is None:
        return False
    limit = float(order.limit_price)
    return bar.low > limit if buys else bar.high < limit


def cross(desk: Desk, order: Order, price: Decimal, at: datetime) -> None:
    """Fill a closing-auction order at `price` if its limit allows."""
    if order.limit_price is None or not _beyond(order.side, order.limit_price, price):
        _execute(desk, order, price, at)


def _low_first(desk: Desk, symbol: str) -> bool:
    lot = desk.ledger.positions.get(symbol)
    if lot is not None:
        return lot.qty > 0
    oldest = next((o for o in desk.ledger.live_orders(symbol) if plays(desk, o)), None)
    return oldest is not None and oldest.side is Side.SELL


def _advance(desk: Desk, symbol: str, walk: _Walk, target: Decimal) -> None:
    """Go from the walk's price to `target`, filling what lies on the way, nearest first."""
    while True:
        best: tuple[Decimal, int, Decimal, Order] | None = None
        for order in desk.ledger.live_orders(symbol):
            if order.id in walk.done or not plays(desk, order):
                continue
            walk.first.setdefault(order.id, walk.price)
            if order.type is OrderType.TRAILING_STOP and order.stop_price is None:
                set_trail(order, walk.price)
            hit = _hit(desk, order, walk, target)
            if hit is None:
                continue
            rank = (abs(hit - walk.price), 0 if order.type in STOPS else 1)
            if best is None or rank < best[:2]:
                best = (*rank, hit, order)
        if best is None:
            break
        walk.price = best[2]
        _meet(desk, best[3], walk)
    walk.price = target
    for order in desk.ledger.live_orders(symbol):
        _trail(order, target)


def _hit(desk: Desk, order: Order, walk: _Walk, target: Decimal) -> Decimal | None:
    """The price on the way to `target` at which the order is met; None: not on this way."""
    if order.type is OrderType.MARKET or (order.triggered and order.limit_price is None):
        return walk.price
    if order.type in STOPS and not order.triggered:
        return _crossing(order.side.value == "buy", _stop_of(order), walk.price, target)
    if order.limit_price is None or _must_wait(desk, order, walk):
        return None
    if order.type is OrderType.LIMIT and _reaches(order, walk.first[order.id]):
        return walk.price
    return _crossing(order.side is Side.SELL, order.limit_price, walk.price, target)


def _must_wait(desk: Desk, order: Order, walk: _Walk) -> bool:
    """A target beside a live stop waits until the stop's side of the bar has been seen."""
    seen = walk.seen_low if order.side is Side.SELL else walk.seen_high
    if seen or order.type is not OrderType.LIMIT:
        return False
    return any(other.type in STOPS for other in desk.ledger.siblings(order))


def _meet(desk: Desk, order: Order, walk: _Walk) -> None:
    """The path is at the order: trigger or fill it."""
    price = walk.price
    if order.type in STOPS and not order.triggered:
        order.triggered = True
        if order.limit_price is not None:
            walk.first[order.id] = price
            return
    elif order.type is OrderType.LIMIT and _reaches(order, walk.first[order.id]):
        price = walk.first[order.id]
    walk.done.add(order.id)
    _execute(desk, order, price, walk.at)


def _execute(desk: Desk, order: Order, price: Decimal, at: datetime) -> None:
    """Fill all of the order or, where the rules draw so, a part."""
    if order.limit_price is None:
        price = against(price, order.side, desk.ledger.rules)
    if desk.ledger.rules.entry_beyond_stop == "cancel" and _beyond_own_stop(order, price):
        desk.end(order, "canceled", at)
        return
    if order.qty is None and order.notional is not None:
        order.qty = (order.notional / price).quantize(_SMALLEST, ROUND_DOWN)
        if order.qty <= 0:
            desk.end(order, "rejected", at)
            return
    desk.fill(order, _part(desk, order), price, at)


def _part(desk: Desk, order: Order) -> Decimal:
    rest, chance = order.remaining, desk.ledger.rules.partial_fill_probability
    if not chance or rest <= _SHARE or order.time_in_force is TimeInForce.FOK:
        return rest
    # The shares filled so far tell apart the draws of one order.
    if _draw(desk, "whether", order) >= chance:
        return rest
    most = max(int((rest - _SHARE).to_integral_value(ROUND_FLOOR)), 1)
    return Decimal(1 + int(_draw(desk, "how much", order) * most))


def _draw(desk: Desk, what: str, order: Order) -> float:
    """A number in [0, 1) that depends on seed, account, client_order_id and progress alone."""
    told = UUID(desk.ledger.mint(what, order.client_order_id, order.filled_qty))
    return (told.int & _MASK) / (_MASK + 1)


def _beyond_own_stop(order: Order, price: Decimal) -> bool:
    if order.filled_qty or order.order_class not in (OrderClass.BRACKET, OrderClass.OTO):
        return False
    stops = [leg.stop_price for leg in order.legs if leg.stop_price is not None]
    return any(price <= s if order.side is Side.BUY else price >= s for s in stops)


def _end_immediate(desk: Desk, bar: Bar) -> None:
    """After the open: immediate orders lose their rest, opening-auction orders end."""
    for order in desk.ledger.live_orders(bar.symbol):
        if not plays(desk, order):
            continue
        if order.time_in_force in _AT_ONCE:
            desk.end(order, "canceled", bar.start)
        elif order.time_in_force is TimeInForce.OPG:
            desk.end(order, "expired", bar.start)


def _crossing(rising: bool, level: Decimal, price: Decimal, target: Decimal) -> Decimal | None:
    """Where a path from price to target meets a level that is met from `level` upwards (or down).

    A level already passed is met at the price found there.
    """
    if rising:
        if price >= level:
            return price
        return level if target >= level else None
    if price <= level:
        return price
    return level if target <= level else None


def _reaches(order: Order, price: Decimal) -> bool:
    return order.limit_price is not None and not _beyond(order.side, order.limit_price, price)


def _beyond(side: Side, limit: Decimal, price: Decimal) -> bool:
    """Whether the price is worse than the limit."""
    return price > limit if side is Side.BUY else price < limit


def _stop_of(order: Order) -> Decimal:
    if order.stop_price is None:
        raise ValueError(f"stop order {order.id} has no stop price")
    return order.stop_price


def _trail(order: Order, price: Decimal) -> None:
    """Move a trailing stop with the best price seen, one way only."""
    if order.type is OrderType.TRAILING_STOP and not order.triggered and order.status in _WORKING:
        set_trail(order, price)


def set_trail(order: Order, price: Decimal) -> None:
    """Take a price into the high-water mark (low for buys) and set the stop from it."""
    better = max if order.side is Side.SELL else min
    order.hwm = price if order.hwm is None else better(order.hwm, price)
    if order.trail_price is not None:
        distance = order.trail_price
    elif order.trail_percent is not None:
        distance = order.hwm * order.trail_percent / 100
    else:
        raise ValueError(f"trailing order {order.id} has no trail")
    stop = order.hwm - distance if order.side is Side.SELL else order.hwm + distance
    order.stop_price = toward_worse(stop, order.side)
