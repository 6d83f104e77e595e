"""Hourly bars of the regular session, anchored at its open: 09:30 to 10:30, and so on.

The vendor's hourly bars sit on clock hours, so that the one of 09:00 mixes in what was traded
before the open. These are built from shorter bars; the last one of a day ends with the session.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from magellan_core.market_hours import Session, new_york_date, previous_session, session_on
from magellan_core.model import Bar

HOUR = timedelta(hours=1)


def anchored(bars: Iterable[Bar], until: datetime) -> list[Bar]:
    """One symbol's shorter bars, oldest first, as hours of the session that end by `until`.

    What lies outside the session, or across the edge of an hour, belongs to none of them. An hour
    in which nothing was traded has no bar.
    """
    made: list[Bar] = []
    for bar in bars:
        hour = hour_of(bar.start)
        if hour is None or bar.end > hour[1] or hour[1] > until:
            continue
        start, end = hour
        if made and made[-1].start == start:
            made[-1] = _joined(made[-1], bar)
        else:
            made.append(bar._replace(start=start, end=end))
    return made


def hour_of(at: datetime) -> tuple[datetime, datetime] | None:
    """Start and end of the anchored hour that holds the instant; None: it is in no session."""
    session = session_on(new_york_date(at))
    if session is None or not session.open <= at < session.close:
        return None
    start = session.open + (at - session.open) // HOUR * HOUR
    return start, min(start + HOUR, session.close)


def newest_anchored(now: datetime, session: Session | None) -> datetime:
    """The end of the newest anchored hour that can be complete now. `session`: today's, if any."""
    if session is not None and now >= session.close:
        return session.close
    if session is not None and now >= session.open + HOUR:
        return session.open + (now - session.open) // HOUR * HOUR
    return previous_session(new_york_date(now)).close


def _joined(hour: Bar, bar: Bar) -> Bar:
    return hour._replace(
        high=max(hour.high, bar.high),
        low=min(hour.low, bar.low),
        close=bar.close,
        volume=hour.volume + bar.volume,
    )
