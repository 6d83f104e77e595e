"""Time that moves on in a thread, so that a frame of the data stream can be first to end a nap."""

import time
from contextlib import ExitStack
from datetime import datetime
from queue import SimpleQueue
from threading import Thread

from benchmarks.floor import ACCOUNT, names
from magellan_core.alpaca.data_stream import BarHints
from magellan_core.environment import bar_stream_url_of
from magellan_core.market_hours import Session
from magellan_core.paper.clock import ExchangeClock


class Ahead:
    """Moves time on in a thread, so that a frame of the stream can be first to end the nap."""

    def __init__(self, clock: ExchangeClock, url: str, symbols: int, stack: ExitStack) -> None:
        self._clock, self._inbox = clock, SimpleQueue[str]()
        self._mover: Thread | None = None
        stream = bar_stream_url_of(url, "sip")
        hints = BarHints(
            stream, ACCOUNT.key, ACCOUNT.secret, names(symbols), lambda: self._inbox.put("bars")
        )
        self._hints = hints
        hints.start()
        stack.callback(hints.stop)
        for _ in range(500):
            if hints.trouble is None:
                return
            time.sleep(0.02)
        raise TimeoutError(f"the stream did not come up: {hints.trouble}")

    def nap(self, until: datetime, session: Session, *, wake: bool) -> datetime:
        """Until then, or, where a minute ends then, until its bars are told of."""

        def move() -> None:
            self._clock.wait(until, wake_on_update=wake)
            self._inbox.put("time")

        mover = Thread(target=move)
        mover.start()
        bars = until.second == 0 and session.open < until <= session.close
        word = self._inbox.get(timeout=30)
        self._hints.told()
        if word == "bars":
            self._mover = mover
            return until
        mover.join()
        if bars and self._clock.now() == until:
            self._inbox.get(timeout=30)
            self._hints.told()
        return self._clock.now()

    def join(self) -> None:
        """The exchange's own answer to a nap that the stream ended."""
        mover, self._mover = self._mover, None
        if mover is not None:
            mover.join()
            self._inbox.get(timeout=30)
