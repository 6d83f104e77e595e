"""The exchange as a running service: core, streams, fault switches and time under one roof."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from magellan_core.errors import ClockError, MagellanError
from magellan_core.paper.data_streams import DataStreams
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.faults import Faults
from magellan_core.paper.limits import RateLimit
from magellan_core.paper.orders import WAKEFUL
from magellan_core.paper.scaled import ScaledTime
from magellan_core.paper.sim import SteppedTime
from magellan_core.paper.streams import TradeUpdates

_SCALED_TICK = 0.02  # seconds of wall time between two looks at the clock, at most


@dataclass(frozen=True, slots=True)
class Stepped:
    """Stepped time. `roster`: member -> account number or None, in order, conductor first.

    `watchdog`: seconds of wall time that one member may hold time before the run is aborted.
    """

    roster: Mapping[str, str | None] = field(default_factory=lambda: {"conductor": None})
    watchdog: float = 30.0


@dataclass(frozen=True, slots=True)
class Scaled:
    """Time runs by itself, `speed` times as fast as the wall's."""

    speed: float
    members: Mapping[str, str | None] = field(default_factory=dict)


Mode = Stepped | Scaled


class Service:
    """All that the routes work on. Lives in one event loop; the core is never called elsewhere."""

    def __init__(self, exchange: Exchange, mode: Mode, rate_limit: int | None = None) -> None:
        self.exchange, self.mode = exchange, mode
        self.by_key = {spec.key: spec for spec in exchange.accounts}
        self.faults = Faults()
        self.updates = TradeUpdates(exchange.accounts, self.faults)
        self.data = DataStreams(exchange, self.faults)
        self.skew: dict[str, timedelta] = {}
        """How far a member's clock is ahead of the exchange's."""
        self.rate_limit = RateLimit(rate_limit) if rate_limit else None
        self.closing = asyncio.Event()
        self.started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.failure: MagellanError | None = None
        self.on_failure: Callable[[MagellanError], None] = lambda _: None
        if isinstance(mode, Stepped):
            self.time: SteppedTime | ScaledTime = SteppedTime(self, mode.roster)
        else:
            self.time = ScaledTime(self, mode.members)
        self.updates.on_listen = self.time.pump

    @property
    def speed(self) -> float | None:
        return self.mode.speed if isinstance(self.mode, Scaled) else None

    def now(self) -> datetime:
        return self.exchange.now

    def advance(self, limit: datetime, wake: frozenset[str]) -> frozenset[str]:
        """Step the core, deliver its updates; the accounts with an update worth waking for."""
        before = self.now()
        updates = self.exchange.step(limit, wake)
        self.updates.deliver(updates, self.now())
        self.data.tell(before, self.now())
        return frozenset(update.account for update in updates if update.event in WAKEFUL)

    def listening(self, account: str) -> bool:
        return self.updates.listening(account)

    def take_frames(self, account: str) -> tuple[int, int]:
        return self.updates.take_frames(account)

    def fail(self, error: MagellanError) -> None:
        """End the run: every wait is answered with the reason."""
        if self.failure is None:
            self.failure = error
            self.on_failure(error)
        self.close()

    def close(self) -> None:
        """Answer every wait and end every stream. In the event loop's thread only."""
        self.closing.set()
        self.updates.close()
        self.data.close()

    def close_from_outside(self) -> None:
        """As `close`, from another thread, once the service runs."""
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self.close)

    async def run(self) -> None:
        """What goes on beside the requests: time itself (scaled) or its watchdog (stepped)."""
        self._loop = asyncio.get_running_loop()
        self.started.set()
        if isinstance(self.time, SteppedTime):
            await self._watch(self.time)
        else:
            await self._flow(self.time)

    async def _watch(self, time: SteppedTime) -> None:
        patience = self.mode.watchdog if isinstance(self.mode, Stepped) else 0.0
        wall = asyncio.get_running_loop().time
        seen, since = None, wall()
        while not self.closing.is_set():
            await self._nap(min(1.0, patience / 4))
            culprit = time.holding()
            state = (time.progress, culprit.name, culprit.state) if culprit else None
            if state != seen or not time.waits():
                seen, since = state, wall()
            elif culprit is not None and wall() - since > patience:
                self.fail(
                    ClockError(
                        f"{culprit.name} ({culprit.state}) has held time at {self.now():%F %T} UTC "
                        f"for {patience:g} s: it crashed, hangs, or was never started"
                    )
                )

    async def _flow(self, time: ScaledTime) -> None:
        wall = asyncio.get_running_loop().time
        begun, start, speed = wall(), self.now(), self.speed or 1.0
        while not self.closing.is_set():
            target = start + timedelta(seconds=(wall() - begun) * speed)
            while self.now() < target:
                time.updated(self.advance(target, frozenset()))
            time.pump()
            wishes = [wish for wish in (time.next_wish(), self.exchange.next_event()) if wish]
            ahead = (min(wishes) - self.now()).total_seconds() / speed if wishes else _SCALED_TICK
            await self._nap(min(max(ahead, 0.001), _SCALED_TICK))

    async def _nap(self, seconds: float) -> None:
        """Sleep, or wake when the service closes."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.closing.wait(), seconds)
