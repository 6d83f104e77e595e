"""Alpaca's trading API as the engine's Broker.

LAW: a read raises Unavailable rather than guess; a write answers Accepted, Refused or Unknown, and
is never sent twice from here.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import quote

from magellan_core.alpaca import parse
from magellan_core.alpaca.fields import Fields, rows
from magellan_core.alpaca.transport import Rejection, Rest
from magellan_core.errors import RateLimited, Unavailable
from magellan_core.market_hours import Session, at_new_york, new_york_date
from magellan_core.model import (
    Accepted,
    Account,
    Asset,
    BrokerOrder,
    Fill,
    OrderClass,
    OrderRequest,
    Outcome,
    Position,
    Refused,
    Unknown,
)
from magellan_core.order_states import Happening, happening_of
from magellan_core.risk.account import Transfer

# Alpaca: "messages may change, codes won't".
ABSENT = 40410000
_DUPLICATE = "client_order_id must be unique"
# Says the same code of a wrong base URL, which tells nothing of an order.
_WRONG_URL = "endpoint not found"

_ORDERS_A_PAGE = 500
_FILLS_A_PAGE = 100

# Orders may be listed some seconds late; `after` excludes its own instant.
_LATE_LISTING = timedelta(minutes=5)
_INSTANT = timedelta(microseconds=1)

_OVER = frozenset(
    {
        Happening.FILLED,
        Happening.CANCELED,
        Happening.EXPIRED,
        Happening.REJECTED,
        Happening.REPLACED,
    }
)


def may_fill(order: BrokerOrder) -> bool:
    """Whether the order or one of its legs may still fill; an unknown status may."""
    over = happening_of(order.status, order.time_in_force) in _OVER
    return not over or any(may_fill(leg) for leg in order.legs)


class AlpacaBroker:
    """ports.Broker over REST: one account."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._floor: datetime | None = None

    def account(self) -> Account:
        return parse.account(self._rest.get("/account"))

    def positions(self) -> Sequence[Position]:
        answer = self._rest.get("/positions")
        return [parse.position(row) for row in rows(answer, "list of positions")]

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Every parent of which a part may still fill, oldest first.

        Asks for all statuses: `open` leaves out the legs that are held. The first call reads the
        account's orders from the beginning; later ones start below the oldest that was alive,
        since nothing that is over comes to life again, or below the newest if none was.
        """
        orders = sorted(self._orders_since(self._floor), key=lambda order: order.submitted_at)
        alive = [order for order in orders if may_fill(order)]
        if orders:
            oldest = alive[0] if alive else orders[-1]
            self._floor = oldest.submitted_at - _LATE_LISTING
        return alive

    def all_orders(self) -> Sequence[BrokerOrder]:
        """Every parent ever submitted, legs nested, oldest first."""
        return list(self._orders_since(None))

    def order(self, order_id: str) -> BrokerOrder | None:
        return self._look_up(f"/orders/{quote(order_id, safe='')}", {"nested": "true"})

    def find(self, client_order_id: str) -> BrokerOrder | None:
        path = "/orders:by_client_order_id"
        order = self._look_up(path, {"client_order_id": client_order_id, "nested": "true"})
        if order is None or order.legs or order.order_class == OrderClass.SIMPLE:
            return order
        # Whether this look-up nests legs is not documented; the one by id does.
        return self.order(order.id)

    def fills(self, after: str | None) -> Sequence[Fill]:
        query = {"direction": "asc", "page_size": str(_FILLS_A_PAGE)}
        fills: list[Fill] = []
        seen = {after}
        while True:
            if (last := fills[-1].id if fills else after) is not None:
                query["page_token"] = last
            answer = self._rest.get("/account/activities/FILL", query)
            page = [parse.fill(row) for row in rows(answer, "list of fills")]
            new = [fill for fill in page if fill.id not in seen]
            fills += new
            seen.update(fill.id for fill in new)
            if len(page) < _FILLS_A_PAGE:
                return fills
            if not new:
                raise Unavailable(
                    f"the broker's fills do not page on after {last}: try again later"
                )

    def transfers(self, after: str | None) -> Sequence[Transfer]:
        query = {"activity_types": "CSD,CSW", "direction": "asc", "page_size": str(_FILLS_A_PAGE)}
        found: list[Transfer] = []
        seen = {after}
        while True:
            if (last := found[-1].id if found else after) is not None:
                query["page_token"] = last
            answer = self._rest.get("/account/activities", query)
            page = [parse.transfer(row) for row in rows(answer, "list of transfers")]
            new = [transfer for transfer in page if transfer.id not in seen]
            found += new
            seen.update(transfer.id for transfer in new)
            if len(page) < _FILLS_A_PAGE or not new:
                return found

    def closing_equities(self, first: date, last: date) -> Mapping[date, Decimal]:
        # A point is stamped with the end of its day, at the close or at eight in the evening.
        start = at_new_york(first, 0).isoformat().replace("+00:00", "Z")
        query = {"start": start, "timeframe": "1D"}
        points = parse.equity_points(self._rest.get("/account/portfolio/history", query))
        told = {new_york_date(at): equity for at, equity in points if equity > 0}
        return {day: told[day] for day in sorted(told) if first <= day <= last}

    def submit(self, request: OrderRequest) -> Outcome:
        outcome = self._write("POST", "/orders", _form(request))
        if _is_duplicate(outcome):
            return self._echo(
                outcome,
                request.client_order_id,
                {"symbol": request.symbol, "side": request.side, "qty": Decimal(request.qty)},
            )
        return outcome

    def replace_stop(self, order_id: str, client_order_id: str, stop: Decimal) -> Outcome:
        form = {"stop_price": f"{stop:f}", "client_order_id": client_order_id}
        outcome = self._write("PATCH", f"/orders/{quote(order_id, safe='')}", form)
        if _is_duplicate(outcome):
            return self._echo(outcome, client_order_id, {"replaces": order_id, "stop_price": stop})
        return outcome

    def cancel(self, order_id: str) -> Refused | Unknown | None:
        try:
            answer = self._rest.call("DELETE", f"/orders/{quote(order_id, safe='')}")
        except Unavailable as error:
            return Unknown(str(error))
        if not isinstance(answer, Rejection):
            return None
        if _says_absent(answer) or answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return Refused(answer.status, answer.code, answer.message)
        return Unknown(f"cancel of {order_id}: HTTP {answer.status} ({answer.message})")

    def asset(self, symbol: str) -> Asset | None:
        path = f"/assets/{quote(symbol, safe='')}"
        answer = self._rest.call("GET", path)
        return None if _is_absent(path, answer) else parse.asset(answer)

    def calendar(self, first: date, last: date) -> Sequence[Session]:
        query = {"start": first.isoformat(), "end": last.isoformat()}
        answer = self._rest.get("/calendar", query)
        sessions = [parse.session(row) for row in rows(answer, "calendar")]
        return [session for session in sessions if first <= session.date <= last]

    def equity_history(self) -> Sequence[tuple[datetime, Decimal]]:
        """Today's equity in dollars every five minutes, oldest first; for people, not decisions."""
        query = {"period": "1D", "timeframe": "5Min"}
        return parse.equity_points(self._rest.get("/account/portfolio/history", query))

    def clock(self) -> datetime:
        """The broker's own time. Raises Unavailable."""
        return Fields(self._rest.get("/clock"), "clock").moment("timestamp")

    def _look_up(self, path: str, query: Mapping[str, str]) -> BrokerOrder | None:
        answer = self._rest.call("GET", path, query)
        return None if _is_absent(path, answer) else parse.order(answer)

    def _write(self, verb: str, path: str, form: Mapping[str, object]) -> Outcome:
        try:
            answer = self._rest.call(verb, path, form)
            if isinstance(answer, Rejection):
                return Refused(answer.status, answer.code, answer.message)
            return Accepted(parse.order(answer))
        except RateLimited as error:
            return Refused(HTTPStatus.TOO_MANY_REQUESTS, None, str(error))
        except Unavailable as error:
            return Unknown(str(error))

    def _echo(self, refusal: Outcome, client_order_id: str, asked: Mapping[str, object]) -> Outcome:
        """The id is taken: by this very order, if an earlier attempt arrived after all."""
        try:
            order = self.find(client_order_id)
        except Unavailable as error:
            return Unknown(f"{client_order_id} is taken, and looking it up failed: {error}")
        if order is None:
            return Unknown(f"{client_order_id} is taken, but the broker does not find it")
        same = all(getattr(order, name) == value for name, value in asked.items())
        return Accepted(order) if same else refusal

    def _orders_since(self, after: datetime | None) -> Iterator[BrokerOrder]:
        """All parents submitted after that instant (None: ever), page by page, oldest first.

        Pages overlap by an instant, since orders that share one may fall on both sides of the cut.
        """
        query = {
            "status": "all",
            "nested": "true",
            "direction": "asc",
            "limit": str(_ORDERS_A_PAGE),
        }
        seen: set[str] = set()
        while True:
            if after is not None:
                query["after"] = after.isoformat()
            answer = self._rest.get("/orders", query)
            page = [parse.order(row) for row in rows(answer, "list of orders")]
            legs = {leg.id for order in page for leg in order.legs}
            new = [order for order in page if order.id not in seen | legs]
            yield from new
            seen |= legs | {order.id for order in page}
            # Whether the limit counts legs is not documented: a page this short is the last.
            if len(page) + len(legs) < _ORDERS_A_PAGE:
                return
            if not new:
                raise Unavailable(
                    f"the broker's orders do not page on after {after}: try again later"
                )
            after = max(order.submitted_at for order in page) - _INSTANT


