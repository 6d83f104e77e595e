"""A daemon's start: recover, then look after what is held for as long as first data is missing.

Ready is only who has asked the broker and has bars. Until then exits, halts and nothing else.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from magellan_core.clocks import DaemonClock
from magellan_core.connections import Connections
from magellan_core.engine.engine import Engine
from magellan_core.engine.outages import DATA
from magellan_core.errors import DataUnavailable, Unavailable
from magellan_core.lives import Lives
from magellan_core.ports import Broker, Woken
from magellan_core.process.logs import log
from magellan_core.process.notify import Notifier

BETWEEN_TRIES = timedelta(seconds=5)
START_EXTENSION = timedelta(seconds=60)


class Starting:
    """One start, tried again and again; `patience` is how long nothing at all may work."""

    def __init__(
        self,
        engine: Engine,
        broker: Broker,
        connections: Connections,
        lives: Lives,
        notifier: Notifier,
        patience: timedelta,
    ) -> None:
        self.engine, self.broker, self.connections = engine, broker, connections
        self.lives, self.notifier, self.patience = lives, notifier, patience
        self._recovered = False

    def run(self, clock: DaemonClock, stopping: Callable[[], bool]) -> bool:
        """Until ready, or halted and flat; False: stopped meanwhile.

        Raise Unavailable when the patience is over; never while shares or orders are known of.
        """
        until = clock.now() + self.patience
        while not stopping():
            now = clock.now()
            try:
                self._try(clock)
            except Unavailable as fault:
                said = f"the broker cannot be asked yet: {fault}"
                if isinstance(fault, DataUnavailable):
                    said = f"market data cannot be asked yet: {fault}"
                log(logging.WARNING, "waiting", said)
                if now >= until and not self._in_charge():
                    raise
                self.notifier.extend_timeout(START_EXTENSION)
                self.notifier.status(said)
                again = now + BETWEEN_TRIES
                if not self._in_charge():
                    again = min(again, until)
                if clock.wait(again, wake_on_update=False) is Woken.STOP:
                    return False
                continue
            return True
        return False

    def _try(self, clock: DaemonClock) -> None:
        """Raise Unavailable while the engine is not ready."""
        engine, now = self.engine, clock.now()
        if not self._recovered:
            self.connections.check(self.broker.account())
            self.lives.begin(now)
            engine.recover(now, {})
            self._recovered = True
        else:
            report = engine.tick(now)
            if not report.finished and engine.ready and not engine.feed.primed:
                engine.prepare(now)
        if engine.halted_and_flat():
            return
        if (outage := engine.outages.current) is not None and not engine.ready:
            kind = DataUnavailable if outage.what == DATA else Unavailable
            raise kind(outage.why)
        if engine.active() and not engine.feed.primed:
            raise DataUnavailable(f"no bars of {', '.join(engine.symbols)} to warm up on")

    def _in_charge(self) -> bool:
        """Shares or orders are known of, and somebody must look after them."""
        return self._recovered and not self.engine.flat
