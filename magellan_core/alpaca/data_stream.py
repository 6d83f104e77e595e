"""Alpaca's market data websocket as hints: "that minute's bar is there, poll now".

LAW: nothing is ever decided from a message. REST is asked at every minute's end all the same, so
that a stream that is mute, late or gone costs at most the time until the next retry.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from signal import SIG_BLOCK, SIGABRT, pthread_sigmask
from threading import Event, Lock, Thread

from alpaca.common.utils import reconnect_delay
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from magellan_core.alpaca.fields import Fields
from magellan_core.errors import Unavailable
from magellan_core.market_hours import new_york_date, session_on
from magellan_core.model import Bar
from magellan_core.ports import ToldBar

_log = logging.getLogger(__name__)
_MINUTE = timedelta(minutes=1)
_SECONDS_TO_GREET = 15.0
_SECONDS_TO_STOP = 5.0
_PATIENCE = 150.0  # without a bar of any symbol while the market is open, in seconds
_LOOK = 5.0
_SHORTEST, _LONGEST = 1.0, 30.0
_TAKEN_TRIES = 3  # an old connection of ours may need a while to be forgotten
_MOST_KEPT = 1000
_TAKEN = frozenset({406, HTTPStatus.TOO_MANY_REQUESTS})
# What no further try can mend: syntax, keys, symbols, plan, channels; and the handshake's own.
_FINAL = frozenset({400, 402, 405, 409, 410, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_REVISED = "u"
_STOPPED = "stopped"


class _Refused(Exception):
    """The server's own word that it will not serve us."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(f"refused with {code} ({message})")


