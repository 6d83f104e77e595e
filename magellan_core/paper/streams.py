"""The trade_updates websocket: one connection per account, no replay, every message numbered.

`frame` counts the messages written for an account. In stepped time a release tells a member the
first and last frame it must have read, so that the socket's timing cannot change a run.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from magellan_core.paper import wire
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.connection import drop
from magellan_core.paper.faults import Fault, Faults, Kind, mutate
from magellan_core.paper.handshake import spoiled
from magellan_core.paper.orders import Update

_STREAM = "trade_updates"
_CUT = b""  # in an outbox: end the connection without a close frame


@dataclass(eq=False, slots=True)
class Connection:
    """One authenticated socket. `base`: the last frame before the last release, once released."""

    websocket: WebSocket
    listening: bool = False
    base: int | None = None
    outbox: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)


class TradeUpdates:
    """All accounts' streams. `on_listen` is called whenever one begins to listen."""

    def __init__(self, accounts: Iterable[AccountSpec], faults: Faults) -> None:
        self._accounts = {spec.key: spec for spec in accounts}
        self._faults = faults
        self._connections: dict[str, Connection] = {}
        self._frames: dict[str, int] = dict.fromkeys(
            (spec.number for spec in self._accounts.values()), 0
        )
        self._held_back: dict[str, list[tuple[datetime | None, Update]]] = {}
        self.on_listen: Callable[[], None] = lambda: None

    def listening(self, account: str) -> bool:
        connection = self._connections.get(account)
        return connection is not None and connection.listening

    def take_frames(self, account: str) -> tuple[int, int]:
        """First and last frame on this connection since the last call, which begins its count."""
        connection = self._connections.get(account)
        if connection is None or not connection.listening:
            return (0, 0)
        base, connection.base = connection.base, self._frames[account]
        if base is None or base == connection.base:
            return (0, 0)
        return (base + 1, connection.base)

    def deliver(self, updates: Iterable[Update], now: datetime) -> None:
        """Write the updates to whoever listens; an update that nobody hears is gone."""
        self._send_late(now)
        for update in updates:
            fault = self._faults.for_update(update.account, update.event)
            if fault is None:
                self._send(update)
            elif fault.kind is Kind.MUTATE:
                self._send(update, fault)
            elif fault.kind is Kind.DUPLICATE:
                self._send(update)
                self._send(update)
            elif fault.kind in (Kind.REORDER, Kind.LATE):
                late = fault.kind is Kind.LATE
                due = now + timedelta(seconds=fault.delay) if late else None
                self._held_back.setdefault(update.account, []).append((due, update))
                continue
            elif fault.kind is Kind.CUT:
                self._cut(update.account)
            held = self._held_back.pop(update.account, [])
            for _, swapped in (each for each in held if each[0] is None):
                self._send(swapped)
            if later := [each for each in held if each[0] is not None]:
                self._held_back[update.account] = later

    def _send_late(self, now: datetime) -> None:
        for account, held in list(self._held_back.items()):
            for due, update in held:
                if due is not None and due <= now:
                    self._send(update)
            self._held_back[account] = [e for e in held if e[0] is None or e[0] > now]

    def close(self) -> None:
        """End every connection."""
        for connection in self._connections.values():
            connection.outbox.put_nowait(None)

    async def endpoint(self, websocket: WebSocket) -> None:
        """The route /stream."""
        told = self._accounts.get(websocket.headers.get("apca-api-key-id", ""))
        if await spoiled(websocket, self._faults, None if told is None else told.number):
            return
        if self._is_taken(websocket.headers):
            body = {"code": 42910000, "message": "connection limit exceeded"}
            await websocket.send_denial_response(JSONResponse(body, status_code=429))
            return
        await websocket.accept()
        connection = Connection(websocket)
        account: str | None = None
        writer = asyncio.ensure_future(_write(connection))
        try:
            account = await self._authenticate(connection)
            while account is not None:
                self._listen(connection, _parse(await _receive(websocket)))
        except WebSocketDisconnect:
            pass  # how every connection ends
        finally:
            if account is not None and self._connections.get(account) is connection:
                del self._connections[account]
            connection.outbox.put_nowait(None)
            await writer

    def _is_taken(self, headers: Mapping[str, str]) -> bool:
        """Whether a handshake must be refused: the account is told by header, or all are taken.

        A client that names its account only in its first message is refused there.
        """
        spec = self._accounts.get(headers.get("apca-api-key-id", ""))
        if spec is not None:
            return spec.number in self._connections
        return len(self._connections) >= len(self._accounts)

    async def _authenticate(self, connection: Connection) -> str | None:
        """The account of the first message's keys; None: they are wrong, or it is taken."""
        message = _parse(await _receive(connection.websocket))
        data = message.get("data") or {}
        if not isinstance(data, dict):
            data = {}
        action = message.get("action")
        key = data.get("key_id") or message.get("key") or ""
        secret = data.get("secret_key") or message.get("secret") or ""
        spec = self._accounts.get(str(key))
        if (
            action not in ("authenticate", "auth")
            or spec is None
            or spec.secret != secret
            or spec.number in self._connections
        ):
            _answer(connection, "authorization", {"status": "unauthorized", "action": action})
            connection.outbox.put_nowait(None)
            return None
        self._connections[spec.number] = connection
        _answer(connection, "authorization", {"status": "authorized", "action": "authenticate"})
        return spec.number

    def _listen(self, connection: Connection, message: Mapping[str, Any]) -> None:
        if message.get("action") != "listen":
            return
        data = message.get("data")
        streams = data.get("streams", []) if isinstance(data, dict) else []
        connection.listening = _STREAM in streams
        known = [name for name in streams if name == _STREAM]
        _answer(connection, "listening", {"streams": known})
        self.on_listen()

    def _send(self, update: Update, fault: Fault | None = None) -> None:
        connection = self._connections.get(update.account)
        if connection is None or not connection.listening:
            return
        self._frames[update.account] += 1
        message = wire.trade_update(update, self._frames[update.account])
        if fault is not None:
            message = wire.dumps(mutate(wire.loads(message), f"data.{fault.field}", fault.value))
        connection.outbox.put_nowait(message)

    def _cut(self, account: str) -> None:
        connection = self._connections.pop(account, None)
        if connection is not None:
            connection.outbox.put_nowait(_CUT)


async def _receive(websocket: WebSocket) -> str | bytes:
    """The next message, text or binary."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    text: str | bytes = message.get("text") or message.get("bytes") or b""
    return text


async def _write(connection: Connection) -> None:
    """Write the outbox in order, as binary frames; None closes."""
    try:
        while (message := await connection.outbox.get()) is not None:
            if message == _CUT:
                drop(connection.websocket.scope)
                return
            await connection.websocket.send_bytes(message)
        await connection.websocket.close()
    except (WebSocketDisconnect, RuntimeError):
        return  # the peer, or the server, has closed it first


def _parse(text: str | bytes) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _answer(connection: Connection, stream: str, data: Mapping[str, object]) -> None:
    connection.outbox.put_nowait(wire.dumps({"stream": stream, "data": data}))
