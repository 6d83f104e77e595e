"""The market data websocket, /v2/{feed}: minute bars, revised bars, quotes and statuses.

Driven by the exchange's time: whatever was told between two of its instants goes out in one frame.
One connection per account and feed; trades, dailyBars and lulds may be subscribed to, and are
silent.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from magellan_core.paper import data_words as words
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.connection import drop
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.faults import Faults, Kind
from magellan_core.paper.handshake import spoiled
from magellan_core.paper.wire import Json

FEEDS = ("sip", "iex")
_COUNTED = ("trades", "quotes", "updatedBars", "dailyBars", "statuses", "lulds")
_AUTH_SECONDS = 10.0
_BACKLOG = 1000  # frames that a client may leave unread
_CHANNEL = {"b": "bars", "u": "updatedBars", "q": "quotes", "s": "statuses"}
_CUT = b""


@dataclass(eq=False, slots=True)
class Connection:
    """One socket. `last` is the bid and ask told last, by symbol."""

    websocket: WebSocket
    feed: str
    packed: bool
    account: str | None = None
    symbols: dict[str, set[str]] = field(default_factory=dict)
    last: dict[str, tuple[object, object]] = field(default_factory=dict)
    outbox: asyncio.Queue[str | bytes | None] = field(default_factory=asyncio.Queue)

    def say(self, *messages: Json) -> None:
        """Queue one frame; a client that does not read is told so and left."""
        if not messages:
            return
        if self.outbox.qsize() >= _BACKLOG:
            self.outbox = asyncio.Queue()
            self.outbox.put_nowait(words.encode([words.error(words.SLOW)], packed=self.packed))
            self.outbox.put_nowait(None)
            return
        self.outbox.put_nowait(words.encode(messages, packed=self.packed))

    def wants(self, channel: str, symbol: str) -> bool:
        wanted = self.symbols.get(channel, ())
        return symbol in wanted or "*" in wanted


class DataStreams:
    """Every account's data streams."""

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._exchange, self._faults = exchange, faults
        self._accounts = {spec.key: spec for spec in exchange.accounts}
        self._connections: dict[tuple[str, str], Connection] = {}

    def subscribed(self, account: str) -> bool:
        """Whether that account has a stream with a subscription."""
        return any(c.account == account and c.symbols for c in self._connections.values())

    def tell(self, after: datetime, now: datetime) -> None:
        """Send what became known after `after`, up to and including `now`."""
        for connection in list(self._connections.values()):
            if connection.symbols:
                told = [*self._bars(connection, after, now), *self._quotes(connection, now)]
                self._send(connection, told)

    def tell_status(
        self, symbol: str, *, halted: bool, instead: Mapping[str, Any] | None = None
    ) -> None:
        """Send a halt or its end; `instead` are fields of the message to be sent otherwise."""
        message = words.status(symbol, self._exchange.now, halted=halted) | dict(instead or {})
        for connection in list(self._connections.values()):
            if connection.wants("statuses", symbol):
                self._send(connection, [message])

    def close(self) -> None:
        for connection in self._connections.values():
            connection.outbox.put_nowait(None)

    async def endpoint(self, websocket: WebSocket) -> None:
        """The route /v2/{feed}."""
        if await spoiled(websocket, self._faults, None):
            return
        await websocket.accept()
        packed = websocket.headers.get("content-type") == "application/msgpack"
        connection = Connection(websocket, websocket.path_params["feed"], packed)
        connection.say(words.CONNECTED)
        writer = asyncio.ensure_future(_write(connection))
        try:
            async with asyncio.timeout(_AUTH_SECONDS) as limit:
                while connection.account is None:
                    if not self._greet(connection, await _receive(connection)):
                        return
                limit.reschedule(None)
            while True:
                self._serve(connection, await _receive(connection))
        except TimeoutError:
            connection.say(words.error(words.TIMEOUT))
        except WebSocketDisconnect:
            pass  # how every connection ends
        finally:
            place = (connection.account or "", connection.feed)
            if self._connections.get(place) is connection:
                del self._connections[place]
            connection.outbox.put_nowait(None)
            await writer

    def _greet(self, connection: Connection, message: Mapping[str, Any] | None) -> bool:
        """Take keys; False: the connection ends, and the client knows why."""
        if message is None or message.get("action") != "auth":
            code = words.SYNTAX if message is None else words.NOT_AUTHENTICATED
            connection.say(words.error(code))
            return True
        spec = self._accounts.get(str(message.get("key")))
        fault = self._unwelcome(spec, str(message.get("secret")), connection.feed)
        if spec is None or fault is not None:
            connection.say(words.error(fault or words.AUTH_FAILED))
            return False
        connection.account = spec.number
        self._connections[spec.number, connection.feed] = connection
        connection.say(words.AUTHENTICATED)
        return True

    def _unwelcome(self, spec: AccountSpec | None, secret: str, feed: str) -> int | None:
        if spec is None or spec.secret != secret:
            return words.AUTH_FAILED
        if feed not in FEEDS or (feed == "sip" and self._exchange.rules.data_plan == "free"):
            return words.SUBSCRIPTION
        if (spec.number, feed) in self._connections:
            return words.CONNECTIONS
        return None

    def _serve(self, connection: Connection, message: Mapping[str, Any] | None) -> None:
        action = None if message is None else message.get("action")
        if message is None or action not in ("auth", "subscribe", "unsubscribe"):
            connection.say(words.error(words.SYNTAX))
            return
        if action == "auth":
            connection.say(words.error(words.AGAIN))
            return
        asked = words.asked(message)
        if isinstance(asked, int):
            connection.say(words.error(asked))
            return
        symbols = {name: set(connection.symbols.get(name, ())) for name in words.CHANNELS}
        for name, wanted in asked.items():
            symbols[name] = (
                symbols[name] | wanted if action == "subscribe" else (symbols[name] - wanted)
            )
        if self._beyond_limit(symbols):
            connection.say(words.error(words.SYMBOLS))
            return
        connection.symbols = {name: wanted for name, wanted in symbols.items() if wanted}
        connection.say(words.subscription(connection.symbols))

    def _beyond_limit(self, symbols: Mapping[str, set[str]]) -> bool:
        rules = self._exchange.rules
        if rules.data_plan == "paid":
            return False
        counted = ("bars", *_COUNTED) if rules.stream_symbols_of_bars else _COUNTED
        return len(set().union(*(symbols[name] for name in counted))) > rules.stream_symbols

    def _bars(self, connection: Connection, after: datetime, now: datetime) -> list[Json]:
        told = [
            telling
            for symbol in self._named(connection, "bars", "updatedBars")
            for telling in self._exchange.tape.tellings(symbol, after, now)
            if connection.wants("updatedBars" if telling.revised else "bars", symbol)
        ]
        return [words.bar(each.bar, revised=each.revised) for each in sorted(told)]

    def _quotes(self, connection: Connection, now: datetime) -> Iterable[Json]:
        for symbol in self._named(connection, "quotes"):
            quote = self._exchange.quote(connection.account or "", symbol)
            if quote is None or connection.last.get(symbol) == (quote.bid, quote.ask):
                continue
            connection.last[symbol] = (quote.bid, quote.ask)
            yield words.quote(quote, now)

    def _named(self, connection: Connection, *channels: str) -> list[str]:
        named = set().union(*(connection.symbols.get(name, ()) for name in channels))
        if "*" in named:
            return list(self._exchange.market.symbols)
        return sorted(named)

    def _send(self, connection: Connection, messages: Iterable[Json]) -> None:
        """One frame, less what the fault switches drop of it, and doubling what they double."""
        told: list[Json] = []
        for message in messages:
            path = f"data/{_CHANNEL[message['T']]}"
            fault = self._faults.for_update(connection.account or "", path)
            if fault is None:
                told.append(message)
            elif fault.kind is Kind.CUT:
                self._connections.pop((connection.account or "", connection.feed), None)
                connection.outbox.put_nowait(_CUT)
                return
            elif fault.kind is Kind.DUPLICATE:
                told += [message, message]
        connection.say(*told)


async def _receive(connection: Connection) -> dict[str, Any] | None:
    message = await connection.websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    frame: str | bytes = message.get("text") or message.get("bytes") or b""
    return words.decode(frame, packed=connection.packed)


async def _write(connection: Connection) -> None:
    """Write the outbox in order; None closes."""
    try:
        while (frame := await connection.outbox.get()) is not None:
            if frame == _CUT:
                drop(connection.websocket.scope)
                return
            if isinstance(frame, bytes):
                await connection.websocket.send_bytes(frame)
            else:
                await connection.websocket.send_text(frame)
        await connection.websocket.close()
    except (WebSocketDisconnect, RuntimeError):
        return  # the peer, or the server, has closed it first
