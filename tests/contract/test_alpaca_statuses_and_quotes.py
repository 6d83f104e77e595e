"""Trading statuses of all symbols, quotes of those in play, over the exchange's own data stream."""

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from magellan_core.alpaca import data_stream
from magellan_core.alpaca.data_messages import read
from magellan_core.model import Quote
from magellan_core.paper.rules import Rules
from magellan_core.ports import ToldBar, ToldStatus
from tests.conformance.stream_support import address, until
from tests.contract.server_support import OPEN, Floor, floor
from tests.contract.test_alpaca_data_stream import Listener, listening, subscribed

MINUTE = timedelta(minutes=1)
NOW = OPEN + 10 * MINUTE
FREE = Rules(spread_bps=Decimal(0), data_plan="free", stream_symbols=2)


@pytest.fixture
def site() -> Iterator[Floor]:
    with floor() as running:
        yield running


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off in hundredths of a second, hints of quotes at once."""
    monkeypatch.setattr(data_stream, "_SHORTEST", 0.01)
    monkeypatch.setattr(data_stream, "_LONGEST", 0.05)
    monkeypatch.setattr(data_stream, "_BETWEEN_QUOTE_HINTS", 0.0)


def carried(site: Floor, channel: str) -> set[str]:
    """What the connection is subscribed to, by the server's word."""
    for connection in site.server.service.data._connections.values():
        return connection.symbols.get(channel, set())
    return set()


def settled(site: Floor, listener: Listener, *quotes: str) -> None:
    """Connected, with statuses of all and quotes of these."""
    subscribed(listener)
    until(lambda: carried(site, "statuses") == {"AMC", "GME"})
    until(lambda: carried(site, "quotes") == set(quotes))


def heard(listener: Listener) -> ToldStatus:
    """The status that is told next."""
    while True:
        for told in listener.next():
            if isinstance(told, ToldStatus):
                return told


def quoted(listener: Listener) -> set[str]:
    """Whose quotes are told next."""
    while True:
        found = {told.symbol for told in listener.next() if isinstance(told, Quote)}
        if found:
            return found


def test_a_halt_and_its_end_are_told_of_every_symbol(site: Floor) -> None:
    with listening(address(site)) as listener:
        settled(site, listener)
        site.post("/sim/halt", symbol="GME")
        words = "Trading Halted; For information requested by NASDAQ"
        assert heard(listener) == ToldStatus("GME", NOW, True, "H", "Trading Halt", "T12", words)
        site.post("/sim/halt", symbol="GME", halted=False)
        assert heard(listener) == ToldStatus("GME", NOW, False, "T", "Trading Resumption", "", "")


@pytest.mark.parametrize(
    ("code", "tape", "halted"),
    [
        ("2", "A", True),
        ("3", "B", False),
        ("P", "C", True),  # volatility pause
        ("Q", "C", True),  # quotes again, no trades yet
        ("T", "O", False),
        ("5", "A", None),  # price indication
        ("E", "A", None),  # short sale restriction
        ("F", "A", None),  # limit up, limit down
        ("?", "C", None),
        ("", "C", None),
    ],
)
def test_codes_of_both_plans(site: Floor, code: str, tape: str, halted: bool | None) -> None:
    with listening(address(site)) as listener:
        settled(site, listener)
        site.post("/sim/status", symbol="AMC", message={"sc": code, "z": tape})
        told = heard(listener)
        assert (told.code, told.halted) == (code, halted)


@pytest.mark.parametrize("spoiled", [{"t": "soon"}, {"t": None}, {"S": 7}])
def test_a_status_that_cannot_be_read_is_passed_over(
    site: Floor, caplog: pytest.LogCaptureFixture, spoiled: dict[str, object]
) -> None:
    with listening(address(site)) as listener:
        settled(site, listener)
        site.post("/sim/status", symbol="AMC", message=spoiled)
        until(lambda: "a message is passed over" in caplog.text)
        site.post("/sim/halt", symbol="AMC")
        assert heard(listener).halted
        assert listener.hints.trouble is None


