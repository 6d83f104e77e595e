"""Alpaca's JSON -> model values: lenient in what we do not need, strict in what we do.

LAW: unknown words are kept, unknown fields ignored; a missing or senseless field that we need
raises Unavailable naming it, since a guess would be traded on.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from magellan_core.errors import Unavailable
from magellan_core.market_hours import Session, at_new_york
from magellan_core.model import Account, Asset, BrokerOrder, Fill, OrderType, Position, Quote, Side
from magellan_core.risk.account import Transfer

_LIMITS = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


class Fields:
    """One JSON object of an answer; `what` names it in messages, e.g. "account answer"."""

    def __init__(self, row: object, what: str) -> None:
        self._what = what
        if not isinstance(row, Mapping):
            raise Unavailable(
                f"the broker's {what} is {_kind(row)}, not an object: try again later"
            )
        self._row: Mapping[str, object] = row

    def text(self, name: str) -> str:
        value = self._row.get(name)
        if not isinstance(value, str) or not value:
            raise self._fault(name)
        return value

    def word(self, name: str) -> str:
        """Text that may be missing: then it is empty."""
        value = self._row.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> Decimal:
        value = self.maybe_number(name)
        if value is None:
            raise self._fault(name)
        return value

    def maybe_number(self, name: str) -> Decimal | None:
        """A finite decimal, sent as a string or a number; None: missing, null or empty."""
        value = self._row.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._fault(name)
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise self._fault(name) from None
        if not number.is_finite():
            raise self._fault(name)
        return number

    def price(self, name: str, *, needed: bool) -> Decimal | None:
        """A price that an order of that type has, or may lack."""
        return self.number(name) if needed else self.maybe_number(name)

    def real(self, name: str) -> float:
        """A finite float: prices and volumes of bars."""
        value = self._row.get(name)
        # A bool is an int to isinstance.
        if isinstance(value, int | float) and value is not True and value is not False:
            number = value if isinstance(value, float) else float(str(value))
            if math.isfinite(number):
                return number
        raise self._fault(name)

    def flag(self, name: str) -> bool:
        value = self._row.get(name)
        if not isinstance(value, bool):
            raise self._fault(name)
        return value

    def is_set(self, name: str) -> bool:
        """A flag that may be missing: then it is not set."""
        return self._row.get(name) is True

    def moment(self, *names: str) -> datetime:
        """The first of these times that is there: RFC 3339, any precision, as aware UTC."""
        told = next((value for name in names if (value := self._row.get(name))), None)
        if not isinstance(told, str):
            raise self._fault(names[0])
        try:
            at = datetime.fromisoformat(told)
        except ValueError:
            raise self._fault(names[0]) from None
        if at.tzinfo is None:
            raise self._fault(names[0])
        return at.astimezone(UTC)

    def day(self, name: str) -> date:
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise self._fault(name) from None

    def maybe_day(self, name: str) -> date | None:
        """A date that may be missing or of another form: then it is None."""
        try:
            return date.fromisoformat(self.word(name)[:10])
        except ValueError:
            return None

    def wall_time(self, name: str) -> tuple[int, int]:
        """HH:MM as (hour, minute)."""
        hour, _, minute = self.text(name).partition(":")
        if not (hour.isdecimal() and minute.isdecimal()):
            raise self._fault(name)
        return int(hour), int(minute)

    def side(self, name: str) -> Side:
        """Buy or sell; Alpaca marks the sale that opens a short as sell_short."""
        word = self.text(name)
        if word not in ("buy", "sell", "sell_short"):
            raise self._fault(name)
        return Side.BUY if word == "buy" else Side.SELL

    def list(self, name: str) -> Sequence[object]:
        """A list; missing or null counts as empty."""
        value = self._row.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self._fault(name)
        return value

    def table(self, name: str) -> Mapping[str, object]:
        """An object of objects by symbol; null counts as empty, missing does not."""
        if name not in self._row:
            raise self._fault(name)
        value = self._row[name]
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self._fault(name)
        return value

    def _fault(self, name: str) -> Unavailable:
        if name not in self._row:
            return Unavailable(
                f"the broker's {self._what} lacks '{name}': nothing is decided without it; see "
                "Alpaca's changelog if it stays so"
            )
        told = repr(self._row[name])[:60]
        return Unavailable(
            f"the broker's {self._what} has '{name}' {told}, which makes no sense: nothing is "
            "decided on it; see Alpaca's changelog if it stays so"
        )


def rows(answer: object, what: str) -> Sequence[object]:
    """The answer as a list. Raises Unavailable if it is none."""
    if not isinstance(answer, list):
        raise Unavailable(f"the broker's {what} is {_kind(answer)}, not a list: try again later")
    return answer


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


def _kind(value: object) -> str:
    return "empty" if value is None else f"a {type(value).__name__}"
