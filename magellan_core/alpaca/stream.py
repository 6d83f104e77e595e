"""Trade updates as hints: "something of yours has changed, poll now".

LAW: nothing is ever decided from a hint, and no trouble of the stream reaches the daemon: what an
update said is asked again by REST, and a lost one only makes a poll come later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from signal import SIG_BLOCK, SIGABRT, pthread_sigmask
from threading import Condition, Event, Thread
from typing import Any

from alpaca.trading.stream import TradingStream
from websockets.exceptions import WebSocketException

_log = logging.getLogger(__name__)
# Its own account of each retry is a traceback; `UpdateHints` logs each new one, in a line.
logging.getLogger("alpaca.trading.stream").setLevel(logging.CRITICAL)

_SECONDS_TO_GREET = 15.0
_SECONDS_TO_STOP = 5.0
_STOPPED = "stopped"

# Replaces alpaca-py's, by which a dead peer goes unnoticed for 190 s.
_SOCKET = {
    "open_timeout": 10,
    "ping_interval": 10,
    "ping_timeout": 30,
    "close_timeout": 1,
    "max_queue": 64,
}


class _Stream(TradingStream):
    """alpaca-py's stream, which also ends a greeting that hangs and tells how it fares."""

    def __init__(self, url: str, key: str, secret: str, told: Callable[[str | None], None]) -> None:
        super().__init__(
            key, secret, raw_data=True, url_override=url, websocket_params=dict(_SOCKET)
        )
        self._told = told
        self._listens = False

    async def _start_ws(self) -> None:
        """Connect, authenticate, listen. Reports None once it listens, else what is wrong."""
        greet: Callable[[], Awaitable[None]] = super()._start_ws
        try:
            # alpaca-py waits for ever for the answer to the keys.
            async with asyncio.timeout(_SECONDS_TO_GREET):
                await greet()
        except (OSError, ValueError, TypeError, AttributeError, WebSocketException) as error:
            self._told(" ".join(str(error).split()) or type(error).__name__)
            raise
        self._listens = True
        self._told(None)

    def stopping(self) -> None:
        """The next close is meant."""
        self._listens = False

    async def close(self) -> None:
        if self._listens:
            self._listens = False
            self._told("the connection is lost")
        await super().close()


class UpdateHints:
    """The trade_updates stream of one account, in a daemon thread of its own.

    `on_hint(frame)` is called from that thread for each update, with the exchange's number of it,
    or our count where it sends none (Alpaca), and with the last number again after every
    (re)connection, since updates may have been missed. It must not block. `trouble` is None while
    the stream listens, else why it does not; it keeps trying, refused keys included: those end
    the daemon by way of REST.
    """

    def __init__(self, url: str, key: str, secret: str, on_hint: Callable[[int], None]) -> None:
        self.trouble: str | None = "not started"
        self._stream = _Stream(url, key, secret, self._fares)
        self._stream.subscribe_trade_updates(self._update)
        self._on_hint = on_hint
        self._seen = 0
        self._changed = Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: asyncio.Task[None] | None = None
        self._up = Event()
        self._thread = Thread(target=self._run, name="trade-updates", daemon=True)

    def take(self, key: str, secret: str) -> None:
        """Greet with these keys at the next connection."""
        self._stream._api_key, self._stream._secret_key = key, secret

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def drain(self, low: int, high: int, timeout: float = 10.0) -> None:
        """Wait until the update of that number has been read, so that the stream is quiet.

        For the exchange's stepped time, whose releases name the frames (`low`, `high`) on the
        current connection. Ends early if the connection is lost, as those frames then are.
        """
        with self._changed:
            done = self._changed.wait_for(
                lambda: self._seen >= high or self.trouble is not None, timeout
            )
        if not done:
            _log.warning("trade updates %d to %d did not come in %.0f s", low, high, timeout)

    def stop(self) -> None:
        """Close the connection and end the thread; may be called at any time, and again."""
        if not self._thread.is_alive():
            return
        self._up.wait(_SECONDS_TO_STOP)
        loop, running = self._loop, self._running
        if loop is not None and running is not None:
            # RuntimeError: the loop has ended by itself meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(running.cancel)
        self._thread.join(_SECONDS_TO_STOP)

    def _run(self) -> None:
        # The watchdog's SIGABRT is for the main thread, which then tells where it hangs.
        pthread_sigmask(SIG_BLOCK, {SIGABRT})
        with asyncio.Runner() as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        """alpaca-py's loop as a task: cancelling it is free of the pitfalls of its stop()."""
        self._loop = asyncio.get_running_loop()
        serve: Callable[[], Coroutine[None, None, None]] = self._stream._run_forever
        self._running = asyncio.create_task(serve())
        self._up.set()
        await asyncio.wait([self._running])
        if not self._running.cancelled() and (error := self._running.exception()) is not None:
            self._fares(f"{type(error).__name__}: {error}")
        self._stream.stopping()
        await self._stream.close()
        self._fares(_STOPPED)

    async def _update(self, message: Mapping[str, Any]) -> None:
        data = message.get("data")
        told = data.get("frame") if isinstance(data, Mapping) else None
        with self._changed:
            self._seen = told if isinstance(told, int) else self._seen + 1
            self._changed.notify_all()
        self._on_hint(self._seen)

    def _fares(self, trouble: str | None) -> None:
        with self._changed:
            before, self.trouble = self.trouble, trouble
            self._changed.notify_all()
        if trouble is None:
            _log.info("trade updates: listening")
            self._on_hint(self._seen)
        elif trouble not in (before, _STOPPED):
            _log.warning("trade updates: %s; polling goes on without them", trouble)
