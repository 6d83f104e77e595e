"""What an order form must satisfy by itself, whatever the account holds. Codes are Alpaca's."""

from collections.abc import Iterable
from decimal import Decimal

from magellan_core.model import OrderClass, OrderType, TimeInForce
from magellan_core.paper.orders import Changes, Order, OrderForm
from magellan_core.paper.prices import on_tick
from magellan_core.paper.rules import FORBIDDEN, INVALID, UNPROCESSABLE, Rejected, Rules

LONGEST_ID = 128
_DECIMALS = 9
_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_STOPPED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_RESTING = frozenset({TimeInForce.DAY, TimeInForce.GTC})
_PLAIN = frozenset({OrderType.MARKET, OrderType.LIMIT})
_NEEDS = {
    OrderClass.BRACKET: "bracket orders require both take_profit and stop_loss",
    OrderClass.OTO: "oto orders require either take_profit or stop_loss",
    OrderClass.OCO: "oco orders require both take_profit and stop_loss",
    OrderClass.SIMPLE: "take_profit and stop_loss require an advanced order class",
}


def invalid(message: str) -> Rejected:
    return Rejected(422, INVALID, message)


def unprocessable(message: str, **extra: object) -> Rejected:
    return Rejected(422, UNPROCESSABLE, message, extra)


def check_form(form: OrderForm, rules: Rules) -> None:
    """Raise Rejected for the first fault of the form."""
    _check_id(form.client_order_id)
    _check_size(form)
    _check_prices(form)
    _check_ticks(
        rules,
        limit_price=form.limit_price,
        stop_price=form.stop_price,
        take_profit=form.take_profit,
        stop_loss=form.stop_loss,
        stop_loss_limit=form.stop_loss_limit,
    )
    _check_time_in_force(form, rules)
    _check_class(form)


def check_changes(changes: Changes, order: Order, rules: Rules) -> None:
    """Raise Rejected if that order cannot take those changes, whatever the account holds."""
    _check_id(changes.client_order_id)
    _check_ticks(rules, limit_price=changes.limit_price, stop_price=changes.stop_price)
    _positive(("limit_price", changes.limit_price), ("stop_price", changes.stop_price))
    _positive(("qty", changes.qty), ("trail", changes.trail))
    if changes.limit_price is not None and order.type not in _LIMITED:
        raise invalid(f"{order.type} orders must not have a limit price")
    if changes.stop_price is not None and order.type not in _STOPPED:
        raise invalid(f"{order.type} orders must not have a stop price")
    if changes.trail is not None and order.type is not OrderType.TRAILING_STOP:
        raise invalid("trail is only for trailing_stop orders")
    if changes.qty is None:
        return
    if changes.qty != changes.qty.to_integral_value():
        raise invalid("qty must be integer")
    if order.order_class is not OrderClass.SIMPLE:
        raise unprocessable("qty of advanced orders cannot be replaced")
    if order.notional is not None or changes.qty <= order.filled_qty:
        raise unprocessable("qty must be greater than filled_qty")


def _check_id(client_order_id: str | None) -> None:
    if client_order_id is not None and len(client_order_id) > LONGEST_ID:
        raise invalid(f"client_order_id must be no more than {LONGEST_ID} characters")


def _positive(*told: tuple[str, Decimal | None]) -> None:
    for name, value in told:
        if value is not None and not (value.is_finite() and value > 0):
            raise invalid(f"{name} must be > 0")


def _check_size(form: OrderForm) -> None:
    if form.qty is not None and form.notional is not None:
        raise invalid("only one of qty or notional is accepted")
    if form.qty is None and form.notional is None:
        raise invalid("qty or notional is required")
    _positive(("qty", form.qty), ("notional", form.notional))
    if form.qty is not None and form.qty != round(form.qty, _DECIMALS):
        raise invalid(f"qty increment must be >= {Decimal(1).scaleb(-_DECIMALS):f}")
    if form.notional is not None and form.notional < 1:
        raise Rejected(403, FORBIDDEN, "cost basis must be >= minimal amount of order 1")


