"""What the exchange tells wrongly on purpose: bars, updates, clocks; and one switch per promise."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from alpaca.data.requests import StockBarsRequest
from alpaca.data.timeframe import TimeFrame

from magellan_core.paper.clock import ExchangeClock
from magellan_core.paper.faults import Kind
from magellan_core.paper.rules import Rules
from magellan_core.ports import Woken
from tests.conformance.test_trade_updates import buy, hear, listening
from tests.contract.server_support import ANN, OPEN, Floor, floor

MINUTE = timedelta(minutes=1)
PROMISED = {
    "refuse": {"refuse"},
    "hang": {"hang"},
    "drip": {"drip"},
    "reset after accept": {"reset"},
    "504 after accept": {"status"},
    "HTML 502": {"html"},
    "429 bursts": {"status"},
    "dropped, duplicated, reordered, late updates": {"drop", "duplicate", "reorder", "late"},
    "unknown enum values and null fields": {"mutate"},
    "a half-open or cut stream": {"hang", "cut"},
}


@pytest.fixture
def site() -> Iterator[Floor]:
    with floor() as running:
        yield running


def at(minutes: int, seconds: int = 0) -> datetime:
    return OPEN + minutes * MINUTE + timedelta(seconds=seconds)


def starts(site: Floor, symbol: str = "AMC") -> list[int]:
    """Minutes after the open of the newest three bars that the official client reads."""
    request = StockBarsRequest(symbol_or_symbols=[symbol], timeframe=TimeFrame.Minute, start=OPEN)
    found = site.data().get_stock_bars(request).data.get(symbol, [])
    return [int((bar.timestamp - OPEN) / MINUTE) for bar in found][-3:]


def test_every_promised_fault_of_requests_and_updates_has_its_switch() -> None:
    assert set().union(*PROMISED.values()) <= {str(kind) for kind in Kind}


def test_a_missing_bar_is_never_told_and_trades_all_the_same(site: Floor) -> None:
    where = at(10).isoformat()
    site.post("/sim/bars", symbol="AMC", kind="missing", since=where, until=where)
    site.trading().post(
        "/orders",
        {"symbol": "AMC", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"},
    )
    site.advance(at(12))
    assert starts(site) == [8, 9, 11]
    assert starts(site, "GME") == [9, 10, 11]
    assert len(site.trading().get_all_positions()) == 1
    requests.delete(f"{site.url}/sim/bars", timeout=5)
    assert starts(site) == [9, 10, 11]


def test_a_stale_feed_tells_nothing_new_until_it_recovers(site: Floor) -> None:
    site.post("/sim/bars", symbol="AMC", kind="missing", since=at(10).isoformat())
    for minute in (11, 20, 40):
        site.advance(at(minute))
        assert starts(site) == [7, 8, 9]
    requests.delete(f"{site.url}/sim/bars", timeout=5)
    assert starts(site) == [37, 38, 39]


def test_a_late_bar_is_told_when_its_delay_is_over(site: Floor) -> None:
    where = at(10).isoformat()
    site.post("/sim/bars", symbol="AMC", kind="late", delay=45, since=where, until=where)
    seen = []
    for instant in (at(11), at(11, 44), at(11, 45)):
        site.advance(instant)
        seen.append(starts(site)[-1])
    assert seen == [9, 9, 10]


def test_a_revised_bar_changes_over_rest_too(site: Floor) -> None:
    site.post(
        "/sim/bars", symbol="AMC", kind="revised", since=at(10).isoformat(), first={"close": 1.5}
    )
    seen = []
    for instant in (at(11), at(11, 30)):
        site.advance(instant)
        answer = site.ask("GET", "/v2/stocks/bars/latest?symbols=AMC").json()
        seen.append(answer["bars"]["AMC"]["c"])
    assert seen == [1.5, 5.1]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"symbol": "AMC", "kind": "lost"}, "missing, late, revised"),
        ({"kind": "late"}, "symbol"),
        ({"symbol": "AMC", "kind": "late", "since": "2026-01-05T10:00:00"}, "offset"),
        ({"symbol": "AMC", "kind": "revised", "first": {"colour": 1}}, "no colour"),
    ],
)
def test_a_bar_switch_that_makes_no_sense_is_refused(
    site: Floor, body: dict[str, object], says: str
) -> None:
    answer = site.post("/sim/bars", **body)
    assert answer.status_code == 400
    assert says in answer.json()["message"]


def test_a_late_update_comes_when_its_delay_is_over(site: Floor) -> None:
    site.post("/sim/faults", kind="late", path="fill", delay=90)
    with listening(site) as socket:
        buy(site, 11)
        assert hear(socket)["data"]["event"] == "new"
        site.advance(at(11, 29))
        with pytest.raises(TimeoutError):
            hear(socket, 0.1)
        site.advance(at(12, 30))
        late = hear(socket)["data"]
        assert (late["event"], late["frame"]) == ("fill", 2)


@pytest.mark.parametrize(
    ("field", "value"), [("order.status", "on_fire"), ("event", "levitated"), ("price", None)]
)
def test_an_update_may_carry_an_unknown_word_or_null(
    site: Floor, field: str, value: object
) -> None:
    site.post("/sim/faults", kind="mutate", method="UPDATE", path="fill", field=field, value=value)
    with listening(site) as socket:
        buy(site)
        told: Any = [hear(socket)["data"] for _ in range(2)][1]
        for name in field.split("."):
            told = told[name]
        assert told == value


def test_a_member_is_told_another_time_from_its_next_release_on(site: Floor) -> None:
    clock = ExchangeClock(site.url, "conductor")
    begun = clock.now()
    assert site.post("/sim/clock", name="conductor", seconds=-90).json()["ahead"] == -90
    assert clock.wait(begun, wake_on_update=False) is Woken.TIME
    assert clock.now() == begun  # by its own clock; 90 seconds have passed at the exchange
    truth = datetime.fromisoformat(site.get("/sim/state")["now"])
    assert truth == begun + timedelta(seconds=90)
    site.post("/sim/clock", name="conductor", seconds=3600)
    clock.wait(begun, wake_on_update=False)
    assert clock.now() == truth + timedelta(seconds=3510)
    clock.leave()


def test_partial_fills_leave_a_rest_that_is_tried_again() -> None:
    rules = Rules(spread_bps=Decimal(0), partial_fill_probability=0.9, seed=3)
    with floor(rules=rules) as site, listening(site) as socket:
        client = site.trading()
        sent = client.post(
            "/orders",
            {"symbol": "AMC", "qty": 50, "side": "buy", "type": "market", "time_in_force": "day"},
        )
        site.advance(at(60))
        events: list[str] = []
        while not events or events[-1] != "fill":
            events.append(hear(socket)["data"]["event"])
        assert events[0] == "new"
        assert set(events[1:-1]) == {"partial_fill"}
        assert client.get_order_by_id(sent["id"]).filled_qty == "50"


def test_a_halt_stops_the_quote_and_the_fills_until_it_is_over(site: Floor) -> None:
    before = site.ask("GET", "/v2/stocks/quotes/latest?symbols=AMC").json()["quotes"]["AMC"]
    site.post("/sim/halt", symbol="AMC")
    buy(site, 15)
    during = site.ask("GET", "/v2/stocks/quotes/latest?symbols=AMC").json()["quotes"]["AMC"]
    assert during == before
    assert site.ask("GET", "/v2/positions", spec=ANN).json() == []
    site.post("/sim/halt", symbol="AMC", halted=False)
    site.advance(at(17))
    assert len(site.ask("GET", "/v2/positions").json()) == 1