class BarHints:
    """ports.BarNews over the data stream of one account, in a daemon thread of its own.

    `on_hint` is called from that thread when something was told and nothing was waiting to be
    taken; it must not block. `trouble` is None while the stream is subscribed, else why it is not.
    Refused keys (402), a plan without this feed (409) and a connection that stays taken (406) are
    told once; the stream then rests until new keys are given.
    """

    def __init__(
        self,
        url: str,
        key: str,
        secret: str,
        symbols: Sequence[str],
        on_hint: Callable[[], None],
        *,
        is_open: Callable[[datetime], bool] | None = None,
        patience: float = _PATIENCE,
    ) -> None:
        self.trouble: str | None = "not started"
        self._url, self._keys, self._symbols = url, (key, secret), list(symbols)
        self._on_hint, self._patience = on_hint, patience
        self._is_open = is_open or in_session
        self._told: list[ToldBar] = []
        self._lock = Lock()
        self._taken = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None
        self._renewed: asyncio.Event | None = None
        self._up = Event()
        self._thread = Thread(target=self._run, name="market-data", daemon=True)

    def told(self) -> Sequence[ToldBar]:
        """What was told since the last call, oldest first."""
        with self._lock:
            told, self._told = self._told, []
        return told

    def take(self, key: str, secret: str) -> None:
        """Greet with these keys at the next connection, which a resting stream tries at once."""
        self._keys = (key, secret)
        if self._loop is not None and self._renewed is not None:
            # RuntimeError: the loop has ended by itself meanwhile.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._renewed.set)

    def follow(self, symbols: Sequence[str]) -> None:
        """Listen to these symbols from now on; a connection that stands is told at once."""
        before, self._symbols = self._symbols, list(symbols)
        if self._loop is not None and self._socket is not None:
            with suppress(RuntimeError):
                asyncio.run_coroutine_threadsafe(self._change(before, symbols), self._loop)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Close the connection and end the thread; may be called at any time, and again."""
        if not self._thread.is_alive():
            return
        self._up.wait(_SECONDS_TO_STOP)
        if self._loop is not None and self._running is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._running.cancel)
        self._thread.join(_SECONDS_TO_STOP)

    def _run(self) -> None:
        # The watchdog's SIGABRT is for the main thread, which then tells where it hangs.
        pthread_sigmask(SIG_BLOCK, {SIGABRT})
        with asyncio.Runner() as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        self._loop, self._renewed = asyncio.get_running_loop(), asyncio.Event()
        self._running = asyncio.create_task(self._keep_listening(self._renewed))
        self._up.set()
        await asyncio.wait([self._running])
        if not self._running.cancelled() and (error := self._running.exception()) is not None:
            self._fares(f"{type(error).__name__}: {error}")
        self._fares(_STOPPED)

    async def _keep_listening(self, renewed: asyncio.Event) -> None:
        """Connect again and again, ever more slowly; rest after a refusal that is final."""
        failures = 0
        while True:
            try:
                async with connect(
                    self._url, open_timeout=10, ping_interval=10, ping_timeout=20, close_timeout=1
                ) as socket:
                    await self._greet(socket)
                    failures = self._taken = 0
                    self._socket = socket
                    await self._listen(socket)
            except (OSError, ValueError, WebSocketException, _Refused, Unavailable) as error:
                code = _code_of(error)
                self._fares(" ".join(str(error).split()) or type(error).__name__)
                if self._is_final(code):
                    _log.error("market data: no further try; REST polling goes on without it")
                    renewed.clear()
                    await renewed.wait()
                    failures = 0
                    continue
            failures += 1
            await asyncio.sleep(reconnect_delay(failures, _SHORTEST, _LONGEST))

    def _is_final(self, code: int | None) -> bool:
        if code in _TAKEN:
            self._taken += 1
            return self._taken >= _TAKEN_TRIES
        return code in _FINAL

    async def _greet(self, socket: ClientConnection) -> None:
        """Log in and subscribe. Raises _Refused, TimeoutError, Unavailable."""
        key, secret = self._keys
        async with asyncio.timeout(_SECONDS_TO_GREET):
            await _hear(socket, "connected")
            await socket.send(json.dumps({"action": "auth", "key": key, "secret": secret}))
            await _hear(socket, "authenticated")
            wanted = {"bars": self._symbols, "updatedBars": self._symbols}
            await socket.send(json.dumps({"action": "subscribe", **wanted}))
            await _hear(socket, "subscription")
        self._fares(None)

    async def _change(self, before: Sequence[str], now: Sequence[str]) -> None:
        """A connection lost meanwhile subscribes to the new ones when it is back."""
        gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
        with suppress(OSError, WebSocketException):
            for action, symbols in (("unsubscribe", gone), ("subscribe", new)):
                if self._socket is not None and symbols:
                    wanted = {"bars": symbols, "updatedBars": symbols}
                    await self._socket.send(json.dumps({"action": action, **wanted}))

    async def _listen(self, socket: ClientConnection) -> None:
        """Take messages until the connection ends or is mute for too long (Unavailable)."""
        loop = asyncio.get_running_loop()
        heard_at = loop.time()
        while True:
            try:
                async with asyncio.timeout(min(_LOOK, self._patience / 4)):
                    frame = await socket.recv()
            except TimeoutError:
                if not self._is_open(datetime.now(UTC)):
                    heard_at = loop.time()
                elif loop.time() - heard_at > self._patience:
                    raise Unavailable(f"no bar for {self._patience:g} s: connecting anew") from None
                continue
            if self._take(_messages(frame)):
                heard_at = loop.time()

    def _take(self, messages: Sequence[Mapping[str, object]]) -> bool:
        """Keep the bars among them; whether there were any. Raises _Refused, Unavailable."""
        told = []
        for message in messages:
            if message.get("T") in ("b", _REVISED):
                told.append(ToldBar(_bar(message), revised=message["T"] == _REVISED))
            _check(message)
        if not told:
            return False
        with self._lock:
            first = not self._told
            self._told = [*self._told, *told][-_MOST_KEPT:]
        if first:
            self._on_hint()
        return True

    def _fares(self, trouble: str | None) -> None:
        before, self.trouble = self.trouble, trouble
        if trouble is None:
            _log.info("market data: subscribed to %s", ", ".join(self._symbols))
        elif trouble not in (before, _STOPPED):
            _log.warning("market data: %s; polling goes on without it", trouble)


def in_session(now: datetime) -> bool:
    """Whether a regular session is on: bars are to be expected."""
    session = session_on(new_york_date(now))
    return session is not None and session.open + _MINUTE <= now < session.close


async def _hear(socket: ClientConnection, word: str) -> None:
    """Wait for that answer, by its message or type."""
    while True:
        for message in _messages(await socket.recv()):
            _check(message)
            if word in (message.get("msg"), message.get("T")):
                return


def _messages(frame: str | bytes) -> Sequence[Mapping[str, object]]:
    """The messages of a frame. Raise Unavailable unless it is an array of objects."""
    try:
        told = json.loads(frame)
    except ValueError as error:
        raise Unavailable(f"the stream sent no JSON: {error}") from error
    if not isinstance(told, list):
        raise Unavailable("the stream sent no array of messages")
    return [message for message in told if isinstance(message, dict)]


def _check(message: Mapping[str, object]) -> None:
    if message.get("T") == "error":
        code = message.get("code")
        raise _Refused(code if isinstance(code, int) else 0, str(message.get("msg")))


def _code_of(error: Exception) -> int | None:
    if isinstance(error, _Refused):
        return error.code
    if isinstance(error, InvalidStatus):
        return error.response.status_code
    return None


def _bar(message: Mapping[str, object]) -> Bar:
    row = Fields(message, "bar message")
    at = row.moment("t")
    return Bar(row.text("S"), at, at + _MINUTE, *row.reals("ohlcv"))