def _check_prices(form: OrderForm) -> None:
    _positive(
        ("limit_price", form.limit_price),
        ("stop_price", form.stop_price),
        ("trail_price", form.trail_price),
        ("trail_percent", form.trail_percent),
        ("take_profit.limit_price", form.take_profit),
        ("stop_loss.stop_price", form.stop_loss),
        ("stop_loss.limit_price", form.stop_loss_limit),
    )
    # The limit of an OCO is its take_profit.
    has_limit = form.limit_price is not None or _is_oco(form)
    _match("limit", form.type, form.type in _LIMITED, has_limit)
    _match("stop", form.type, form.type in _STOPPED, form.stop_price is not None)
    trails = (form.trail_price is not None) + (form.trail_percent is not None)
    if trails != (form.type is OrderType.TRAILING_STOP):
        raise invalid("trailing_stop orders, and no others, have one of trail_price, trail_percent")


def _match(what: str, kind: OrderType, needed: bool, told: bool) -> None:
    if needed and not told:
        raise invalid(f"{kind} orders require a {what} price")
    if told and not needed:
        raise invalid(f"{kind} orders must not have a {what} price")


def _is_oco(form: OrderForm) -> bool:
    return form.order_class is OrderClass.OCO and form.take_profit is not None


def _check_ticks(rules: Rules, **prices: Decimal | None) -> None:
    if rules.price_ticks == "exact":
        return
    for name, price in prices.items():
        if price is not None and price > 0 and not on_tick(price):
            raise unprocessable(
                f"invalid {name} {price}. sub-penny increment does not fulfill "
                "minimum pricing criteria"
            )


def _check_time_in_force(form: OrderForm, rules: Rules) -> None:
    fractional = form.notional is not None or form.qty != round(form.qty or 0)
    if fractional and form.time_in_force is not TimeInForce.DAY:
        raise unprocessable("fractional orders must be DAY orders")
    if form.notional is not None and form.type is not OrderType.MARKET and not rules.notional_limit:
        raise unprocessable("notional orders must be market orders")
    resting = form.time_in_force in _RESTING
    if form.extended_hours and not (form.type is OrderType.LIMIT and resting):
        raise unprocessable("extended hours order must be DAY or GTC limit orders")
    if not resting and form.type not in _PLAIN:
        raise unprocessable(f"invalid time_in_force {form.time_in_force} for {form.type} orders")


def _check_class(form: OrderForm) -> None:
    kind = form.order_class
    legs = (form.take_profit is not None) + (form.stop_loss is not None)
    wanted = {OrderClass.SIMPLE: 0, OrderClass.OTO: 1}.get(kind, 2)
    orphan = form.stop_loss_limit is not None and form.stop_loss is None
    if legs != wanted or orphan:
        raise unprocessable(_NEEDS[kind])
    if kind is OrderClass.SIMPLE:
        return
    if form.time_in_force not in _RESTING:
        raise unprocessable(f"{kind} orders must be DAY or GTC orders")
    if form.extended_hours:
        raise unprocessable(f"{kind} orders must not be extended hours orders")
    if form.notional is not None or form.qty != round(form.qty or 0):
        raise unprocessable(f"fractional orders cannot be {kind} orders")
    if form.type not in ({OrderType.LIMIT} if kind is OrderClass.OCO else _PLAIN):
        allowed = "limit" if kind is OrderClass.OCO else "market or limit"
        raise unprocessable(f"{kind} orders must be {allowed} orders")


def leg_faults(
    form: OrderForm, base: Decimal, *, tick: Decimal = Decimal("0.01")
) -> Iterable[Rejected]:
    """Legs nearer than a cent to the base price, or on its wrong side, dollars."""
    sign = 1 if form.side.value == "buy" else -1
    if form.order_class is OrderClass.OCO:
        sign = -sign
    more, less = (">=", "<=") if sign > 0 else ("<=", ">=")
    plus, minus = ("+", "-") if sign > 0 else ("-", "+")
    told = {"base_price": str(base)}
    if form.take_profit is not None and (form.take_profit - base) * sign < tick:
        yield unprocessable(
            f"take_profit.limit_price must be {more} base_price {plus} {tick}", **told
        )
    if form.stop_loss is not None and (base - form.stop_loss) * sign < tick:
        yield unprocessable(
            f"stop_loss.stop_price must be {less} base_price {minus} {tick}", **told
        )
