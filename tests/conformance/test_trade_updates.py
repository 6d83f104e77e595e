"""trade_updates over the wire, read by alpaca-py's own stream and by a bare websocket."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from queue import SimpleQueue
from threading import Thread
from time import sleep
from typing import Any

import pytest
from alpaca.trading.enums import OrderSide, TimeInForce, TradeEvent
from alpaca.trading.requests import MarketOrderRequest
from alpaca.trading.stream import TradingStream
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from magellan_core.paper.accounts import AccountSpec
from tests.contract.server_support import ANN, BOB, OPEN, Floor, floor

ORDER = MarketOrderRequest(symbol="AMC", qty=10, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)


@pytest.fixture
def site() -> Iterator[Floor]:
    with floor() as running:
        yield running


def address(site: Floor) -> str:
    return site.url.replace("http", "ws") + "/stream"


def say(socket: Connection, message: object) -> Any:
    """Send one message; the answer, which must come as a binary frame."""
    socket.send(json.dumps(message))
    return hear(socket)


def hear(socket: Connection, timeout: float = 10) -> Any:
    frame = socket.recv(timeout)
    assert isinstance(frame, bytes)
    return json.loads(frame)


def login(spec: AccountSpec) -> object:
    return {"action": "authenticate", "data": {"key_id": spec.key, "secret_key": spec.secret}}


LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}


def listening(site: Floor, spec: AccountSpec = ANN) -> Connection:
    socket = connect(address(site))
    assert say(socket, login(spec))["data"]["status"] == "authorized"
    say(socket, LISTEN)
    return socket


def buy(site: Floor, minutes: int = 12) -> str:
    order = site.trading().submit_order(ORDER)
    site.advance(OPEN + timedelta(minutes=minutes))
    return str(order.id)


def test_f61_the_handshake(site: Floor) -> None:
    with connect(address(site)) as socket:
        assert say(socket, login(ANN)) == {
            "stream": "authorization",
            "data": {"status": "authorized", "action": "authenticate"},
        }
        assert say(socket, LISTEN) == {
            "stream": "listening",
            "data": {"streams": ["trade_updates"]},
        }


def test_f61_the_older_way_to_log_in(site: Floor) -> None:
    with connect(address(site)) as socket:
        answer = say(socket, {"action": "auth", "key": ANN.key, "secret": ANN.secret})
        assert answer["data"]["status"] == "authorized"


def test_f61_wrong_keys_are_told_and_the_socket_closed(site: Floor) -> None:
    with connect(address(site)) as socket:
        wrong = {"action": "auth", "key": ANN.key, "secret": "no"}
        assert say(socket, wrong)["data"]["status"] == "unauthorized"
        with pytest.raises(ConnectionClosed):
            socket.recv(5)


def test_f61_a_second_connection_of_the_account_is_429(site: Floor) -> None:
    with listening(site):
        with pytest.raises(InvalidStatus) as refusal:
            connect(address(site), additional_headers={"APCA-API-KEY-ID": ANN.key})
        assert refusal.value.response.status_code == 429
        with connect(address(site)) as socket:  # unnamed until its first message
            assert say(socket, login(ANN))["data"]["status"] == "unauthorized"
        with listening(site, BOB), pytest.raises(InvalidStatus):
            connect(address(site))  # nobody is left to connect
    with listening(site) as again:  # and after the first has gone it is free
        assert again


def test_f62_each_fill_is_one_update_whose_order_equals_rest_afterwards(site: Floor) -> None:
    with listening(site) as socket:
        order_id = buy(site)
        updates = [hear(socket)["data"] for _ in range(2)]
        assert [update["event"] for update in updates] == ["new", "fill"]
        assert [update["frame"] for update in updates] == [1, 2]
        fill = updates[1]
        assert (fill["price"], fill["qty"], fill["position_qty"]) == ("5.1", "10", "10")
        assert fill["order"] == site.ask("GET", f"/v2/orders/{order_id}").json()
        [activity] = site.ask("GET", "/v2/account/activities/FILL").json()
        assert activity["qty"] == fill["qty"]


def test_f63_nothing_is_replayed(site: Floor) -> None:
    buy(site)
    with listening(site) as socket:
        buy(site, 14)
        assert hear(socket)["data"]["event"] == "new"
        assert hear(socket)["data"]["order"]["filled_at"].startswith("2026-01-05T14:42")


def test_updates_go_to_their_own_account_only(site: Floor) -> None:
    with listening(site, BOB) as socket:
        buy(site)
        with pytest.raises(TimeoutError):
            hear(socket, 0.3)


def test_the_official_stream_works_unchanged(site: Floor) -> None:
    seen: SimpleQueue[tuple[object, float | None, str]] = SimpleQueue()
    stream: Any = TradingStream(ANN.key, ANN.secret, url_override=address(site))

    async def handler(update: Any) -> None:
        seen.put((update.event, update.price, update.order.symbol))

    stream.subscribe_trade_updates(handler)
    thread = Thread(target=lambda: asyncio.run(stream._run_forever()), daemon=True)
    thread.start()
    await_stream(site)
    buy(site)
    assert seen.get(timeout=10) == (TradeEvent.NEW, None, "AMC")
    assert seen.get(timeout=10) == (TradeEvent.FILL, 5.1, "AMC")
    stream.stop()
    thread.join(15)
    assert not thread.is_alive()


def await_stream(site: Floor) -> None:
    for _ in range(500):
        if site.server.service.listening(ANN.number):
            return
        sleep(0.02)
    raise AssertionError("the stream did not come up")


@pytest.mark.parametrize(
    ("fault", "events"),
    [
        ({"kind": "drop", "path": "new"}, ["fill"]),
        ({"kind": "duplicate", "path": "new"}, ["new", "new", "fill"]),
        ({"kind": "reorder", "path": "new"}, ["fill", "new"]),
    ],
)
def test_update_faults(site: Floor, fault: dict[str, object], events: list[str]) -> None:
    assert site.post("/sim/faults", **fault).ok
    with listening(site) as socket:
        buy(site)
        heard = [hear(socket)["data"] for _ in events]
        assert [update["event"] for update in heard] == events
        assert [update["frame"] for update in heard] == list(range(1, len(events) + 1))


def test_a_cut_stream_loses_the_update_and_may_come_back(site: Floor) -> None:
    site.post("/sim/faults", kind="cut", path="fill")
    socket = listening(site)
    buy(site)
    assert hear(socket)["data"]["event"] == "new"
    with pytest.raises(ConnectionClosed):
        socket.recv(5)
    with listening(site) as again:
        buy(site, 15)
        assert hear(again)["data"]["event"] == "new"
