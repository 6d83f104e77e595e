"""The market data websocket, by alpaca-py's own StockDataStream and by a bare websocket."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgpack
import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from magellan_core.paper import data_streams
from magellan_core.paper.rules import Rules
from tests.conformance.stream_support import address, listening, until
from tests.contract.server_support import ANN, BOB, OPEN, Floor, floor

MINUTE = timedelta(minutes=1)
FREE = Rules(data_plan="free", stream_symbols=2)


@pytest.fixture
def site() -> Iterator[Floor]:
    with floor() as running:
        yield running


def hear(socket: Connection) -> Any:
    """The next frame, which must be an array."""
    frame = socket.recv(10)
    told = json.loads(frame) if isinstance(frame, str) else msgpack.unpackb(frame, timestamp=3)
    assert isinstance(told, list)
    return told


def say(socket: Connection, **message: object) -> Any:
    socket.send(json.dumps(message))
    return hear(socket)


def login(spec: Any = ANN) -> dict[str, object]:
    return {"action": "auth", "key": spec.key, "secret": spec.secret}


def welcomed(site: Floor, feed: str = "iex", **options: Any) -> Connection:
    socket = connect(address(site, feed), **options)
    assert hear(socket) == [{"T": "success", "msg": "connected"}]
    assert say(socket, **login()) == [{"T": "success", "msg": "authenticated"}]
    return socket


def test_f64_the_official_stream_hears_each_minute_bar_once_it_is_complete(site: Floor) -> None:
    with listening(site, bars=["AMC", "GME"]) as stream:
        site.advance(OPEN + timedelta(minutes=12))
        heard = [stream.next() for _ in range(4)]
        assert [(bar.symbol, bar.timestamp, bar.close) for _, bar in heard] == [
            ("AMC", OPEN + 10 * MINUTE, 5.10),
            ("GME", OPEN + 10 * MINUTE, 20.10),
            ("AMC", OPEN + 11 * MINUTE, 5.11),
            ("GME", OPEN + 11 * MINUTE, 20.11),
        ]
        assert stream.heard.empty()


def test_f64_times_are_msgpacks_timestamps(site: Floor) -> None:
    with connect(
        address(site), additional_headers={"Content-Type": "application/msgpack"}
    ) as socket:
        assert hear(socket) == [{"T": "success", "msg": "connected"}]
        socket.send(msgpack.packb(login()))
        assert hear(socket)[0]["msg"] == "authenticated"
        socket.send(msgpack.packb({"action": "subscribe", "bars": ["AMC"]}))
        assert hear(socket)[0]["bars"] == ["AMC"]
        site.advance(OPEN + timedelta(minutes=11))
        [bar] = hear(socket)
        assert (bar["T"], bar["t"], bar["v"]) == ("b", OPEN + 10 * MINUTE, 10_000)


def test_f64_a_subscription_in_fragments_is_taken_whole(site: Floor) -> None:
    """As alpaca-py sends it, in frames of 32 KiB; here in many more, with compression offered."""
    names = ["AMC", *(f"X{n:05}" for n in range(9000))]
    with listening(site, bars=names) as stream:
        site.advance(OPEN + timedelta(minutes=11))
        assert stream.next()[1].symbol == "AMC"
    with welcomed(site) as socket:
        text = json.dumps({"action": "subscribe", "bars": ["GME"]})
        socket.send(iter([text[:7], text[7:20], text[20:]]))
        assert hear(socket)[0]["bars"] == ["GME"]


def test_f64_quotes_statuses_and_revised_bars(site: Floor) -> None:
    since = (OPEN + 10 * MINUTE).isoformat()
    site.post("/sim/bars", symbol="AMC", kind="revised", since=since, first={"volume": 77})
    with listening(
        site, bars=["AMC"], updated_bars=["AMC"], quotes=["AMC"], trading_statuses=["AMC"]
    ) as stream:
        site.advance(OPEN + timedelta(minutes=11))
        first = [stream.next(), stream.next()]
        assert [kind for kind, _ in first] == ["bars", "quotes"]
        assert first[0][1].volume == 77
        assert (first[1][1].bid_price, first[1][1].ask_price) == (5.10, 5.10)
        site.advance(OPEN + timedelta(minutes=11, seconds=30))
        channel, revised = stream.next()
        assert channel == "updated_bars"
        assert (revised.timestamp, revised.volume) == (OPEN + 10 * MINUTE, 10_000)
        channel, quote = stream.next()
        assert (channel, quote.bid_price) == ("quotes", 5.11)
        site.post("/sim/halt", symbol="AMC")
        channel, halt = stream.next()
        assert (channel, halt.status_code) == ("trading_statuses", "H")
        site.post("/sim/halt", symbol="AMC", halted=False)
        assert stream.next()[1].status_code == "T"


def test_f64_unsubscribing_and_wildcards(site: Floor) -> None:
    with welcomed(site) as socket:
        assert say(socket, action="subscribe", bars=["*"], trades=["GME"]) == [
            {
                "T": "subscription",
                "trades": ["GME"],
                "quotes": [],
                "bars": ["*"],
                "updatedBars": [],
                "dailyBars": [],
                "statuses": [],
                "lulds": [],
                "corrections": ["GME"],
                "cancelErrors": ["GME"],
            }
        ]
        site.advance(OPEN + timedelta(minutes=11))
        assert [bar["S"] for bar in hear(socket)] == ["AMC", "GME"]
        told = say(socket, action="unsubscribe", bars=["*"], trades=["GME"])
        assert not any(told[0][name] for name in ("bars", "trades"))
        site.advance(OPEN + timedelta(minutes=13))
        with pytest.raises(TimeoutError):
            socket.recv(0.2)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", 400),
        ("[]", 400),
        ({"action": "dance"}, 400),
        ({"action": "subscribe", "bars": "AMC"}, 400),
        ({"action": "subscribe", "news": ["AMC"]}, 410),
        (login(), 403),
    ],
)
def test_f65_what_cannot_be_done_is_told_by_its_code(
    site: Floor, message: object, code: int
) -> None:
    with welcomed(site) as socket:
        socket.send(message if isinstance(message, str) else json.dumps(message))
        [error] = hear(socket)
        assert (error["T"], error["code"]) == ("error", code)
        assert error["msg"]
        assert say(socket, action="subscribe", bars=["AMC"])[0]["T"] == "subscription"


def test_f65_before_the_keys_nothing_is_served_and_wrong_keys_are_402(site: Floor) -> None:
    with connect(address(site)) as socket:
        hear(socket)
        assert say(socket, action="subscribe", bars=["AMC"])[0]["code"] == 401
        assert say(socket, **{**login(), "secret": "no"})[0]["code"] == 402
        with pytest.raises(ConnectionClosed):
            socket.recv(5)


def test_f65_who_does_not_send_keys_is_404(site: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_streams, "_AUTH_SECONDS", 0.1)
    with connect(address(site)) as socket:
        hear(socket)
        assert hear(socket) == [{"T": "error", "code": 404, "msg": "auth timeout"}]


def test_f65_too_many_symbols_are_405_and_bars_count_if_the_rules_say_so() -> None:
    with floor(rules=FREE) as site, welcomed(site) as socket:
        assert say(socket, action="subscribe", quotes=["A", "B"])[0]["T"] == "subscription"
        assert say(socket, action="subscribe", quotes=["C"])[0]["code"] == 405
        assert say(socket, action="subscribe", bars=["C", "D"])[0]["quotes"] == ["A", "B"]
    strict = Rules(data_plan="free", stream_symbols=2, stream_symbols_of_bars=True)
    with floor(rules=strict) as site, welcomed(site) as socket:
        assert say(socket, action="subscribe", bars=["A", "B", "C"])[0]["code"] == 405


def test_f65_a_second_connection_is_406_until_the_first_has_gone(site: Floor) -> None:
    with welcomed(site), connect(address(site, "iex")) as second:
        hear(second)
        assert say(second, **login())[0]["code"] == 406
    until(lambda: not site.server.service.data._connections)
    with welcomed(site) as third, connect(address(site, "iex")) as other:
        hear(other)
        assert say(other, **login(BOB))[0]["msg"] == "authenticated"
        assert third


def test_f65_sip_on_the_free_plan_is_409() -> None:
    with floor(rules=FREE) as site, connect(address(site)) as socket:
        hear(socket)
        assert say(socket, **login())[0]["code"] == 409


def test_a_client_that_does_not_read_is_told_407_and_left(
    site: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_streams, "_BACKLOG", 0)
    with connect(address(site)) as socket:
        assert hear(socket)[0]["code"] == 407


@pytest.mark.parametrize(
    ("fault", "symbols"),
    [
        ({"kind": "drop", "path": "data/bars"}, ["GME", "AMC", "GME"]),
        ({"kind": "duplicate", "path": "data/*"}, ["AMC", "AMC", "GME"]),
        ({"kind": "drop"}, ["AMC", "GME"]),  # a switch for trade updates
    ],
)
def test_market_messages_may_be_dropped_or_doubled(
    site: Floor, fault: dict[str, object], symbols: list[str]
) -> None:
    site.post("/sim/faults", **fault)
    with listening(site, bars=["AMC", "GME"]) as stream:
        site.advance(OPEN + timedelta(minutes=12))
        assert [stream.next()[1].symbol for _ in symbols] == symbols


def test_a_handshake_may_be_denied_reset_or_left_without_a_word(site: Floor) -> None:
    where = {"method": "WS", "path": "/v2/*"}
    site.post("/sim/faults", kind="status", status=429, **where)
    with pytest.raises(InvalidStatus) as denied:
        connect(address(site))
    assert denied.value.response.status_code == 429
    site.post("/sim/faults", kind="refuse", **where)
    with pytest.raises((websockets.InvalidMessage, ConnectionError)):
        connect(address(site))
    site.post("/sim/faults", kind="hang", seconds=0.2, **where)
    with connect(address(site)) as socket, pytest.raises(ConnectionClosed):
        socket.recv(5)
    with welcomed(site) as socket:
        assert socket
