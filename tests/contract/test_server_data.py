"""Market data over the wire: what alpaca-py reads, beyond the conformance list."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from alpaca.data.enums import Adjustment
from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame

from magellan_core.market_hours import at_new_york
from tests.contract.server_support import BOB, MONDAY, OPEN, Floor, floor

NOW = OPEN + timedelta(minutes=10)


@pytest.fixture(scope="module")
def site() -> Iterator[Floor]:
    """Ten minutes into the session; nobody moves time."""
    with floor(start=NOW) as running:
        yield running


def bars(site: Floor, symbols: list[str], unit: TimeFrame, **more: object) -> dict[str, list[str]]:
    """Starts of the bars the official client reads, as New York saw them."""
    request = StockBarsRequest(symbol_or_symbols=symbols, timeframe=unit, **more)
    found = site.data().get_stock_bars(request)
    return {
        symbol: [f"{bar.timestamp:%d %H:%M}" for bar in rows] for symbol, rows in found.data.items()
    }


def test_newest_first_and_a_single_symbol(site: Floor) -> None:
    path = f"/v2/stocks/AMC/bars?timeframe=1Min&sort=desc&limit=2&start={OPEN:%Y-%m-%dT%H:%M:%SZ}"
    answer = site.ask("GET", path).json()
    assert [bar["t"][11:16] for bar in answer["bars"]] == ["14:39", "14:38"]
    following = site.ask("GET", f"{path}&page_token={answer['next_page_token']}").json()
    assert [bar["t"][11:16] for bar in following["bars"]] == ["14:37", "14:36"]
    assert answer["symbol"] == "AMC"


@pytest.mark.parametrize(
    "query",
    [
        "symbols=AMC&timeframe=7Parsec",
        "symbols=AMC",
        "timeframe=1Min",
        "symbols=AMC&timeframe=1Min&adjustment=none",
        "symbols=AMC&timeframe=1Min&page_token=%21%21",
        "symbols=AMC&timeframe=1Min&start=soon",
    ],
)
def test_a_faulty_request_is_refused(site: Floor, query: str) -> None:
    answer = site.ask("GET", f"/v2/stocks/bars?{query}")
    assert answer.status_code == 422
    assert isinstance(answer.json()["code"], int)


def test_latest_bar_quote_trade_and_snapshot(site: Floor) -> None:
    client = site.data()
    names = ["AMC", "NOPE"]
    bar = client.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols=names))
    assert set(bar) == {"AMC"}
    assert bar["AMC"].timestamp == OPEN + timedelta(minutes=9)
    quote = client.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=names))
    assert set(quote) == {"AMC"}
    assert quote["AMC"].bid_price == quote["AMC"].ask_price == 5.09  # no spread in this market
    trade = client.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols=names))
    assert trade["AMC"].price == 5.09
    snapshot = client.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=names))
    assert set(snapshot) == {"AMC"}
    assert snapshot["AMC"].daily_bar.timestamp == at_new_york(MONDAY, 0) - timedelta(days=3)


def test_each_account_is_priced_by_its_own_bars(site: Floor) -> None:
    request = StockLatestTradeRequest(symbol_or_symbols=["AMC"])
    assert site.data(BOB).get_stock_latest_trade(request)["AMC"].price != 5.09


def test_every_adjustment_word_is_taken(site: Floor) -> None:
    for word in Adjustment:
        found = bars(site, ["AMC"], TimeFrame.Minute, start=OPEN, adjustment=word)
        assert len(found["AMC"]) == 10
