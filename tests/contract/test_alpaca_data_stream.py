"""Bars as hints: what arrives, and that a stream in trouble troubles nobody else."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from queue import SimpleQueue

import pytest

from magellan_core.alpaca import data_stream
from magellan_core.alpaca.data_stream import BarHints, in_session
from magellan_core.environment import bar_stream_url_of
from magellan_core.market_hours import at_new_york
from magellan_core.model import Bar
from magellan_core.paper.clock import ExchangeClock
from magellan_core.paper.rules import Rules
from magellan_core.paper.server import Scaled
from magellan_core.ports import Told, ToldBar, Woken
from tests.conformance.stream_support import address, until
from tests.contract.server_support import ANN, MONDAY, OPEN, Floor, floor, minute

MINUTE = timedelta(minutes=1)
SYMBOLS = ["AMC", "GME"]


@pytest.fixture
def site() -> Iterator[Floor]:
    with floor() as running:
        yield running


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off in hundredths of a second."""
    monkeypatch.setattr(data_stream, "_SHORTEST", 0.01)
    monkeypatch.setattr(data_stream, "_LONGEST", 0.05)


class Listener:
    """Running hints, and how often they called."""

    def __init__(self, url: str, secret: str, **options: object) -> None:
        self.calls: SimpleQueue[None] = SimpleQueue()
        patience = float(str(options.get("patience", 60)))
        self.hints = BarHints(
            url,
            ANN.key,
            secret,
            SYMBOLS,
            lambda: self.calls.put(None),
            is_open=lambda _: bool(options.get("open", False)),
            patience=patience,
        )

    def next(self) -> list[Told]:
        self.calls.get(timeout=10)
        return list(self.hints.told())


def bars(told: Sequence[Told]) -> list[Bar]:
    return [each.bar for each in told if isinstance(each, ToldBar)]


@contextmanager
def listening(url: str, secret: str = ANN.secret, **options: object) -> Iterator[Listener]:
    listener = Listener(url, secret, **options)
    listener.hints.start()
    try:
        yield listener
    finally:
        listener.hints.stop()
        assert not listener.hints._thread.is_alive()


def subscribed(listener: Listener) -> None:
    until(lambda: listener.hints.trouble is None)


def test_bars_and_revised_bars_are_told_once_and_hint_once(site: Floor) -> None:
    since = (OPEN + 10 * MINUTE).isoformat()
    site.post("/sim/bars", symbol="AMC", kind="revised", since=since, first={"volume": 7})
    with listening(address(site)) as listener:
        subscribed(listener)
        site.advance(OPEN + 11 * MINUTE)
        amc, gme = (minute(s, OPEN + 10 * MINUTE, p) for s, p in (("AMC", 5.1), ("GME", 20.1)))
        assert listener.next() == [
            ToldBar(amc._replace(volume=7), revised=False),
            ToldBar(gme, revised=False),
        ]
        assert listener.hints.told() == []
        site.advance(OPEN + 11 * MINUTE + timedelta(seconds=30))
        assert listener.next() == [ToldBar(amc, revised=True)]
        assert listener.calls.empty()


def test_other_symbols_are_followed_without_another_connection(site: Floor) -> None:
    with listening(address(site)) as listener:
        subscribed(listener)
        listener.hints.follow(["GME", "SPY"])
        streams = site.server.service.data
        until(lambda: next(iter(streams._connections.values())).symbols["bars"] == {"GME", "SPY"})
        site.advance(OPEN + 11 * MINUTE)
        assert {bar.symbol for bar in bars(listener.next())} == {"GME"}


def test_symbols_that_changed_while_it_was_away_are_followed_when_it_is_back(site: Floor) -> None:
    with listening(address(site)) as listener:
        subscribed(listener)
        site.post("/sim/faults", kind="cut", path="data/bars")
        site.advance(OPEN + 11 * MINUTE)
        until(lambda: listener.hints.trouble is not None)
        listener.hints.follow(["GME"])
        subscribed(listener)
        site.advance(OPEN + 12 * MINUTE)
        assert {bar.symbol for bar in bars(listener.next())} == {"GME"}


def test_what_nobody_takes_hints_no_second_time(site: Floor) -> None:
    with listening(address(site)) as listener:
        subscribed(listener)
        site.advance(OPEN + 12 * MINUTE)
        until(lambda: len(listener.hints._told) == 4)
        assert listener.calls.qsize() == 1
        assert len(listener.next()) == 4


def test_a_lost_connection_comes_back(site: Floor) -> None:
    with listening(address(site)) as listener:
        subscribed(listener)
        site.post("/sim/faults", kind="cut", path="data/bars")
        site.advance(OPEN + 11 * MINUTE)
        until(lambda: listener.hints.trouble is not None)
        subscribed(listener)
        site.advance(OPEN + 12 * MINUTE)
        assert [bar.start for bar in bars(listener.next())] == [OPEN + 11 * MINUTE] * 2