def test_quotes_are_told_of_those_watched_alone_and_of_others_when_these_change(
    site: Floor,
) -> None:
    with listening(address(site)) as listener:
        listener.hints.watch(["AMC"])
        settled(site, listener, "AMC")
        site.advance(NOW + MINUTE)
        assert quoted(listener) == {"AMC"}
        listener.hints.watch(["GME"])
        settled(site, listener, "GME")
        site.advance(NOW + 2 * MINUTE)
        assert quoted(listener) == {"GME"}
        listener.hints.watch([])
        settled(site, listener)
        site.advance(NOW + 3 * MINUTE)
        assert all(isinstance(told, ToldBar) for told in listener.next())


def test_only_the_newest_quote_of_a_symbol_waits_and_it_hints_once(
    site: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_stream, "_BETWEEN_QUOTE_HINTS", 60.0)
    site.post("/sim/faults", kind="drop", path="data/bars", count=99)
    with listening(address(site)) as listener:
        listener.hints.watch(["AMC"])
        settled(site, listener, "AMC")
        site.advance(NOW + MINUTE)
        assert quoted(listener) == {"AMC"}
        for n in (2, 3, 4):
            site.advance(NOW + n * MINUTE)
        until(lambda: "AMC" in listener.hints._quotes)
        until(lambda: listener.hints._quotes["AMC"]["bp"] == 5.13)
        assert listener.calls.empty()  # the next one is due in a minute
        assert len(listener.hints.told()) == 1


def test_what_was_carried_is_carried_again_by_the_next_connection(site: Floor) -> None:
    with listening(address(site)) as listener:
        listener.hints.watch(["GME"])
        settled(site, listener, "GME")
        site.post("/sim/faults", kind="cut", path="data/*")
        site.advance(NOW + MINUTE)
        until(lambda: listener.hints.trouble is not None)
        listener.hints.watch(["AMC"])
        settled(site, listener, "AMC")
        site.advance(NOW + 2 * MINUTE)
        assert quoted(listener) == {"AMC"}
        site.post("/sim/halt", symbol="GME")
        assert heard(listener).symbol == "GME"


def test_quotes_without_bars_are_a_mute_stream_all_the_same(
    site: Floor, caplog: pytest.LogCaptureFixture
) -> None:
    site.post("/sim/faults", kind="drop", path="data/bars", count=9999)
    minutes = iter(range(1, 380))

    def connected_anew() -> bool:
        site.advance(NOW + next(minutes) * MINUTE)
        time.sleep(0.02)
        return "no bar for 0.2 s, though it tells other things" in caplog.text

    with listening(address(site), open=True, patience=0.2) as listener:
        listener.hints.watch(["AMC"])
        until(connected_anew)
        settled(site, listener, "AMC")


def test_a_plan_that_refuses_quotes_leaves_bars_and_statuses_as_they_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    with floor(rules=FREE) as site, listening(address(site, "iex")) as listener:
        settled(site, listener)
        listener.hints.watch(["AMC", "SPY", "XYZ"])  # with GME four symbols, two are allowed
        until(lambda: "no quotes: refused with 405" in caplog.text)
        listener.hints.watch(["SPY"])  # not asked for again on this connection
        site.post("/sim/halt", symbol="GME")
        assert heard(listener).halted
        site.advance(NOW + MINUTE)
        assert len(listener.next()) == 2
        assert listener.hints.trouble is None
        assert carried(site, "quotes") == set()


def test_half_a_quote_and_one_that_cannot_be_read_are_no_quotes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    good: dict[str, object] = {
        "T": "q",
        "S": "AMC",
        "t": "2026-01-05T14:40:00.123456789Z",
        "bp": 5.1,
        "ap": 5.2,
    }
    assert isinstance(read(good), Quote)
    assert read({**good, "bp": 0}) is None
    assert read({**good, "ap": None}) is None
    assert not caplog.records
    assert [read({**good, name: "?"}) for name in ("t", "bp")] == [None, None]
    assert read({**good, "S": []}) is None
    assert len(caplog.records) == 3


def test_a_senseless_quote_ends_nothing(site: Floor) -> None:
    with listening(address(site)) as listener:
        settled(site, listener)
        site.post("/sim/status", symbol="AMC", message={"T": "q", "S": []})
        site.post("/sim/halt", symbol="AMC")
        assert heard(listener).halted
        assert listener.hints.trouble is None
