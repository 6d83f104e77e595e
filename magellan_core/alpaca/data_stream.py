"""Alpaca's market data websocket as hints: "that minute's bar is there, poll now".

Bars, trading statuses, and quotes of the few symbols that are in play.

LAW: nothing is ever decided from a message. REST is asked at every minute's end all the same, so
that a stream that is mute, late or gone costs at most the time until the next retry.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from signal import SIG_BLOCK, SIGABRT, pthread_sigmask
from threading import Event, Lock, Thread

from alpaca.common.utils import reconnect_delay
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from magellan_core.alpaca.data_channels import BARS, EVERY, Channels, Group
from magellan_core.alpaca.data_messages import (
    QUOTE,
    Message,
    Refused,
    code_of,
    messages,
    read,
    refusal,
)
from magellan_core.errors import Unavailable
from magellan_core.market_hours import new_york_date, session_on
from magellan_core.ports import Told, ToldBar

_log = logging.getLogger(__name__)
_MINUTE = timedelta(minutes=1)
_SECONDS_TO_GREET = 15.0
_SECONDS_TO_STOP = 5.0
_PATIENCE = 150.0  # without a bar of any symbol while the market is open, in seconds
_LOOK = 5.0
_SHORTEST, _LONGEST = 1.0, 30.0
_TAKEN_TRIES = 3  # an old connection of ours may need a while to be forgotten
_MOST_KEPT = 1000
_BETWEEN_QUOTE_HINTS = 1.0  # of all symbols together, in seconds
_TAKEN = frozenset({406, HTTPStatus.TOO_MANY_REQUESTS})
# What no further try can mend: syntax, keys, symbols, plan, channels; and the handshake's own.
_FINAL = frozenset({400, 402, 405, 409, 410, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_STOPPED = "stopped"


class BarHints:
    """ports.BarNews over the data stream of one account, in a daemon thread of its own.

    `on_hint` is called from that thread when something was told and nothing was waiting to be
    taken, for quotes alone once a second at most; it must not block. `trouble` is None while the
    stream is subscribed, else why it is not. Refused keys (402), a plan without this feed (409) and
    a connection that stays taken (406) are told once; the stream then rests until new keys are
    given.
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
        self._url, self._keys, self._channels = url, (key, secret), Channels(list(symbols))
        self._on_hint, self._patience = on_hint, patience
        self._is_open = is_open or in_session
        self._told: list[Told] = []
        self._quotes: dict[str, Message] = {}
        self._quote_hint: asyncio.TimerHandle | None = None
        self._quotes_hinted_at = -_BETWEEN_QUOTE_HINTS
        self._lock = Lock()
        self._taken = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None
        self._renewed: asyncio.Event | None = None
        self._up = Event()
        self._thread = Thread(target=self._run, name="market-data", daemon=True)

    def told(self) -> Sequence[Told]:
        """What was told since the last call, oldest first; then the newest quote of each symbol."""
        with self._lock:
            told, self._told = self._told, []
            quotes, self._quotes = self._quotes, {}
        # Of the hundreds that a second may have, only these are worth reading.
        newest = (read(message) for message in quotes.values())
        return [*told, *(quote for quote in newest if quote is not None)]

    def take(self, key: str, secret: str) -> None:
        """Greet with these keys at the next connection, which a resting stream tries at once."""
        self._keys = (key, secret)
        if self._loop is not None and self._renewed is not None:
            # RuntimeError: the loop has ended by itself meanwhile.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._renewed.set)

    def follow(self, symbols: Sequence[str]) -> None:
        """Listen to these symbols from now on; a connection that stands is told at once."""
        self._channels.symbols = list(symbols)
        self._change()

    def watch(self, symbols: Sequence[str]) -> None:
        """Listen to quotes of these symbols, and no others, in the same way."""
        self._channels.watched = list(symbols)
        self._change()

    def _change(self) -> None:
        """A connection that is lost or not there yet asks for the new ones when it is there."""
        if self._loop is not None and self._socket is not None:
            with suppress(RuntimeError):
                asyncio.run_coroutine_threadsafe(self._ask_for_changes(), self._loop)

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
                    await self._listen(socket)
            except (OSError, ValueError, WebSocketException, Refused, Unavailable) as error:
                code = code_of(error)
                self._socket = None
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
        """Log in and subscribe. Raises Refused, TimeoutError, Unavailable."""
        key, secret = self._keys
        async with asyncio.timeout(_SECONDS_TO_GREET):
            await _hear(socket, "connected")
            await socket.send(json.dumps({"action": "auth", "key": key, "secret": secret}))
            await _hear(socket, "authenticated")
            self._channels.begin()
            await self._ask(socket, (BARS,))
            await _hear(socket, "subscription")
            self._channels.answered(None)
        self._socket = socket
        await self._ask(socket)
        self._fares(None)

    async def _ask_for_changes(self) -> None:
        with suppress(OSError, WebSocketException):
            if self._socket is not None:
                await self._ask(self._socket)

    async def _ask(self, socket: ClientConnection, groups: Sequence[Group] = EVERY) -> None:
        for request in self._channels.requests(groups):
            await socket.send(request)

    async def _listen(self, socket: ClientConnection) -> None:
        """Take messages until the connection ends or tells no bar for too long (Unavailable)."""
        loop = asyncio.get_running_loop()
        pause = min(_LOOK, self._patience / 4)
        bar_at = heard_at = looked_at = loop.time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(looked_at + pause):
                    frame = await socket.recv()
                    heard_at = loop.time()
                    bar_at = heard_at if self._take(messages(frame)) else bar_at
            if loop.time() < looked_at + pause:
                continue
            looked_at = loop.time()
            if not self._is_open(datetime.now(UTC)):
                bar_at = looked_at
            elif looked_at - bar_at > self._patience:
                # Quotes alone are signs of life, but bars are what we are here for.
                also = "" if heard_at <= bar_at else ", though it tells other things"
                raise Unavailable(f"no bar for {self._patience:g} s{also}: connecting anew")

    def _take(self, told: Sequence[Message]) -> bool:
        """Keep what is told; whether there were bars. Raises Refused, Unavailable."""
        kept: list[Told] = []
        quotes: dict[str, Message] = {}
        for message in told:
            if message.get("T") == QUOTE:
                quotes[str(message.get("S"))] = message
                continue
            refused = refusal(message)
            if refused is not None or message.get("T") == "subscription":
                self._channels.answered(refused)
            if (each := read(message)) is not None:
                kept.append(each)
        with self._lock:
            first = not self._told
            if kept:
                self._told = [*self._told, *kept][-_MOST_KEPT:]
            self._quotes |= quotes
        if kept and first:
            self._on_hint()
        if quotes and self._quote_hint is None:
            loop = asyncio.get_running_loop()
            due = max(loop.time(), self._quotes_hinted_at + _BETWEEN_QUOTE_HINTS)
            self._quote_hint = loop.call_at(due, self._hint_of_quotes)
        return any(isinstance(each, ToldBar) for each in kept)

    def _hint_of_quotes(self) -> None:
        """One for all that came within a second; none if they were taken meanwhile."""
        self._quote_hint, self._quotes_hinted_at = None, asyncio.get_running_loop().time()
        if self._quotes:
            self._on_hint()

    def _fares(self, trouble: str | None) -> None:
        before, self.trouble = self.trouble, trouble
        if trouble is None:
            _log.info("market data: subscribed to %s", ", ".join(self._channels.symbols))
        elif trouble not in (before, _STOPPED):
            _log.warning("market data: %s; polling goes on without it", trouble)


def in_session(now: datetime) -> bool:
    """Whether a regular session is on: bars are to be expected."""
    session = session_on(new_york_date(now))
    return session is not None and session.open + _MINUTE <= now < session.close


async def _hear(socket: ClientConnection, word: str) -> None:
    """Wait for that answer, by its message or type. Raise Refused, Unavailable."""
    while True:
        for message in messages(await socket.recv()):
            if (refused := refusal(message)) is not None:
                raise refused
            if word in (message.get("msg"), message.get("T")):
                return
