"""A journal event as a row of text, and back.

LAW: no clock, no process id, no dictionary order: equal events make equal rows.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from magellan_core.errors import JournalError
from magellan_core.ports import Event

# Made once: json.dumps would make a new encoder for every line.
ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
PLAIN = frozenset({str, int, bool, type(None)})


class Row(NamedTuple):
    """`at` is ISO 8601 UTC of one fixed width, so that it sorts; `data` is JSON, keys sorted."""

    at: str
    kind: str
    symbol: str | None
    data: str


def text_of(at: datetime) -> str:
    """ISO 8601 in UTC with microseconds: text order is time order. Raise ValueError if naive."""
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no time zone")
    in_utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds")


def finite(dollars: Decimal) -> Decimal:
    """Raise ValueError for NaN or infinity: one such row would poison every sum."""
    if not dollars.is_finite():
        raise ValueError(f"{dollars} is no amount of dollars")
    return dollars


def to_row(event: Event) -> Row:
    """Raise TypeError if `data` holds what JSON cannot hold, ValueError if `at` is naive."""
    data = dict(event.data)
    refuse_unsafe(data, event.kind)
    return Row(text_of(event.at), event.kind, event.symbol, ENCODE(data))


def to_event(row: Row) -> Event:
    """Raise JournalError if the row is not one that `to_row` made."""
    try:
        data, at = json.loads(row.data), datetime.fromisoformat(row.at)
    except ValueError as error:
        raise JournalError(
            f"a journal line of kind {row.kind} at {row.at} is unreadable ({error}): "
            f"restore the journal from a backup"
        ) from error
    return Event(at, row.kind, row.symbol, data)


def to_line(seq: int, event: Event) -> str:
    """One line of JSON for export, without the line feed."""
    fields: Mapping[str, object] = {
        "seq": seq,
        "at": text_of(event.at),
        "kind": event.kind,
        "symbol": event.symbol,
        "data": event.data,
    }
    return json.dumps(fields)


def refuse_unsafe(value: object, where: str) -> None:
    """Raise TypeError naming the place of the first value that would not come back equal."""
    match value:
        case None | str() | int():
            return
        case float():
            if not math.isfinite(value):
                raise TypeError(f"{where}: {value} is no JSON number")
        case list():
            for index, item in enumerate(value):
                refuse_unsafe(item, f"{where}[{index}]")
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise TypeError(f"{where}: the key {key!r} is not a str")
                if type(item) not in PLAIN:
                    refuse_unsafe(item, f"{where}.{key}")
        case _:
            raise TypeError(f"{where}: {type(value).__name__} is not JSON-safe: pass a str")
