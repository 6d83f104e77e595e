"""NYSE sessions as values, half days, and New York time. The only importer of pytz.

LAW: pure look-ups in the committed session table; aware UTC in, aware UTC out.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple

import pytz

from magellan_core.errors import DataError
from magellan_core.session_table import FIRST_DAY as FIRST_DAY
from magellan_core.session_table import HALF_DAYS, HOLIDAYS
from magellan_core.session_table import LAST_DAY as LAST_DAY

_NEW_YORK = pytz.timezone("America/New_York")
_ONE_DAY = timedelta(days=1)
_FULL_SESSION = timedelta(hours=6, minutes=30)
_SATURDAY = 5
# New York is UTC-5 or UTC-4: from 05:00 UTC on both calendars show one date, before 04:00 never.
_SAME_DATE_FROM_HOUR = 5
_SETTLED_FROM_HOUR = 3


class Session(NamedTuple):
    """One regular session. `date` is its New York date; `open` and `close` are aware UTC."""

    date: date
    open: datetime
    close: datetime

    @property
    def is_half_day(self) -> bool:
        return self.close - self.open < _FULL_SESSION


def _days(table: dict[int, str]) -> frozenset[date]:
    return frozenset(
        date.fromisoformat(f"{year}-{day}") for year, days in table.items() for day in days.split()
    )


_CLOSED = _days(HOLIDAYS)
_HALF = _days(HALF_DAYS)


@cache
def session_on(day: date) -> Session | None:
    """The session of that New York date; None on weekends and holidays.

    Raise DataError outside FIRST_DAY..LAST_DAY, ValueError for a datetime: which date it is
    depends on the time zone, so ask `new_york_date` first.
    """
    _require_covered(day)
    if day.weekday() >= _SATURDAY or day in _CLOSED:
        return None
    closing_hour = 13 if day in _HALF else 16
    return Session(day, at_new_york(day, 9, 30), at_new_york(day, closing_hour))


@cache
def next_session(day: date) -> Session:
    """The first session strictly after that date. Raise DataError if the table ends before it."""
    _require_covered(day)
    while True:
        day += _ONE_DAY
        if (session := session_on(day)) is not None:
            return session


@cache
def previous_session(day: date) -> Session:
    """The last session strictly before that date. Raise DataError if the table starts after it."""
    _require_covered(day)
    while True:
        day -= _ONE_DAY
        if (session := session_on(day)) is not None:
            return session


def sessions_between(first: date, last: date) -> list[Session]:
    """All sessions from `first` to `last`, both included, oldest first; none if first > last."""
    _require_covered(first)
    _require_covered(last)
    days = (first + timedelta(n) for n in range((last - first).days + 1))
    return [session for day in days if (session := session_on(day)) is not None]


def new_york(at: datetime) -> datetime:
    """The same instant on New York clocks. Raise ValueError for a naive datetime."""
    return _aware(at).astimezone(_NEW_YORK)


def new_york_date(at: datetime) -> date:
    """The date in New York at that instant. Raise ValueError for a naive datetime."""
    if at.tzinfo is not UTC:
        at = _aware(at).astimezone(UTC)
    hour = at.hour
    if hour >= _SAME_DATE_FROM_HOUR:
        return at.date()
    if hour < _SAME_DATE_FROM_HOUR - 1:
        return at.date() - _ONE_DAY
    return at.astimezone(_NEW_YORK).date()


def at_new_york(day: date, hour: int, minute: int = 0) -> datetime:
    """The UTC instant at which New York clocks show that time on that date.

    Raise ValueError for a time that the change to or from summer time skips or repeats.
    """
    if not 0 < hour < _SETTLED_FROM_HOUR:
        # Clocks change at two: what noon has holds from three on, and until the next midnight.
        offset = _noon_offset(day if hour else day - _ONE_DAY)
        return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) - offset
    wall = datetime.combine(day, time(hour, minute))
    try:
        return _NEW_YORK.localize(wall, is_dst=None).astimezone(UTC)
    except pytz.InvalidTimeError:
        raise ValueError(f"{wall:%Y-%m-%d %H:%M} is not one instant in New York") from None


@cache
def _noon_offset(day: date) -> timedelta:
    at = datetime(day.year, day.month, day.day, 17, tzinfo=UTC).astimezone(_NEW_YORK)
    return at.utcoffset() or timedelta(0)


def label(at: datetime) -> str:
    """The instant as people on the desk say it, e.g. "10:31 ET"."""
    return f"{new_york(at):%H:%M} ET"


def _aware(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no time zone: pass an aware datetime")
    return at


def _require_covered(day: date) -> None:
    if isinstance(day, datetime):
        raise ValueError(f"{day.isoformat()} is an instant: pass new_york_date() of it")
    if not FIRST_DAY <= day <= LAST_DAY:
        raise DataError(
            f"{day} is outside the session table, {FIRST_DAY} to {LAST_DAY}: "
            "extend it with scripts/make_session_table.py"
        )
