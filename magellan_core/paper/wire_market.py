"""JSON forms of the market's side: clock, calendar, bars, quotes, trades, splits."""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from uuid import NAMESPACE_URL, uuid5

from magellan_core.market_hours import (
    Session,
    at_new_york,
    new_york,
    new_york_date,
    next_session,
    session_on,
    sessions_between,
)
from magellan_core.model import Bar, Quote, Timeframe
from magellan_core.paper.wire import Json, dumps, stamp


def clock(now: datetime) -> Json:
    """GET /v2/clock, in New York's offset."""
    today = session_on(new_york_date(now))
    following = next_session(new_york_date(now))
    is_open = today is not None and today.open <= now < today.close
    opens = today if today is not None and now < today.open else following
    closes = today if today is not None and now < today.close else following
    return {
        "timestamp": new_york(now).isoformat(),
        "is_open": is_open,
        "next_open": new_york(opens.open).isoformat(),
        "next_close": new_york(closes.close).isoformat(),
    }


def _calendar_day(session: Session) -> Json:
    return {
        "date": session.date.isoformat(),
        "open": f"{new_york(session.open):%H:%M}",
        "close": f"{new_york(session.close):%H:%M}",
        "session_open": "0400",
        "session_close": "1700" if session.is_half_day else "2000",
        "settlement_date": next_session(session.date).date.isoformat(),
    }


@lru_cache(maxsize=64)
def calendar(first: date, last: date) -> bytes:
    """GET /v2/calendar as JSON text, both dates inclusive."""
    return dumps([_calendar_day(session) for session in sessions_between(first, last)])


def bar_start(bar: Bar, timeframe: Timeframe) -> datetime:
    """A bar's `t`: its start, for a daily bar midnight in New York."""
    if timeframe is Timeframe.DAY:
        return at_new_york(new_york_date(bar.start), 0)
    return bar.start


def bar(value: Bar, timeframe: Timeframe) -> Json:
    """A bar. We know no trade count and no VWAP: `n` guesses 100 shares a trade, `vw` is the
    typical price (high + low + close) / 3; the client refuses bars without them.
    """
    return {
        "t": stamp(bar_start(value, timeframe)),
        "o": value.open,
        "h": value.high,
        "l": value.low,
        "c": value.close,
        "v": int(value.volume),
        "n": max(1, int(value.volume) // 100),
        "vw": round((value.high + value.low + value.close) / 3, 6),
    }


def quote(value: Quote) -> Json:
    return {
        "t": stamp(value.at),
        "ap": float(value.ask),
        "as": value.ask_size,
        "ax": "V",
        "bp": float(value.bid),
        "bs": value.bid_size,
        "bx": "V",
        "c": ["R"],
        "z": "C",
    }


def trade(price: Decimal, at: datetime) -> Json:
    return {"t": stamp(at), "p": float(price), "s": 100, "x": "V", "c": ["@"], "i": 1, "z": "C"}


def split(symbol: str, day: date, ratio: float) -> Json:
    """A forward (ratio above 1) or reverse split of GET /v1/corporate-actions."""
    rate = Decimal(str(ratio))
    new, old = (rate, Decimal(1)) if rate >= 1 else (Decimal(1), 1 / rate)
    return {
        "id": str(uuid5(NAMESPACE_URL, f"magellan:split:{symbol}:{day}")),
        "symbol": symbol,
        "new_rate": float(new),
        "old_rate": float(round(old, 9)),
        "ex_date": day.isoformat(),
        "process_date": day.isoformat(),
        "record_date": day.isoformat(),
        "payable_date": day.isoformat(),
    }
