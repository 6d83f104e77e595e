"""What clients send, read strictly where Alpaca is strict and lightly where it is not.

Every fault is a Rejected of 422/40010001, Alpaca's "parameter validation".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from magellan_core.model import OrderClass, OrderType, Side, Timeframe, TimeInForce
from magellan_core.paper.orders import Changes, OrderForm
from magellan_core.paper.rules import INVALID, UNPROCESSABLE, Rejected

_TRUE = frozenset({"true", "1", "t"})
_FALSE = frozenset({"false", "0", "f", ""})
# Powers of ten of a number, up and down: beyond, no amount of shares or dollars is meant.
_MAGNITUDE = 15
_LONGEST_COUNT = 9
_TIMEFRAMES = {
    "1Min": Timeframe.MINUTE,
    "1T": Timeframe.MINUTE,
    "60Min": Timeframe.HOUR,
    "1Hour": Timeframe.HOUR,
    "1H": Timeframe.HOUR,
    "1Day": Timeframe.DAY,
    "1D": Timeframe.DAY,
}


def invalid(message: str) -> Rejected:
    return Rejected(422, INVALID, message)


def document(text: bytes) -> dict[str, Any]:
    """The body as an object; numbers keep their decimal text."""
    try:
        body = json.loads(text or b"{}", parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError):
        raise Rejected(400, INVALID, "request body format is invalid") from None
    if not isinstance(body, dict):
        raise Rejected(400, INVALID, "request body format is invalid")
    return body


def number(body: Mapping[str, Any], name: str) -> Decimal | None:
    """A JSON number or a numeric string; absent, null and "" are None."""
    value = body.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, Decimal | str):
        raise invalid(f"{name} must be a number")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise invalid(f"{name} must be a number") from None
    if not amount.is_finite():
        raise invalid(f"{name} must be a number")
    if abs(amount.adjusted()) > _MAGNITUDE and amount:
        raise invalid(f"{name} is out of range")
    return amount


def flag(query: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    """true, True, 1, ... or a JSON boolean."""
    value = query.get(name)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise invalid(f"{name} must be a boolean")


def count(query: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    """A whole number from 1 to `most`."""
    text = query.get(name)
    if text is None:
        return default
    found = whole(text)
    if found is None or not 1 <= found <= most:
        raise invalid(f"{name} must be between 1 and {most}")
    return found


def whole(text: str) -> int | None:
    """Digits as a number; None: there are none, or too many."""
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_COUNT else None


def instant(query: Mapping[str, str], name: str) -> datetime | None:
    """An RFC 3339 time or a date (its midnight in UTC); without an offset it is UTC."""
    text = query.get(name)
    if not text:
        return None
    # A '+' that the client left unescaped arrives as a space.
    text = text.strip().replace(" ", "+") if "T" in text else text
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(f"{name} is not a valid time: {text}") from None


def day(query: Mapping[str, str], name: str) -> date | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise invalid(f"{name} is not a valid date: {text}") from None


def names(query: Mapping[str, str], name: str) -> list[str]:
    """A comma-separated list, upper case, without repeats, in the order given."""
    parts = (part.strip().upper() for part in query.get(name, "").split(","))
    return list(dict.fromkeys(part for part in parts if part))


def timeframe(query: Mapping[str, str]) -> Timeframe:
    text = query.get("timeframe", "")
    if text not in _TIMEFRAMES:
        raise Rejected(
            422, UNPROCESSABLE, f"invalid timeframe: {text!r}: this exchange has {[*_TIMEFRAMES]}"
        )
    return _TIMEFRAMES[text]


def _word[E: StrEnum](body: Mapping[str, Any], name: str, words: type[E], default: E | None) -> E:
    value = body.get(name)
    if value in (None, "") and default is not None:
        return default
    if not isinstance(value, str) or value not in set(words):
        raise invalid(f"{name} must be one of {', '.join(words)}")
    return words(value)


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = body.get(name) or {}
    if not isinstance(part, dict):
        raise invalid(f"{name} must be an object")
    return part


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(f"{name} must be a string")
    return value or None


def order_form(text: bytes) -> OrderForm:
    """POST /v2/orders."""
    body = document(text)
    symbol = _text(body, "symbol")
    if symbol is None:
        raise invalid("symbol is required")
    target, stop = _part(body, "take_profit"), _part(body, "stop_loss")
    return OrderForm(
        symbol=symbol.upper(),
        side=_word(body, "side", Side, None),
        type=_word(body, "type", OrderType, None),
        time_in_force=_word(body, "time_in_force", TimeInForce, None),
        qty=number(body, "qty"),
        notional=number(body, "notional"),
        limit_price=number(body, "limit_price"),
        stop_price=number(body, "stop_price"),
        trail_price=number(body, "trail_price"),
        trail_percent=number(body, "trail_percent"),
        extended_hours=flag(body, "extended_hours"),
        client_order_id=_text(body, "client_order_id"),
        order_class=_word(body, "order_class", OrderClass, OrderClass.SIMPLE),
        take_profit=number(target, "limit_price"),
        stop_loss=number(stop, "stop_price"),
        stop_loss_limit=number(stop, "limit_price"),
        position_intent=_text(body, "position_intent"),
    )


def changes(text: bytes) -> Changes:
    """PATCH /v2/orders/{id}."""
    body = document(text)
    tif = body.get("time_in_force")
    return Changes(
        qty=number(body, "qty"),
        time_in_force=_word(body, "time_in_force", TimeInForce, None) if tif else None,
        limit_price=number(body, "limit_price"),
        stop_price=number(body, "stop_price"),
        trail=number(body, "trail"),
        client_order_id=_text(body, "client_order_id"),
    )


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """GET /v2/orders."""

    status: str
    limit: int
    after: datetime | None
    until: datetime | None
    direction: str
    nested: bool
    symbols: list[str] | None
    side: str | None


def order_query(query: Mapping[str, str]) -> OrderQuery:
    """Read the filters of GET /v2/orders; 50 open orders, newest first, by default."""
    return OrderQuery(
        status=_choice(query, "status", ("open", "closed", "all")),
        limit=count(query, "limit", default=50, most=500),
        after=instant(query, "after"),
        until=instant(query, "until"),
        direction=_choice(query, "direction", ("desc", "asc")),
        nested=flag(query, "nested"),
        symbols=names(query, "symbols") or None,
        side=query.get("side"),
    )


def direction(query: Mapping[str, str]) -> str:
    return _choice(query, "direction", ("desc", "asc"))


def sort(query: Mapping[str, str]) -> str:
    return _choice(query, "sort", ("asc", "desc"))


def _choice(query: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    value = query.get(name, words[0])
    if value not in words:
        raise invalid(f"{name} must be one of {', '.join(words)}")
    return value
