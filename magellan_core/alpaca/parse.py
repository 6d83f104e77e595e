"""Alpaca's JSON -> model values: lenient in what we do not need, strict in what we do.

LAW: unknown words are kept, unknown fields ignored; a missing or senseless field that we need
raises Unavailable naming it, since a guess would be traded on.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from magellan_core.alpaca.fields import Fields
from magellan_core.errors import Unavailable
from magellan_core.market_hours import Session, at_new_york
from magellan_core.model import Account, Asset, BrokerOrder, Fill, OrderType, Position, Quote
from magellan_core.risk.account import Transfer

_LIMITS = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


def account(answer: object) -> Account:
    """An account; any of Alpaca's three blocks counts as trading blocked."""
    told = Fields(answer, "account answer")
    blocked = told.flag("trading_blocked")
    return Account(
        number=told.text("account_number"),
        status=told.text("status"),
        cash=told.number("cash"),
        equity=told.maybe_number("equity"),
        last_equity=told.maybe_number("last_equity"),
        buying_power=told.number("buying_power"),
        multiplier=told.number("multiplier"),
        trading_blocked=(
            blocked or told.is_set("account_blocked") or told.is_set("trade_suspended_by_user")
        ),
        as_of=told.maybe_day("balance_asof"),
    )


def position(row: object) -> Position:
    """A position; short ones are negative whichever way the quantity is signed."""
    told = Fields(row, "position")
    qty = told.number("qty")
    return Position(
        symbol=told.text("symbol"),
        qty=-abs(qty) if told.word("side") == "short" else qty,
        avg_entry_price=told.number("avg_entry_price"),
        current_price=told.maybe_number("current_price"),
    )


def order(row: object) -> BrokerOrder:
    """An order with its legs. An order for dollars, which is not ours, has the shares it filled."""
    told = Fields(row, "order")
    filled = told.number("filled_qty")
    for_dollars = told.maybe_number("notional") is not None
    kind = told.word("type") or told.text("order_type")
    return BrokerOrder(
        id=told.text("id"),
        client_order_id=told.word("client_order_id"),
        symbol=told.text("symbol"),
        side=told.side("side"),
        type=kind,
        order_class=told.word("order_class") or "simple",
        status=told.text("status"),
        qty=filled if for_dollars else told.number("qty"),
        filled_qty=filled,
        filled_avg_price=told.maybe_number("filled_avg_price"),
        limit_price=told.price("limit_price", needed=kind in _LIMITS),
        stop_price=told.price("stop_price", needed=kind in _STOPS),
        submitted_at=told.moment("submitted_at", "created_at"),
        updated_at=told.moment("updated_at", "submitted_at", "created_at"),
        replaces=told.word("replaces") or None,
        replaced_by=told.word("replaced_by") or None,
        time_in_force=told.word("time_in_force"),
        legs=tuple(order(leg) for leg in told.list("legs")),
    )


def fill(row: object) -> Fill:
    told = Fields(row, "fill activity")
    return Fill(
        id=told.text("id"),
        order_id=told.text("order_id"),
        symbol=told.text("symbol"),
        side=told.side("side"),
        qty=told.number("qty"),
        price=told.number("price"),
        at=told.moment("transaction_time"),
    )


def transfer(row: object) -> Transfer:
    """A deposit or withdrawal. Its id begins with New York's time, if only the day's beginning."""
    told = Fields(row, "cash activity")
    name, amount = told.text("id"), told.number("net_amount")
    try:
        written = datetime.strptime(name[:14], "%Y%m%d%H%M%S")  # noqa: DTZ007 - New York's, below
    except ValueError:
        day = told.day("date")
        return Transfer(name, amount, at_new_york(day, 0))
    at = at_new_york(written.date(), written.hour, written.minute)
    return Transfer(name, amount, at)


def asset(answer: object) -> Asset:
    told = Fields(answer, "asset answer")
    return Asset(told.text("symbol"), told.flag("tradable"), told.text("status"))


def equity_points(answer: object) -> Sequence[tuple[datetime, Decimal]]:
    """GET /account/portfolio/history; points without a value are left out."""
    told = Fields(answer, "portfolio history")
    points: list[tuple[datetime, Decimal]] = []
    for at, value in zip(told.list("timestamp"), told.list("equity"), strict=False):
        if isinstance(at, int) and isinstance(value, int | float | str):
            row = Fields({"equity": value}, "portfolio history")
            points.append((datetime.fromtimestamp(at, UTC), row.number("equity")))
    return points


def session(row: object) -> Session:
    """A calendar row: `open` and `close` are New York's HH:MM."""
    told = Fields(row, "calendar row")
    day = told.day("date")
    try:
        opens, closes = (at_new_york(day, *told.wall_time(name)) for name in ("open", "close"))
    except ValueError as error:
        raise Unavailable(f"the broker's calendar row of {day} is not a session: {error}") from None
    return Session(day, opens, closes)


def quote(symbol: str, row: object) -> Quote | None:
    """A quote; None if a side is missing, since half a quote prices nothing."""
    told = Fields(row, f"quote of {symbol}")
    bid, ask = told.maybe_number("bp"), told.maybe_number("ap")
    if bid is None or ask is None or bid <= 0 or ask <= 0:
        return None
    sizes = (int(told.maybe_number(name) or 0) for name in ("bs", "as"))
    return Quote(symbol, told.moment("t"), bid, ask, *sizes)
