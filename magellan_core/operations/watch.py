"""The dashboard beside a run: a live picture on a terminal, a short one at each look elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live

from magellan_core.market_hours import label, new_york
from magellan_core.operations.dashboard import dashboard
from magellan_core.operations.looks import Snapshot
from magellan_core.operations.snapshot import Lookout
from magellan_core.operations.stations import Station

COMPACT = 25


class Watch:
    """Shows stations whenever told to look. `live`: on a terminal, worth looking often."""

    def __init__(
        self,
        console: Console,
        stations: Sequence[Station],
        *,
        whole_screen: bool = False,
        wall: Callable[[], datetime] | None = None,
    ) -> None:
        """`whole_screen`: an operator's own, who can press keys.

        `wall`: the host's time, where `look` is told an exchange's; systemd lives by it.
        """
        self.console, self.lookout = console, Lookout(stations, wall)
        self.latest: Snapshot | None = None
        self._keys = whole_screen
        self.live = console.is_terminal
        self._display = (
            Live(
                console=console,
                auto_refresh=False,
                screen=whole_screen,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            if self.live
            else None
        )

    def __enter__(self) -> Self:
        if self._display is not None:
            self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._display is not None:
            self._display.stop()

    def look(self, now: datetime, title: str = "", only: str | None = None) -> Snapshot:
        """Show how things are at `now`. Raise DataError beyond the session table."""
        self.latest = self.lookout.take(now)
        self.show(title, only)
        return self.latest

    def show(self, title: str = "", only: str | None = None, *, paused: bool = False) -> None:
        """Draw the latest look again, of one strategy alone if named."""
        if self.latest is None:
            return
        if paused:
            at = self.latest.at
            title = f"PAUSED (p goes on)  {new_york(at):%a %Y-%m-%d} {label(at)}"
        snapshot = self.latest if only is None else alone(self.latest, only)
        if self._display is not None:
            # The last row stays free, or the terminal would scroll.
            height = max(self.console.height - 1, 1)
            drawn: Group = dashboard(snapshot, self.console.width, height, title, keys=self._keys)
            self._display.update(drawn, refresh=True)
        else:
            self.console.print(dashboard(snapshot, self.console.width, COMPACT - 1, title))
            self.console.print()


def alone(snapshot: Snapshot, strategy: str) -> Snapshot:
    """The snapshot with one strategy; the money above it stays everybody's."""
    kept = tuple(s for s in snapshot.strategies if s.name == strategy)
    return replace(snapshot, strategies=kept)
