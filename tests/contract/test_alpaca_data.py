"""What AlpacaData makes of pages, feeds, and rows that are no bars of a session."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from magellan_core.alpaca.data import AlpacaData, Feed
from magellan_core.alpaca.deadline import Limits
from magellan_core.alpaca.transport import data_rest
from magellan_core.errors import CredentialsError, Unavailable
from magellan_core.market_hours import at_new_york
from magellan_core.model import Timeframe
from tests.contract import scripted_server as wire
from tests.contract.scripted_server import Reply, Script, scripted

QUICK = Limits(connect=0.3, read=0.2, call=0.35, attempts=2, pause=0.01)
MONDAY, SATURDAY = date(2026, 1, 5), date(2026, 1, 3)
OPEN = at_new_york(MONDAY, 9, 30)
LATER = OPEN + timedelta(days=30)
NO_SIP = "subscription does not permit querying recent SIP data"


def row(at: datetime, close: float = 5.0, **more: Any) -> dict[str, Any]:
    stamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"t": stamp, "o": 5, "h": 5.5, "l": 4.5, "c": close, "v": 1000, **more}


def page(bars: dict[str, list[dict[str, Any]]] | None, token: str | None = None) -> Reply:
    return wire.answer({"bars": bars, "next_page_token": token})


@contextmanager
def data_of(*replies: Reply, feed: Feed = "iex") -> Iterator[tuple[Script, AlpacaData]]:
    with (
        scripted(*replies) as script,
        closing(data_rest("key", "secret", script.url, QUICK)) as rest,
    ):
        yield script, AlpacaData(rest, feed)


def read(data: AlpacaData, timeframe: Timeframe = Timeframe.MINUTE) -> dict[str, list[datetime]]:
    told = data.bars(["AMC", "GME"], timeframe, OPEN, LATER, split_adjusted=True)
    return {symbol: [bar.start for bar in bars] for symbol, bars in told.items()}


def test_one_request_asks_for_all_symbols() -> None:
    with data_of(page({}), feed="sip") as (script, data):
        assert read(data) == {}
    [request] = script.requests
    assert request.path == "/v2/stocks/bars"
    assert request.query == {
        "symbols": "AMC,GME",
        "timeframe": "1Min",
        "start": "2026-01-05T14:30:00Z",
        "end": "2026-02-04T14:29:00Z",
        "limit": "10000",
        "adjustment": "split",
        "feed": "sip",
        "sort": "asc",
    }


def test_pages_are_joined_symbol_by_symbol_and_repeats_dropped() -> None:
    first, second, third = (OPEN + timedelta(minutes=n) for n in range(3))
    replies = (
        page({"AMC": [row(first), row(second)]}, "t1"),
        page({"AMC": [row(second), row(third)], "GME": [row(first)]}, "t2"),
        page(None),
    )
    with data_of(*replies) as (script, data):
        assert read(data) == {"AMC": [first, second, third], "GME": [first]}
    assert [r.query.get("page_token") for r in script.requests] == [None, "t1", "t2"]


def test_a_page_token_that_repeats_ends_as_unavailable() -> None:
    with (
        data_of(page({"AMC": [row(OPEN)]}, "again")) as (script, data),
        pytest.raises(Unavailable, match="repeat a page"),
    ):
        read(data)
    assert len(script.requests) == 2


def test_rows_outside_sessions_are_dropped() -> None:
    saturday = at_new_york(SATURDAY, 12)
    rows = [row(saturday), row(at_new_york(MONDAY, 3)), row(at_new_york(MONDAY, 20)), row(OPEN)]
    with data_of(page({"AMC": rows})) as (_, data):
        told = data.bars(["AMC"], Timeframe.HOUR, saturday, LATER, split_adjusted=False)
    assert [bar.start for bar in told["AMC"]] == [OPEN]


def test_a_daily_row_is_stamped_midnight_and_becomes_its_session() -> None:
    rows = [row(at_new_york(day, 0)) for day in (SATURDAY, MONDAY, date(2026, 11, 27))]
    with data_of(page({"AMC": rows})) as (script, data):
        told = data.bars(
            ["AMC"],
            Timeframe.DAY,
            OPEN,
            at_new_york(date(2026, 11, 27), 13),
            split_adjusted=True,
        )
    assert [(bar.start, bar.end) for bar in told["AMC"]] == [
        (OPEN, at_new_york(MONDAY, 16)),
        (at_new_york(date(2026, 11, 27), 9, 30), at_new_york(date(2026, 11, 27), 13)),
    ]
    assert script.requests[0].query["start"] == "2026-01-05T05:00:00Z"


@pytest.mark.parametrize(("minutes", "count"), [(389, 0), (390, 1)])
def test_todays_daily_row_is_told_from_the_close_on(minutes: int, count: int) -> None:
    with data_of(page({"AMC": [row(at_new_york(MONDAY, 0))]})) as (_, data):
        end = OPEN + timedelta(minutes=minutes)
        told = data.bars(["AMC"], Timeframe.DAY, OPEN, end, split_adjusted=True)
    assert len(told.get("AMC", ())) == count


def test_a_bar_that_still_grows_is_not_told() -> None:
    rows = [row(OPEN), row(OPEN + timedelta(minutes=1))]
    with data_of(page({"AMC": rows})) as (_, data):
        end = OPEN + timedelta(minutes=1, seconds=59)
        told = data.bars(["AMC"], Timeframe.MINUTE, OPEN, end, split_adjusted=False)
    assert [bar.start for bar in told["AMC"]] == [OPEN]


@pytest.mark.parametrize("name", ["t", "o", "h", "l", "c", "v"])
def test_a_bar_without_a_part_that_we_need_is_not_guessed(name: str) -> None:
    broken = {key: value for key, value in row(OPEN).items() if key != name}
    with (
        data_of(page({"AMC": [broken]})) as (_, data),
        pytest.raises(Unavailable, match=f"bar of AMC lacks '{name}'"),
    ):
        read(data)


@pytest.mark.parametrize("reply", [wire.answer({}), wire.answer([]), wire.body(b"")])
def test_an_answer_without_bars_is_not_taken_for_no_bars(reply: Reply) -> None:
    with data_of(reply) as (_, data), pytest.raises(Unavailable):
        read(data)


@pytest.mark.parametrize("status", [403, 422])
@pytest.mark.parametrize("code", [42210000, None])
def test_a_data_plan_that_is_too_small_is_named_with_its_remedy(
    status: int, code: int | None
) -> None:
    with (
        data_of(wire.refusal(status, code, NO_SIP), feed="sip") as (_, data),
        pytest.raises(Unavailable, match="set the data feed to iex"),
    ):
        read(data)


def test_refused_keys_are_told_apart_from_a_small_plan() -> None:
    with (
        data_of(wire.refusal(403, None, "forbidden.")) as (_, data),
        pytest.raises(CredentialsError),
    ):
        read(data)


def test_another_refusal_is_passed_on() -> None:
    with (
        data_of(wire.refusal(400, None, "invalid symbol: AM C")) as (_, data),
        pytest.raises(Unavailable, match="invalid symbol: AM C"),
    ):
        read(data)


def test_half_quotes_and_missing_ones_are_absent() -> None:
    told = {"t": "2026-01-05T14:30:00.123456789Z", "bp": 5.09, "ap": 5.1, "bs": 1, "as": 2}
    quotes = {"AMC": told, "GME": {**told, "bp": 0}, "IWM": None, "SPY": {**told, "ap": None}}
    with data_of(wire.answer({"quotes": quotes})) as (script, data):
        assert set(data.quotes([*quotes])) == {"AMC"}
    assert script.requests[0].query == {"symbols": "AMC,GME,IWM,SPY", "feed": "iex"}


def test_nothing_is_asked_about_no_symbols() -> None:
    with data_of(wire.html(500)) as (script, data):
        assert data.bars([], Timeframe.DAY, OPEN, LATER, split_adjusted=True) == {}
        assert data.quotes([]) == {}
    assert script.requests == []