def _form(request: OrderRequest) -> dict[str, object]:
    """The order as Alpaca takes it; numbers go as strings, so that no digit is made up."""
    form: dict[str, object] = {
        "client_order_id": request.client_order_id,
        "symbol": request.symbol,
        "side": request.side.value,
        "qty": str(request.qty),
        "type": request.type.value,
        "time_in_force": request.time_in_force.value,
    }
    oco = request.order_class is OrderClass.OCO
    if request.limit_price is not None and not oco:
        form["limit_price"] = f"{request.limit_price:f}"
    if request.stop_price is not None:
        form["stop_price"] = f"{request.stop_price:f}"
    if request.order_class is not OrderClass.SIMPLE:
        form["order_class"] = request.order_class.value
    # The parent of an OCO is its target, which Alpaca takes as such.
    target = request.take_profit or (request.limit_price if oco else None)
    if target is not None:
        form["take_profit"] = {"limit_price": f"{target:f}"}
    if request.stop_loss is not None:
        form["stop_loss"] = {"stop_price": f"{request.stop_loss:f}"}
    return form


def _is_duplicate(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and _DUPLICATE in outcome.message.lower()


def _is_absent(path: str, answer: object) -> bool:
    """Whether the broker itself says that there is no such thing; any other refusal raises."""
    if not isinstance(answer, Rejection):
        return False
    if _says_absent(answer):
        return True
    raise Unavailable(
        f"GET {path}: refused with {answer.status} ({answer.message}): check the base URL"
    )


def _says_absent(answer: Rejection) -> bool:
    return (
        answer.status == HTTPStatus.NOT_FOUND
        and answer.code == ABSENT
        and _WRONG_URL not in answer.message.lower()
    )
