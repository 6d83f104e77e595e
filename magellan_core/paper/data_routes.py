"""The market data API: bars, latest quotes, trades and bars, snapshots, splits.

Only completed bars are told. A symbol without data is absent from an answer, never an error.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta

from magellan_core.market_hours import at_new_york, new_york_date
from magellan_core.model import Bar, Timeframe
from magellan_core.paper import forms, wire, wire_market
from magellan_core.paper.gate import Answer, Call, Handler
from magellan_core.paper.rules import UNPROCESSABLE, Rejected

_ONE_DAY = timedelta(days=1)
_LOOK_BACK = timedelta(days=10)
_FREE_DELAY = timedelta(minutes=15)
_ADJUSTED = {"raw": False, "dividend": False, "split": True, "all": True, "spin-off": False}
_MOST = 10_000


def bars(call: Call) -> Answer:
    """GET /v2/stocks/bars: `limit` counts over all symbols, which come one after the other."""
    symbols = forms.names(call.query, "symbols")
    if not symbols:
        raise forms.invalid("symbols is required")
    found, token = _page(call, symbols)
    return Answer(200, {"bars": found, "next_page_token": token})


def bars_of_one(call: Call) -> Answer:
    """GET /v2/stocks/{symbol}/bars."""
    symbol = call.path["symbol"].upper()
    found, token = _page(call, [symbol])
    return Answer(200, {"bars": found.get(symbol, []), "symbol": symbol, "next_page_token": token})


def latest_bars(call: Call) -> Answer:
    """The newest completed minute bar, or the finest there is."""
    found = {}
    for symbol in forms.names(call.query, "symbols"):
        latest = _latest(call, symbol)
        if latest is not None:
            found[symbol] = wire_market.bar(*latest)
    return Answer(200, {"bars": found})


def latest_quotes(call: Call) -> Answer:
    found = {}
    for symbol in forms.names(call.query, "symbols"):
        quote = call.exchange.quote(call.account, symbol)
        if quote is not None:
            found[symbol] = wire_market.quote(quote)
    return Answer(200, {"quotes": found})


def latest_trades(call: Call) -> Answer:
    found = {}
    for symbol in forms.names(call.query, "symbols"):
        price = call.exchange.last_price(call.account, symbol)
        if price is not None:
            found[symbol] = wire_market.trade(price, call.exchange.now)
    return Answer(200, {"trades": found})


def snapshots(call: Call) -> Answer:
    """Latest trade, quote and minute bar, and the last two completed daily bars."""
    return Answer(
        200,
        {
            symbol: _snapshot(call, symbol)
            for symbol in forms.names(call.query, "symbols")
            if call.exchange.market.knows(symbol)
        },
    )


def corporate_actions(call: Call) -> Answer:
    """GET /v1/corporate-actions: splits are the only ones this exchange knows."""
    today = new_york_date(call.exchange.now)
    first = forms.day(call.query, "start") or today
    last = min(forms.day(call.query, "end") or today, today)
    kinds = forms.names(call.query, "types") or ["FORWARD_SPLIT", "REVERSE_SPLIT"]
    symbols = forms.names(call.query, "symbols") or list(call.exchange.market.symbols)
    told: dict[str, list[wire.Json]] = {}
    for symbol in symbols:
        for day, ratio in call.exchange.market.splits.get(symbol, ()):
            kind = "forward_split" if ratio >= 1 else "reverse_split"
            if first <= day <= last and kind.upper() in kinds:
                told.setdefault(f"{kind}s", []).append(wire_market.split(symbol, day, float(ratio)))
    return Answer(200, {"corporate_actions": told, "next_page_token": None})


def _page(call: Call, symbols: list[str]) -> tuple[dict[str, list[wire.Json]], str | None]:
    """One page of bars by symbol, and the token of the next: the last bar told."""
    query = call.query
    timeframe = forms.timeframe(query)
    room = forms.count(query, "limit", default=1000, most=_MOST)
    start, end = _span(call, timeframe)
    adjustment = query.get("adjustment") or "raw"
    if adjustment not in _ADJUSTED:
        raise forms.invalid(f"invalid adjustment: {adjustment}")
    newest_first = forms.sort(query) == "desc"
    last_symbol, last_start = _read_token(query)
    page: dict[str, list[wire.Json]] = {}
    token = None
    for symbol in sorted(symbols):
        if symbol < last_symbol:
            continue
        if room == 0:
            return page, token
        found = _between(call, symbol, timeframe, start, end, adjusted=_ADJUSTED[adjustment])
        if newest_first:
            found.reverse()
        if symbol == last_symbol and last_start is not None:
            found = [
                b for b in found if (b.start < last_start if newest_first else b.start > last_start)
            ]
        told = found[:room]
        if told:
            page[symbol] = [wire_market.bar(b, timeframe) for b in told]
            token = _token(symbol, told[-1].start)
        if len(found) > room:
            return page, token
        room -= len(told)
    return page, None


def _between(
    call: Call,
    symbol: str,
    timeframe: Timeframe,
    start: datetime,
    end: datetime,
    *,
    adjusted: bool,
) -> list[Bar]:
    """Completed bars with start <= t <= end, where a daily bar's t is midnight in New York."""
    now = call.exchange.now
    if timeframe is not Timeframe.DAY:
        return call.exchange.tape.bars(
            symbol, timeframe, start, end, as_of=now, split_adjusted=adjusted
        )
    found = call.exchange.tape.bars(
        symbol, timeframe, start, end + _ONE_DAY, as_of=now, split_adjusted=adjusted
    )
    return [b for b in found if start <= wire_market.bar_start(b, timeframe) <= end]


