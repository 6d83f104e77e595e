"""Conformance 57 to 60: historical bars over REST."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import pytest
from alpaca.data.enums import DataFeed
from alpaca.data.requests import StockBarsRequest
from alpaca.data.timeframe import TimeFrame

from magellan_core.alpaca.data import AlpacaData
from magellan_core.alpaca.transport import data_rest
from magellan_core.errors import Unavailable
from magellan_core.market_hours import at_new_york
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.rules import Rules
from magellan_core.paper.server import Stepped, running
from tests.conformance.support import INVALID, UNPROCESSABLE, refused
from tests.contract.server_support import ANN, MONDAY, OPEN, Floor, floor

NOW = OPEN + timedelta(minutes=40)


@pytest.fixture(scope="module")
def site() -> Iterator[Floor]:
    """Forty minutes into the session; nobody moves time."""
    with floor(start=NOW) as served:
        yield served


def starts(site: Floor, unit: TimeFrame, *symbols: str, **more: Any) -> dict[str, list[str]]:
    """Starts of the bars that the official client reads, in UTC."""
    request = StockBarsRequest(symbol_or_symbols=list(symbols), timeframe=unit, **more)
    found = site.data().get_stock_bars(request)
    return {s: [f"{bar.timestamp:%d %H:%M}" for bar in rows] for s, rows in found.data.items()}


@pytest.mark.parametrize("limit", [1, 7, 40, 79, 80, 81])
def test_f57_the_limit_counts_all_symbols_and_pages_join_up(site: Floor, limit: int) -> None:
    seen: list[tuple[str, str]] = []
    query: dict[str, Any] = {"symbols": "GME,AMC", "timeframe": "1Min", "start": OPEN.isoformat()}
    client = site.data(raw=True)
    while True:
        answer = client.get("/stocks/bars", {**query, "limit": limit})
        page = [(symbol, bar["t"]) for symbol, bars in answer["bars"].items() for bar in bars]
        assert 0 < len(page) <= limit
        seen += page
        query["page_token"] = answer["next_page_token"]
        if query["page_token"] is None:
            break
    minutes = [f"{OPEN + timedelta(minutes=n):%FT%H:%M:%SZ}" for n in range(40)]
    assert seen == [(symbol, at) for symbol in ("AMC", "GME") for at in minutes]


def test_f57_the_end_is_inclusive_and_ten_thousand_the_most(site: Floor) -> None:
    some = starts(site, TimeFrame.Minute, "AMC", start=OPEN, end=OPEN + timedelta(minutes=2))
    assert some == {"AMC": ["05 14:30", "05 14:31", "05 14:32"]}
    with refused() as refusals:
        site.data(raw=True).get(
            "/stocks/bars", {"symbols": "AMC", "timeframe": "1Min", "limit": 10_001}
        )
    assert refusals[0].says == (422, INVALID)


def test_f58_an_unknown_symbol_is_an_empty_answer(site: Floor) -> None:
    answer = site.ask("GET", "/v2/stocks/bars?symbols=NOPE&timeframe=1Min")
    assert answer.status_code == 200
    assert answer.json() == {"bars": {}, "next_page_token": None}
    assert starts(site, TimeFrame.Minute, "NOPE", "AMC", start=OPEN).keys() == {"AMC"}


def test_the_refusal_of_recent_sip_data_may_carry_no_code() -> None:
    with floor(start=NOW, rules=Rules(data_plan="free", recent_sip_coded=False)) as site:
        answer = site.ask("GET", f"/v2/stocks/bars?symbols=AMC&timeframe=1Min&end={NOW:%FT%TZ}")
        words = "subscription does not permit querying recent SIP data"
        assert (answer.status_code, answer.json()) == (403, {"message": words})
        with (
            closing(data_rest(ANN.key, ANN.secret, site.url)) as rest,
            pytest.raises(Unavailable, match="data plan has no recent sip data"),
        ):
            AlpacaData(rest, "sip").bars(["AMC"], Timeframe.MINUTE, OPEN, NOW, split_adjusted=False)


@pytest.mark.parametrize("status", [403, 422])
def test_f59_the_free_plan_is_refused_recent_sip_data(status: int) -> None:
    rules = Rules(data_plan="free", recent_sip_status=status)
    with floor(start=NOW, rules=rules) as site:
        with refused() as refusals:
            starts(site, TimeFrame.Minute, "AMC", start=OPEN, end=NOW, feed=DataFeed.SIP)
        assert refusals[0].says == (status, UNPROCESSABLE)
        words = "subscription does not permit querying recent SIP data"
        assert refusals[0].message == words
        old = NOW - timedelta(minutes=15)
        assert starts(site, TimeFrame.Minute, "AMC", start=OPEN, end=old)["AMC"][-1] == "05 14:55"
        assert starts(site, TimeFrame.Minute, "AMC", start=OPEN)["AMC"][-1] == "05 14:55"
        live = starts(site, TimeFrame.Minute, "AMC", start=OPEN, end=NOW, feed=DataFeed.IEX)
        assert live["AMC"][-1] == "05 15:09"


def test_f60_hours_sit_on_the_clock_with_premarket_and_days_on_midnight(site: Floor) -> None:
    hours = starts(site, TimeFrame.Hour, "AMC", start=at_new_york(MONDAY, 0))
    assert hours["AMC"] == [f"05 {hour:02}:00" for hour in range(9, 15)]
    days = starts(site, TimeFrame.Day, "AMC", start=at_new_york(date(2025, 12, 30), 0), end=NOW)
    assert days["AMC"] == ["30 05:00", "31 05:00", "02 05:00"]  # not today's


def test_f60_a_minute_without_a_trade_has_no_bar() -> None:
    minutes = [OPEN + timedelta(minutes=n) for n in (0, 1, 4)]
    bars = [Bar("AMC", at, at + timedelta(minutes=1), 5, 5, 5, 5, 100) for at in minutes]
    market = Market.from_bars({("AMC", Timeframe.MINUTE): bars})
    with running(Exchange(market, [ANN], start=NOW), mode=Stepped()) as server:
        told = starts(Floor(server), TimeFrame.Minute, "AMC", start=OPEN)
        assert told == {"AMC": ["05 14:30", "05 14:31", "05 14:34"]}


@pytest.mark.parametrize(
    ("rules", "first"),
    [(Rules(), "05 10:00"), (Rules(start_inside_bar="containing"), "05 09:00")],
)
def test_f60_a_start_inside_an_hour(rules: Rules, first: str) -> None:
    """Alpaca does not say whether the bar that contains `start` is told: a rule."""
    with floor(start=NOW, rules=rules) as site:
        inside = at_new_york(MONDAY, 4, 30)
        assert starts(site, TimeFrame.Hour, "AMC", start=inside)["AMC"][0] == first
