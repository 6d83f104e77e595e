"""The clock a daemon lives by, with the order updates and market data that end its naps."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any, Protocol

from magellan_core.alpaca.data_stream import BarHints
from magellan_core.alpaca.stream import UpdateHints
from magellan_core.connections import Connections
from magellan_core.engine.engine import Engine
from magellan_core.engine.words import Report
from magellan_core.keyring import KeyRing
from magellan_core.paper.clock import ExchangeClock
from magellan_core.ports import Clock, Woken
from magellan_core.process.clock import WallClock


class DaemonClock(Clock, Protocol):
    """A clock that signals can end, and that tells its exchange, if any, that we are gone."""

    @property
    def inbox(self) -> SimpleQueue[Any]:
        """Takes Woken.STOP and Woken.RELOAD at any moment, from a signal handler too."""
        ...

    def leave(self) -> None: ...


def open_clock(
    strategy: str,
    exchange: str | None,
    stream_url: str,
    ring: KeyRing,
    stack: ExitStack,
) -> DaemonClock:
    """Follow the paper exchange's clock, or the wall's. `stack` ends what is started here.

    The stream of order updates is a hint that ends a nap early; polling is the truth.
    """
    clock: ExchangeClock | WallClock
    if exchange is not None:
        stepped = ExchangeClock(exchange, strategy, stream=True)
        # The exchange's own wait tells of updates; the stream is drained to keep runs equal.
        hints = UpdateHints(stream_url, ring.keys.key, ring.keys.secret, on_hint=_nothing)
        stepped.drain = hints.drain
        clock = stepped
    else:
        wall = WallClock()

        def hint(_frame: int) -> None:
            wall.inbox.put(Woken.UPDATE)

        hints = UpdateHints(stream_url, ring.keys.key, ring.keys.secret, on_hint=hint)
        clock = wall
    ring.give(hints.take)
    hints.start()
    stack.callback(hints.stop)
    stack.callback(clock.leave)
    return clock


def open_bar_hints(
    engine: Engine, clock: DaemonClock, connections: Connections, stack: ExitStack
) -> None:
    """Let the market data stream, where the configuration wants it, end naps; `stack` ends it.

    Not in stepped time: what is heard there would depend on a socket's timing.
    """
    url, ring = connections.bar_stream_url, connections.ring
    if url is None or (isinstance(clock, ExchangeClock) and clock.steps()):
        return

    def hint() -> None:
        clock.inbox.put(Woken.BARS)

    hints = BarHints(url, ring.keys.key, ring.keys.secret, engine.symbols, hint)
    engine.feed.news.source = hints
    ring.give(hints.take)
    hints.start()
    stack.callback(hints.stop)


def nap(
    engine: Engine, clock: DaemonClock, report: Report, chores: Sequence[Callable[[float], None]]
) -> Woken:
    """Wait for what the report asks for; news of the market end it only if worth a tick.

    First the chores, for which nothing need wait now; each is told the seconds that are idle.
    """
    for chore in chores:
        chore((report.next_at - clock.now()).total_seconds())
    while True:
        woken = clock.wait(report.next_at, wake_on_update=report.watching)
        if woken is not Woken.BARS or engine.feed.promised():
            return woken


def _nothing(_frame: int) -> None:
    """The exchange wakes us itself."""