def _span(call: Call, timeframe: Timeframe) -> tuple[datetime, datetime]:
    """Start and end that were asked for, as the rules allow and read them."""
    query, now = call.query, call.exchange.now
    start = forms.instant(query, "start") or at_new_york(new_york_date(now), 0)
    end = _end(query) or now
    if query.get("feed", "sip") == "sip":
        end = _permitted_end(call, end, told="end" in query)
    if call.exchange.rules.start_inside_bar == "containing":
        start = _start_of_bar(start, timeframe)
    return start, end


def _permitted_end(call: Call, end: datetime, *, told: bool) -> datetime:
    """The end that the data plan allows. Raise Rejected if a later one was asked for."""
    rules, newest = call.exchange.rules, call.exchange.now - _FREE_DELAY
    if rules.data_plan == "paid" or end <= newest:
        return end
    if told:
        message = "subscription does not permit querying recent SIP data"
        code = UNPROCESSABLE if rules.recent_sip_coded else None
        raise Rejected(rules.recent_sip_status, code, message)
    return newest


def _start_of_bar(start: datetime, timeframe: Timeframe) -> datetime:
    match timeframe:
        case Timeframe.MINUTE:
            return start.replace(second=0, microsecond=0)
        case Timeframe.HOUR:
            return start.replace(minute=0, second=0, microsecond=0)
        case Timeframe.DAY:
            return at_new_york(new_york_date(start), 0)


def _end(query: Mapping[str, str]) -> datetime | None:
    """The inclusive end; a bare date means all of that day."""
    end = forms.instant(query, "end")
    if end is not None and len(query["end"].strip()) == len("2026-01-02"):
        return datetime.combine(end.date(), time.max, tzinfo=UTC)
    return end


def _token(symbol: str, start: datetime) -> str:
    return urlsafe_b64encode(f"{symbol}|{start.isoformat()}".encode()).decode()


def _read_token(query: Mapping[str, str]) -> tuple[str, datetime | None]:
    token = query.get("page_token")
    if not token:
        return "", None
    try:
        symbol, start = urlsafe_b64decode(token.encode()).decode().split("|")
        return symbol, datetime.fromisoformat(start)
    except ValueError:
        raise forms.invalid(f"page_token is not one of ours: {token}") from None


def _latest(call: Call, symbol: str) -> tuple[Bar, Timeframe] | None:
    now = call.exchange.now
    for timeframe in (Timeframe.MINUTE, Timeframe.HOUR, Timeframe.DAY):
        found = call.exchange.tape.bars(
            symbol, timeframe, now - _LOOK_BACK, now, as_of=now, split_adjusted=False
        )
        if found:
            return found[-1], timeframe
    return None


def _snapshot(call: Call, symbol: str) -> wire.Json:
    now = call.exchange.now
    price, quote = (
        call.exchange.last_price(call.account, symbol),
        call.exchange.quote(call.account, symbol),
    )
    minutes = call.exchange.tape.bars(
        symbol, Timeframe.MINUTE, now - timedelta(days=1), now, as_of=now, split_adjusted=False
    )
    days = call.exchange.tape.bars(
        symbol, Timeframe.DAY, now - _LOOK_BACK, now, as_of=now, split_adjusted=False
    )
    told: wire.Json = {}
    if price is not None:
        told["latestTrade"] = wire_market.trade(price, now)
    if quote is not None:
        told["latestQuote"] = wire_market.quote(quote)
    if minutes:
        told["minuteBar"] = wire_market.bar(minutes[-1], Timeframe.MINUTE)
    if days:
        told["dailyBar"] = wire_market.bar(days[-1], Timeframe.DAY)
    if len(days) > 1:
        told["prevDailyBar"] = wire_market.bar(days[-2], Timeframe.DAY)
    return told


ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/v2/stocks/bars", bars),
    ("GET", "/v2/stocks/quotes/latest", latest_quotes),
    ("GET", "/v2/stocks/bars/latest", latest_bars),
    ("GET", "/v2/stocks/trades/latest", latest_trades),
    ("GET", "/v2/stocks/snapshots", snapshots),
    ("GET", "/v2/stocks/{symbol}/bars", bars_of_one),
    ("GET", "/v1/corporate-actions", corporate_actions),
]