def test_a_mute_stream_is_connected_anew_while_the_market_is_open(
    site: Floor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    site.post("/sim/faults", kind="drop", path="data/*", count=2)
    with listening(address(site), open=True, patience=0.2) as listener:
        subscribed(listener)
        site.advance(OPEN + 11 * MINUTE)  # both bars are dropped
        until(lambda: "no bar for" in caplog.text)
        subscribed(listener)
        site.advance(OPEN + 12 * MINUTE)
        assert len(listener.next()) == 2


def test_a_closed_market_may_be_silent(site: Floor, caplog: pytest.LogCaptureFixture) -> None:
    with listening(address(site), open=False, patience=0.05) as listener:
        subscribed(listener)
        time.sleep(0.4)
        assert listener.hints.trouble is None
    assert "no bar for" not in caplog.text


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = [r for r in caplog.records if r.name == data_stream.__name__]
    return [r.getMessage() for r in ours if r.levelno >= logging.WARNING]


def test_refused_keys_are_told_once_and_tried_again_only_with_others(
    site: Floor, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(address(site), secret="wrong") as listener:
        until(lambda: any("no further try" in text for text in refusals(caplog)))
        time.sleep(0.3)
        assert len(refusals(caplog)) == 2
        assert "402 (auth failed)" in refusals(caplog)[0]
        listener.hints.take(ANN.key, ANN.secret)
        subscribed(listener)


def test_a_plan_without_the_feed_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with floor(rules=Rules(data_plan="free")) as site, listening(address(site)):
        until(lambda: any("no further try" in text for text in refusals(caplog)))
        time.sleep(0.2)
        assert [("409" in text) for text in refusals(caplog)] == [True, False]


def test_a_connection_that_is_taken_is_asked_for_three_times(
    site: Floor, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(address(site)) as first:
        subscribed(first)
        with listening(address(site)) as second:
            until(lambda: any("no further try" in text for text in refusals(caplog)))
            assert second.hints._taken == 3
            assert "406" in (second.hints.trouble or "")
        assert first.hints.trouble is None


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_denied_handshake(site: Floor, caplog: pytest.LogCaptureFixture, status: int) -> None:
    site.post("/sim/faults", kind="status", status=status, method="WS", path="/v2/*", count=9)
    with listening(address(site)):
        until(lambda: any("no further try" in text for text in refusals(caplog)))
    assert str(status) in refusals(caplog)[0]


def test_a_server_that_never_greets_is_left(site: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_stream, "_SECONDS_TO_GREET", 0.1)
    site.post("/sim/faults", kind="hang", seconds=30, method="WS", path="/v2/*")
    with listening(address(site)) as listener:
        until(lambda: listener.hints.trouble not in (None, "not started"))
        subscribed(listener)


def test_nobody_listening_is_trouble_and_no_more() -> None:
    with listening("ws://127.0.0.1:9/v2/sip") as listener:
        until(lambda: listener.hints.trouble not in (None, "not started"))
        assert listener.hints.told() == []


def test_stopping_is_quick_at_any_time(site: Floor) -> None:
    for wait in (False, True):
        begun = time.monotonic()
        with listening(address(site)) as listener:
            if wait:
                subscribed(listener)
        assert time.monotonic() - begun < 3
        assert listener.hints.trouble == "stopped"
        listener.hints.stop()


def test_a_hint_ends_a_nap_in_scaled_time() -> None:
    with floor(mode=Scaled(60.0, {"ann": ANN.number})) as site:
        clock = ExchangeClock(site.url, "ann")
        assert not clock.steps()
        hints = BarHints(
            address(site), ANN.key, ANN.secret, SYMBOLS, lambda: clock.inbox.put(Woken.BARS)
        )
        hints.start()
        assert clock.wait(OPEN + 60 * MINUTE, wake_on_update=False) is Woken.BARS
        [first, *_] = bars(hints.told())
        assert first.end <= clock.now() < first.end + MINUTE
        assert clock.wait(clock.now() + timedelta(seconds=1), wake_on_update=False) is Woken.TIME
        hints.stop()
        clock.leave()


def test_stepped_time_is_known_as_such(site: Floor) -> None:
    assert ExchangeClock(site.url, "conductor").steps()


def test_bars_are_expected_from_the_end_of_the_first_minute_to_the_close() -> None:
    told = [in_session(at_new_york(MONDAY, *at)) for at in ((9, 30), (9, 31), (15, 59), (16, 0))]
    assert told == [False, True, True, False]


@pytest.mark.parametrize(
    ("data_url", "stream"),
    [
        ("https://data.alpaca.markets", "wss://stream.data.alpaca.markets/v2/sip"),
        ("https://data.sandbox.alpaca.markets", "wss://stream.data.sandbox.alpaca.markets/v2/sip"),
        ("http://127.0.0.1:8900", "ws://127.0.0.1:8900/v2/sip"),
    ],
)
def test_the_streams_address_follows_the_data_hosts(data_url: str, stream: str) -> None:
    assert bar_stream_url_of(data_url, "sip") == stream
