"""A snapshot for programs, as JSON."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal

from magellan_core.operations.looks import Origin, Snapshot, market_clock


def as_json(snapshot: Snapshot) -> dict[str, object]:
    """The snapshot for programs: money as strings, times as ISO 8601 in UTC, ages in seconds."""
    told = _plain(snapshot, snapshot.at)
    if not isinstance(told, dict):
        raise TypeError("a snapshot is an object")
    clock = market_clock(snapshot.at)
    told["market"] = {
        "is_open": clock.is_open,
        "next_event": clock.event,
        "next_event_at": clock.event_at.isoformat(),
        "half_day": clock.session.is_half_day,
    }
    return {**told, "ok": not snapshot.problems}


def _plain(value: object, now: datetime) -> object:
    match value:
        case Origin():
            age = value.age(now)
            at = None if value.at is None else value.at.isoformat()
            seconds = None if age is None else age.total_seconds()
            return {"source": value.source, "at": at, "age_seconds": seconds}
        case Decimal():
            return f"{value:f}"
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {str(k): _plain(v, now) for k, v in value.items()}
        case str():
            return str(value)
        case tuple() | list():
            return [_plain(each, now) for each in value]
        case _ if is_dataclass(value):
            return {f.name: _plain(getattr(value, f.name), now) for f in fields(value)}
        case _:
            return value
