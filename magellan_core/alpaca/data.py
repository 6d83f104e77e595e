"""Alpaca's market data API as the engine's MarketData: completed bars and latest quotes.

LAW: a bar is given out once it is complete, and with the session it belongs to; rows outside
sessions are dropped.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Literal

from magellan_core.alpaca import parse
from magellan_core.alpaca.fields import Fields
from magellan_core.alpaca.transport import Rejection, Rest
from magellan_core.errors import Unavailable
from magellan_core.market_hours import (
    Session,
    at_new_york,
    new_york_date,
    session_on,
)
from magellan_core.model import Bar, Quote, Timeframe

Feed = Literal["iex", "sip", "sip_delayed"]

_BARS_A_PAGE = 10_000
_LENGTH = {Timeframe.MINUTE: timedelta(minutes=1), Timeframe.HOUR: timedelta(hours=1)}
_NO_RECENT_SIP = "subscription does not permit"


class AlpacaData:
    """ports.MarketData over REST. `feed`: iex is free, sip needs a subscription when recent."""

    def __init__(self, rest: Rest, feed: Feed = "iex") -> None:
        self._rest, self._feed = rest, feed

    def bars(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        start: datetime,
        end: datetime,
        *,
        split_adjusted: bool,
    ) -> Mapping[str, Sequence[Bar]]:
        length = _LENGTH.get(timeframe)
        # Alpaca's daily bar starts at midnight in New York, before the session's open.
        first = at_new_york(new_york_date(start), 0) if length is None else start
        last = end if length is None else end - length
        if not symbols or last < first:
            return {}
        query = {
            "symbols": ",".join(symbols),
            "timeframe": timeframe.value,
            "start": _stamp(first),
            "end": _stamp(last),
            "limit": str(_BARS_A_PAGE),
            "adjustment": "split" if split_adjusted else "raw",
            "feed": self._feed,
            "sort": "asc",
        }
        found: dict[str, dict[datetime, Bar]] = {}
        for symbol, row in self._rows("/stocks/bars", "bars", query):
            bar = _bar(symbol, Fields(row, f"bar of {symbol}"), length)
            if bar is not None and start <= bar.start and bar.end <= end:
                found.setdefault(symbol, {})[bar.start] = bar
        return {symbol: [bars[at] for at in sorted(bars)] for symbol, bars in found.items()}

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        told = self.quote_rows(symbols)
        quotes = (parse.quote(symbol, row) for symbol, row in told.items() if row is not None)
        return {quote.symbol: quote for quote in quotes if quote is not None}

    def quote_rows(self, symbols: Sequence[str]) -> Mapping[str, object]:
        """Latest quotes as they are told, for `parse.quote`; who needs few need not read all."""
        if not symbols:
            return {}
        query = {"symbols": ",".join(symbols), "feed": self._feed}
        return Fields(self._read("/stocks/quotes/latest", query), "quotes answer").table("quotes")

    def _rows(self, path: str, name: str, query: dict[str, str]) -> Iterator[tuple[str, object]]:
        """Every row with its symbol, page after page."""
        pages: set[str] = set()
        while True:
            told = Fields(self._read(path, query), f"{name} answer")
            table = told.table(name)
            rows = Fields(table, f"{name} answer")
            for symbol in table:
                for row in rows.list(symbol):
                    yield symbol, row
            token = told.word("next_page_token")
            if not token:
                return
            if token in pages:
                raise Unavailable(f"the broker's {name} repeat a page: try again later")
            pages.add(token)
            query = {**query, "page_token": token}

    def _read(self, path: str, query: Mapping[str, str]) -> object:
        answer = self._rest.call("GET", path, query)
        if isinstance(answer, Rejection):
            if _NO_RECENT_SIP in answer.message.lower():
                raise Unavailable(
                    f"GET {path}: the account's data plan has no recent {self._feed} data: set the "
                    "data feed to iex in the configuration, or subscribe to it at Alpaca"
                )
            raise Unavailable(
                f"GET {path}: refused with {answer.status} ({answer.message}): check symbols and "
                "data feed in the configuration"
            )
        if answer is None:
            raise Unavailable(f"GET {path}: the answer is empty: it is asked again later")
        return answer


def _bar(symbol: str, row: Fields, length: timedelta | None) -> Bar | None:
    """The row as a bar; None: it belongs to no session. `length` None: a daily bar."""
    at = row.moment("t")
    if length is None:
        session = session_on(new_york_date(at))
        if session is None:
            return None
        start, end = session.open, session.close
    else:
        if not _traded_at(at):
            return None
        start, end = at, at + length
    return Bar(symbol, start, end, *row.reals("ohlcv"))


@lru_cache(maxsize=256)
def _traded_at(at: datetime) -> bool:
    """Asked once for all symbols of a minute."""
    hours = _trading_hours(new_york_date(at))
    return hours is not None and hours.open <= at < hours.close


@cache
def _trading_hours(day: date) -> Session | None:
    """04:00-20:00 of a day with a session: extended hours included, overnight trading not."""
    if session_on(day) is None:
        return None
    return Session(day, at_new_york(day, 4), at_new_york(day, 20))


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
