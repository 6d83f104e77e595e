"""Trade updates as hints: what arrives, and that a stream in trouble troubles nobody else."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from magellan_core.alpaca import stream
from magellan_core.alpaca.stream import UpdateHints
from magellan_core.model import OrderRequest, Side
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.server import Stepped, running
from tests.contract.server_support import ANN, BOB, OPEN, Floor, small_market

WAIT = 10.0
Talk = Callable[[ServerConnection], Awaitable[None]]


def until(true: Callable[[], bool]) -> bool:
    ends_at = time.monotonic() + WAIT
    while not true() and time.monotonic() < ends_at:
        time.sleep(0.005)
    return true()


@contextmanager
def hints(url: str, secret: str = ANN.secret) -> Iterator[tuple[UpdateHints, "SimpleQueue[int]"]]:
    got: SimpleQueue[int] = SimpleQueue()
    listener = UpdateHints(url, ANN.key, secret, got.put)
    listener.start()
    try:
        yield listener, got
    finally:
        listener.stop()
        assert not listener._thread.is_alive()


@contextmanager
def talking(talk: Talk) -> Iterator[str]:
    """A websocket server that says what it is told to."""
    ready, over, url = Event(), asyncio.Event(), ""

    async def main() -> None:
        nonlocal url
        async with serve(talk, "127.0.0.1", 0) as server:
            [bound] = server.sockets
            url = f"ws://127.0.0.1:{bound.getsockname()[1]}/stream"
            ready.set()
            await over.wait()

    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    assert ready.wait(WAIT)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


async def greet(socket: ServerConnection) -> None:
    """Alpaca's greeting: whatever the keys, whatever is listened to."""
    await socket.recv()
    await say(socket, "authorization", {"status": "authorized", "action": "authenticate"})
    await socket.recv()
    await say(socket, "listening", {"streams": ["trade_updates"]})


async def say(socket: ServerConnection, name: str, data: dict[str, Any]) -> None:
    """As paper Alpaca does: JSON in a binary frame."""
    await socket.send(json.dumps({"stream": name, "data": data}).encode())


def test_every_update_is_a_hint_with_the_exchanges_number() -> None:
    exchange = Exchange(small_market(), [ANN, BOB], start=OPEN + timedelta(minutes=10))
    with (
        running(exchange, mode=Stepped()) as server,
        hints(server.base_url.replace("http", "ws") + "/stream") as (listener, got),
    ):
        floor = Floor(server)
        assert until(lambda: listener.trouble is None)
        assert got.get(timeout=WAIT) == 0  # connected: something may have been missed
        floor.advance(OPEN + timedelta(minutes=11))
        client = floor.trading(raw=True)
        body = OrderRequest("a", "AMC", Side.BUY, 10)
        client.post(
            "/orders",
            {
                "symbol": body.symbol,
                "qty": "10",
                "side": "buy",
                "type": "market",
                "time_in_force": "day",
            },
        )
        floor.advance(OPEN + timedelta(minutes=12))
        listener.drain(1, 2)
        assert [got.get(timeout=WAIT), got.get(timeout=WAIT)] == [1, 2]


def test_alpacas_updates_carry_no_number_and_are_counted() -> None:
    async def talk(socket: ServerConnection) -> None:
        await greet(socket)
        await say(socket, "trade_updates", {"event": "fill"})
        await say(socket, "trade_updates", {"event": "a word of 2027", "order": None})
        await socket.wait_closed()

    with talking(talk) as url, hints(url) as (_, got):
        assert [got.get(timeout=WAIT) for _ in range(3)] == [0, 1, 2]


def test_draining_waits_for_the_frame_and_for_nothing_else() -> None:
    async def talk(socket: ServerConnection) -> None:
        await greet(socket)
        await asyncio.sleep(0.2)
        for frame in (5, 6, 7):
            await say(socket, "trade_updates", {"event": "new", "frame": frame})
        await socket.wait_closed()

    with talking(talk) as url, hints(url) as (listener, got):
        assert until(lambda: listener.trouble is None)
        listener.drain(0, 0)
        assert got.get_nowait() == 0
        assert got.empty()
        listener.drain(5, 7)
        assert got.qsize() == 3
        listener.drain(5, 7)


def test_draining_ends_when_the_connection_does(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(socket: ServerConnection) -> None:
        await greet(socket)
        await asyncio.sleep(0.2)
        socket.transport.abort()

    with talking(talk) as url, hints(url) as (listener, _):
        assert until(lambda: listener.trouble is None)
        began = time.monotonic()
        listener.drain(1, 9, timeout=WAIT)
        assert time.monotonic() - began < WAIT / 2
    assert "did not come" not in caplog.text


def test_a_frame_that_never_comes_does_not_hold_the_daemon(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk(socket: ServerConnection) -> None:
        await greet(socket)
        await socket.wait_closed()

    with talking(talk) as url, hints(url) as (listener, _):
        assert until(lambda: listener.trouble is None)
        listener.drain(1, 2, timeout=0.1)
    assert "1 to 2 did not come" in caplog.text


def test_a_lost_connection_comes_back_with_a_hint() -> None:
    connections = 0

    async def talk(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await greet(socket)
        await say(socket, "trade_updates", {"event": "new", "frame": connections})
        if connections == 1:
            await asyncio.sleep(0.1)
            socket.transport.abort()
        await socket.wait_closed()

    with talking(talk) as url, hints(url) as (listener, got):
        assert [got.get(timeout=WAIT) for _ in range(4)] == [0, 1, 1, 2]
        assert listener.trouble is None


def test_refused_keys_are_told_once_and_never_raised(caplog: pytest.LogCaptureFixture) -> None:
    attempts = 0

    async def talk(socket: ServerConnection) -> None:
        nonlocal attempts
        attempts += 1
        await socket.recv()
        await say(socket, "authorization", {"status": "unauthorized", "action": "authenticate"})

    with talking(talk) as url, hints(url, secret="wrong-and-secret") as (listener, got):
        assert until(lambda: attempts >= 2)
        assert listener.trouble == "failed to authenticate"
        assert got.empty()
    ours = [record for record in caplog.records if "alpaca" in record.name]
    assert [record.getMessage() for record in ours] == [
        "trade updates: failed to authenticate; polling goes on without them"
    ]
    assert "wrong-and-secret" not in caplog.text


def test_a_server_that_never_answers_the_keys_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_SECONDS_TO_GREET", 0.2)
    attempts = 0

    async def mute(socket: ServerConnection) -> None:
        nonlocal attempts
        attempts += 1
        await socket.wait_closed()

    with talking(mute) as url, hints(url) as (listener, _):
        assert until(lambda: attempts >= 2)
        assert listener.trouble is not None


def test_nobody_listening_is_trouble_and_no_more() -> None:
    with hints("ws://127.0.0.1:9/stream") as (listener, got):
        assert until(lambda: "Connect call failed" in (listener.trouble or ""))
        assert got.empty()


def test_stopping_is_quick_at_any_time() -> None:
    async def talk(socket: ServerConnection) -> None:
        await greet(socket)
        await socket.wait_closed()

    never_started = UpdateHints("ws://127.0.0.1:9/stream", "k", "s", lambda _: None)
    never_started.stop()
    with talking(talk) as url:
        for pause in (0.0, 0.01, 0.3):
            listener = UpdateHints(url, "k", "s", lambda _: None)
            listener.start()
            time.sleep(pause)
            began = time.monotonic()
            listener.stop()
            listener.stop()
            assert time.monotonic() - began < 3
            assert not listener._thread.is_alive()
            assert listener.trouble == "stopped"
