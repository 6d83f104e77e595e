"""The trading API: /v2/account, assets, clock, calendar, orders, positions, activities."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from magellan_core.market_hours import FIRST_DAY, LAST_DAY
from magellan_core.paper import forms, wire, wire_market
from magellan_core.paper.gate import Answer, Call, Handler
from magellan_core.paper.orders import Execution
from magellan_core.paper.rules import ABSENT, AssetState, Rejected
from magellan_core.risk.account import Transfer

_MOST_PERIODS = 1000
_PERIODS = {"D": 1, "W": 7, "M": 31, "A": 366, "Y": 366}
# A settlement date is a session later, so the calendar ends before the table of sessions does.
_LAST_SERVED = LAST_DAY - timedelta(days=7)


def account(call: Call) -> Answer:
    state = call.exchange.account(call.account)
    return Answer(200, wire.account(state, pdt_fields=call.exchange.rules.pdt_fields))


def configurations(call: Call) -> Answer:
    return Answer(200, wire.configuration(call.exchange.configuration(call.account)))


def configure(call: Call) -> Answer:
    """PATCH: the client sends the whole model; nulls and what we do not know stay as they are."""
    body = forms.document(call.body)
    changes: dict[str, bool | int | str] = {
        name: forms.flag(body, name)
        for name in ("suspend_trade", "no_shorting", "fractional_trading")
        if body.get(name) is not None
    }
    multiplier = forms.number(body, "max_margin_multiplier")
    if multiplier is not None:
        if multiplier not in (1, 2, 4):
            raise forms.invalid("max_margin_multiplier must be 1, 2 or 4")
        changes["max_margin_multiplier"] = int(multiplier)
    if isinstance(body.get("trade_confirm_email"), str):
        changes["trade_confirm_email"] = body["trade_confirm_email"]
    return Answer(200, wire.configuration(call.exchange.configure(call.account, **changes)))


def assets(call: Call) -> Answer:
    status = call.query.get("status")
    listed = [call.exchange.asset(symbol) for symbol in call.exchange.market.symbols]
    return Answer(200, [_asset(call, a) for a in listed if status in (None, "", a.status)])


def asset(call: Call) -> Answer:
    return Answer(200, _asset(call, call.exchange.asset(_symbol(call))))


def _asset(call: Call, state: AssetState) -> wire.Json:
    return wire.asset(state, easy_to_borrow=call.exchange.rules.easy_to_borrow)


def clock(call: Call) -> Answer:
    return Answer(200, wire_market.clock(call.exchange.now))


def calendar(call: Call) -> Answer:
    first = max(forms.day(call.query, "start") or FIRST_DAY, FIRST_DAY)
    last = min(forms.day(call.query, "end") or _LAST_SERVED, _LAST_SERVED)
    return Answer(200, wire_market.calendar(first, last))


def submit(call: Call) -> Answer:
    order = call.exchange.submit(call.account, forms.order_form(call.body))
    return Answer(200, wire.order(order, nested=True))


def orders(call: Call) -> Answer:
    asked = forms.order_query(call.query)
    found = call.exchange.orders(
        call.account,
        asked.status,
        after=asked.after,
        until=asked.until,
        limit=asked.limit,
        direction=asked.direction,
        nested=asked.nested,
        symbols=asked.symbols,
    )
    kept = [order for order in found if asked.side in (None, "", order.side)]
    return Answer(200, wire.orders(kept, nested=asked.nested))


def cancel_all(call: Call) -> Answer:
    done = call.exchange.cancel_all(call.account)
    return Answer(207, [{"id": order_id, "status": status} for order_id, status in done])


def order(call: Call) -> Answer:
    found = call.exchange.order(call.account, call.path["order_id"])
    return Answer(200, wire.order(found, nested=forms.flag(call.query, "nested")))


def order_by_client_id(call: Call) -> Answer:
    found = call.exchange.order_by_client_id(call.account, call.query.get("client_order_id", ""))
    return Answer(200, wire.order(found, nested=forms.flag(call.query, "nested")))


def replace(call: Call) -> Answer:
    changes = forms.changes(call.body)
    replaced = call.exchange.replace(call.account, call.path["order_id"], changes)
    return Answer(200, wire.order(replaced, nested=True))


def cancel(call: Call) -> Answer:
    call.exchange.cancel(call.account, call.path["order_id"])
    return Answer(204, None)


def positions(call: Call) -> Answer:
    held = call.exchange.positions(call.account)
    return Answer(200, [wire.position(p, call.exchange.asset(p.symbol)) for p in held])


def position(call: Call) -> Answer:
    held = call.exchange.position(call.account, _symbol(call))
    return Answer(200, wire.position(held, call.exchange.asset(held.symbol)))


def close_all(call: Call) -> Answer:
    done = call.exchange.close_all(
        call.account, cancel_orders=forms.flag(call.query, "cancel_orders")
    )
    told: list[dict[str, Any]] = []
    for symbol, outcome in done:
        if isinstance(outcome, Rejected):
            body = {"symbol": symbol, **wire.refusal(outcome)}
            told.append({"symbol": symbol, "status": outcome.status, "body": body})
        else:
            body = wire.order(outcome, nested=True)
            told.append({"symbol": symbol, "status": 200, "body": body})
    return Answer(207, told)


def close_position(call: Call) -> Answer:
    symbol = _symbol(call)
    qty = forms.number(call.query, "qty")
    percentage = forms.number(call.query, "percentage")
    if qty is not None and percentage is not None:
        raise forms.invalid("qty and percentage are mutually exclusive")
    if percentage is not None:
        if not 0 < percentage <= 100:
            raise forms.invalid("percentage must be above 0 and at most 100")
        held = abs(call.exchange.position(call.account, symbol).qty)
        qty = (held * percentage / 100).quantize(Decimal("1e-9"))
        qty = qty.quantize(Decimal(1)) if qty == qty.to_integral_value() else qty
    closing = call.exchange.close_position(call.account, symbol, qty)
    return Answer(200, wire.order(closing, nested=True))


def activities(call: Call) -> Answer:
    """Executions, or cash paid in and out; pages go by the last id seen."""
    query = call.query
    kinds = (call.path.get("kind") or query.get("activity_types") or "FILL").split(",")
    if "FILL" not in kinds:
        return Answer(200, _transfers(call, kinds))
    size = forms.count(query, "page_size", default=100, most=100)
    after, until = forms.instant(query, "after"), forms.instant(query, "until")
    token, ascending = query.get("page_token"), forms.direction(query) == "asc"
    found = call.exchange.fills(call.account, token if ascending else None)
    if not ascending:
        found = _before(found, token)[::-1]
    kept = [fill for fill in found if _within(fill.at, after, until)]
    number = call.exchange.account(call.account).id
    return Answer(200, [wire.activity(fill, number) for fill in kept[:size]])


def _transfers(call: Call, kinds: list[str]) -> list[dict[str, Any]]:
    """CSD and CSW; asked for together with executions they are left out, as ids do not mix."""
    query = call.query
    size = forms.count(query, "page_size", default=100, most=100)
    ascending = forms.direction(query) == "asc"
    found = call.exchange.transfers(call.account, query.get("page_token") if ascending else None)
    wanted = [each for each in found if wire.cash_kind(each) in kinds]
    number = call.exchange.account(call.account).id
    ordered = wanted if ascending else _before(wanted, query.get("page_token"))[::-1]
    return [wire.cash_activity(each, number) for each in ordered[:size]]


def portfolio_history(call: Call) -> Answer:
    query, now = call.query, call.exchange.now
    end = forms.instant(query, "end") or now
    start = forms.instant(query, "start") or end - _period(query.get("period") or "1M")
    points = call.exchange.equity_history(call.account)
    kept = [point for point in points if start <= point.at <= end]
    return Answer(200, wire.history(kept, query.get("timeframe") or "1D"))


def _symbol(call: Call) -> str:
    """The symbol of the path, which may be an asset id instead."""
    name = call.path["symbol"]
    if len(name) == len(wire.asset_id("")):
        for symbol in call.exchange.market.symbols:
            if wire.asset_id(symbol) == name:
                return symbol
    return name.upper()


def _before[T: (Execution, Transfer)](told: list[T], token: str | None) -> list[T]:
    if token is None:
        return told
    for n, each in enumerate(told):
        if each.id == token:
            return told[:n]
    raise Rejected(404, ABSENT, f"activity not found for {token}")


def _within(at: datetime, after: datetime | None, until: datetime | None) -> bool:
    return (after is None or at > after) and (until is None or at <= until)


def _period(text: str) -> timedelta:
    """A number and a unit: 1D, 2W, 3M, 1A."""
    amount, unit = text[:-1], text[-1:]
    number = forms.whole(amount)
    if unit not in _PERIODS or number is None or number > _MOST_PERIODS:
        raise forms.invalid(f"period is not valid: {text}")
    return timedelta(days=number * _PERIODS[unit])


ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/v2/account", account),
    ("GET", "/v2/positions", positions),
    ("GET", "/v2/orders", orders),
    ("POST", "/v2/orders", submit),
    ("GET", "/v2/clock", clock),
    ("GET", "/v2/account/activities/{kind}", activities),
    ("GET", "/v2/account/activities", activities),
    ("GET", "/v2/orders:by_client_order_id", order_by_client_id),
    ("GET", "/v2/orders/{order_id}", order),
    ("PATCH", "/v2/orders/{order_id}", replace),
    ("DELETE", "/v2/orders/{order_id}", cancel),
    ("DELETE", "/v2/orders", cancel_all),
    ("DELETE", "/v2/positions", close_all),
    ("GET", "/v2/positions/{symbol:path}", position),
    ("DELETE", "/v2/positions/{symbol:path}", close_position),
    ("GET", "/v2/calendar", calendar),
    ("GET", "/v2/assets", assets),
    ("GET", "/v2/assets/{symbol:path}", asset),
    ("GET", "/v2/account/configurations", configurations),
    ("PATCH", "/v2/account/configurations", configure),
    ("GET", "/v2/account/portfolio/history", portfolio_history),
]
