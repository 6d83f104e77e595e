"""Whether an account may send an order: what it holds, owes and already asked for.

Follows Alpaca's user protection and margin pages. Buying power here is multiplier x equity less
the gross value of positions and of open entries; it is read, never stored.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from magellan_core.market_hours import at_new_york, new_york_date, session_on
from magellan_core.model import OrderClass, OrderType, Side, TimeInForce
from magellan_core.paper.ledger import STOPS, Ledger
from magellan_core.paper.orders import Order, OrderForm
from magellan_core.paper.rules import FORBIDDEN, INVALID, AssetState, Rejected, Rules
from magellan_core.paper.validation import leg_faults, unprocessable

Mark = Callable[[str], Decimal | None]
_ZERO = Decimal(0)
_SHORT_COLLAR = Decimal("1.03")
_EVENING = 19
_WHOLE_DAYS_CLOSE = 16


def forbidden(message: str, **extra: object) -> Rejected:
    return Rejected(403, FORBIDDEN, message, extra)


def check_unique(ledger: Ledger, client_order_id: str | None) -> None:
    """Raise Rejected if the id was used: for ever, or by an order still open (by the rules)."""
    if client_order_id is None or client_order_id not in ledger.by_client_id:
        return
    first = ledger.orders[ledger.by_client_id[client_order_id]]
    if ledger.rules.unique_ids == "forever" or not first.ended:
        raise Rejected(422, INVALID, "client_order_id must be unique")


def check_asset(asset: AssetState, form: OrderForm) -> None:
    """Raise Rejected if the asset does not trade, or not in fractions."""
    if not asset.tradable:
        raise unprocessable(f'asset "{form.symbol}" is not tradable')
    fractional = form.notional is not None or form.qty != round(form.qty or 0)
    if fractional and not asset.fractionable:
        raise forbidden("requested asset is not fractionable")


def check_window(form: OrderForm, now: datetime, rules: Rules) -> None:
    """Raise Rejected in the hours that refuse auction orders: cut-off to 19:00 New York."""
    session = session_on(new_york_date(now))
    if session is None or form.time_in_force not in (TimeInForce.OPG, TimeInForce.CLS):
        return
    if form.time_in_force is TimeInForce.OPG:
        since = session.open - timedelta(minutes=rules.opg_cutoff_minutes)
    else:
        whole = rules.half_day_cutoffs or not session.is_half_day
        close = session.close if whole else at_new_york(session.date, _WHOLE_DAYS_CLOSE)
        since = close - timedelta(minutes=rules.cls_cutoff_minutes)
    if since <= now < at_new_york(session.date, _EVENING):
        raise forbidden(
            f"{form.time_in_force} orders are not accepted from {since:%H:%M} UTC to 19:00 ET"
        )


def check_legs(form: OrderForm, last: Decimal, rules: Rules) -> None:
    """Raise Rejected for a target or stop nearer than a cent to the entry, or beyond it."""
    if form.order_class is OrderClass.SIMPLE or rules.price_ticks == "exact":
        return
    oco = form.order_class is OrderClass.OCO
    base = last if oco or form.limit_price is None else form.limit_price
    for fault in leg_faults(form, base):
        raise fault


def check_available(
    ledger: Ledger, form: OrderForm, asset: AssetState, qty: Decimal, *, ignore_held: bool
) -> None:
    """Raise Rejected for selling more than is free (or buying back), or a forbidden short."""
    lot = ledger.positions.get(form.symbol)
    if lot is None or (lot.qty > 0) is (form.side is Side.BUY):
        if form.order_class is OrderClass.OCO:
            raise unprocessable("oco orders must be exit orders")
        if form.side is Side.SELL:
            _check_short(ledger, asset, qty)
        return
    existing = abs(lot.qty)
    free = existing if ignore_held else ledger.available(form.symbol)
    if qty > free:
        related = [order.id for order in _closing(ledger, form)]
        raise forbidden(
            f"insufficient qty available for order (requested: {qty:f}, available: {free:f})",
            symbol=form.symbol,
            available=f"{free:f}",
            existing_qty=f"{existing:f}",
            held_for_orders=f"{ledger.held_for_orders(form.symbol):f}",
            related_orders=related,
        )


def _check_short(ledger: Ledger, asset: AssetState, qty: Decimal) -> None:
    if qty != qty.to_integral_value():
        raise forbidden("fractional orders cannot be sold short")
    if not asset.shortable:
        raise unprocessable(f'asset "{asset.symbol}" cannot be sold short')
    if ledger.spec.multiplier == 1 or ledger.configuration.no_shorting:
        raise forbidden("account is not allowed to short")


def _closing(ledger: Ledger, form: OrderForm) -> Iterator[Order]:
    for order in ledger.live_orders(form.symbol):
        if order.side is form.side and ledger.reserves(order):
            yield order


def check_wash_trade(ledger: Ledger, form: OrderForm) -> None:
    """Raise Rejected if the order could trade with an open one of the same account.

    Market and stop orders against any opposite order; limits where buy >= sell. Advanced and
    trailing orders are exempt as newcomers. Held legs are not open and do not count.
    """
    if form.order_class is not OrderClass.SIMPLE or form.type is OrderType.TRAILING_STOP:
        return
    for order in ledger.live_orders(form.symbol):
        if order.side is form.side or order.status == "held":
            continue
        mine, theirs = form.limit_price, order.limit_price
        if mine is not None and theirs is not None:
            buy, sell = (mine, theirs) if form.side is Side.BUY else (theirs, mine)
            if buy < sell:
                continue
        kind = "limit" if theirs is not None and order.type not in STOPS else "market/stop"
        raise forbidden(
            "potential wash trade detected. use complex orders",
            existing_order_id=order.id,
            reject_reason=f"opposite side {kind} order exists",
        )


def entry_cost(form: OrderForm, qty: Decimal, ask: Decimal) -> Decimal:
    """Dollars of buying power that the order takes: limit, stop or ask; shorts 3 % above ask."""
    price = form.limit_price or form.stop_price or ask
    if form.side is Side.SELL:
        price = max(form.limit_price or _ZERO, _SHORT_COLLAR * ask)
    return qty * price if form.notional is None else form.notional


def opening_qty(ledger: Ledger, side: Side, symbol: str, qty: Decimal) -> Decimal:
    """The part of the quantity that adds to the position rather than closing it."""
    lot = ledger.positions.get(symbol)
    if lot is None or (lot.qty > 0) is (side is Side.BUY):
        return qty
    return _ZERO


def reserved(ledger: Ledger, mark: Mark) -> Decimal:
    """Dollars that open entries hold back from buying power."""
    total = _ZERO
    for order in ledger.live_orders():
        if order.parent_id is not None or order.order_class is OrderClass.OCO:
            continue
        if order.status == "pending_replace":  # the replacement counts
            continue
        if not opening_qty(ledger, order.side, order.symbol, Decimal(1)):
            continue
        last = mark(order.symbol) or _ZERO
        if order.qty is None:
            total += order.notional or _ZERO
        elif order.side is Side.BUY:
            total += order.remaining * (order.limit_price or order.stop_price or last)
        else:
            total += order.remaining * max(order.limit_price or _ZERO, _SHORT_COLLAR * last)
    return total


def check_buying_power(cost: Decimal, power: Decimal) -> None:
    if cost > power:
        raise forbidden(
            "insufficient buying power", buying_power=f"{power:f}", cost_basis=f"{cost:f}"
        )
