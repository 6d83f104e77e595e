"""The wall clock, and a nap that signals and order updates can end."""

from datetime import UTC, datetime
from queue import Empty, SimpleQueue

from magellan_core.ports import Woken


class WallClock:
    """ports.Clock in real time. Signal handlers and the update stream put words into `inbox`."""

    def __init__(self) -> None:
        self.inbox: SimpleQueue[Woken] = SimpleQueue()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, until: datetime, *, wake_on_update: bool) -> Woken:
        """Nap until then. An update ends the nap only if asked for; signals always do."""
        while True:
            left = (until - self.now()).total_seconds()
            if left <= 0:
                return self._signal() or Woken.TIME
            try:
                woken = self.inbox.get(timeout=left)
            except Empty:
                return Woken.TIME
            if woken is not Woken.UPDATE or wake_on_update:
                return woken

    def _signal(self) -> Woken | None:
        """A signal that came while the tick ran long."""
        while True:
            try:
                woken = self.inbox.get_nowait()
            except Empty:
                return None
            if woken is not Woken.UPDATE:
                return woken

    def leave(self) -> None:
        """Nobody waits for us in real time."""
