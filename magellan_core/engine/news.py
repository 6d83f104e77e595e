"""What a stream tells of bars: a hint that makes polling early, or a line on what came too late.

LAW: nothing is decided from it. A bar that was decided on stays as it was decided on; what is told
of it afterwards is put on record as seen.
"""

from collections.abc import Mapping
from datetime import datetime

from magellan_core.engine.ledger import Ledger
from magellan_core.lines import Event, Line, bar_data, line
from magellan_core.model import Bar
from magellan_core.ports import BarNews, ToldBar

_KEPT = 30  # bars a symbol: what is revised is revised within a minute


class News:
    """Compares what is told with what was used. `source` None: there is no stream."""

    def __init__(self, ledger: Ledger) -> None:
        self.source: BarNews | None = None
        self._ledger = ledger
        self._used: dict[str, dict[datetime, Bar]] = {}
        self._heard: list[ToldBar] = []

    def used(self, bar: Bar) -> None:
        """Remember the bar as it was warmed up or decided on."""
        bars = self._used.get(bar.symbol)
        if bars is None:
            bars = self._used[bar.symbol] = {}
        bars[bar.start] = bar
        if len(bars) > _KEPT:
            del bars[next(iter(bars))]  # the one taken in first; bars come oldest first

    def promises(self, cursor: Mapping[str, datetime]) -> bool:
        """Whether a bar beyond its symbol's cursor is said to be there: asking would get it."""
        if self.source is not None:
            self._heard += [each for each in self.source.told() if each.bar.symbol in cursor]
        return any(each.bar.end > cursor[each.bar.symbol] for each in self._heard)

    def hear(self, now: datetime, cursor: Mapping[str, datetime]) -> bool:
        """Put on record what came too late; whether a bar beyond a cursor is said to be there."""
        promised = self.promises(cursor)
        told, self._heard = self._heard, []
        self._ledger.write(
            *[
                event
                for each in told
                if each.bar.end <= cursor[each.bar.symbol]
                and (event := self._too_late(each, now)) is not None
            ]
        )
        return promised

    def _too_late(self, told: ToldBar, now: datetime) -> Event | None:
        """The line on a bar whose time to be decided on is over; None: it says nothing new."""
        bars = self._used.get(told.bar.symbol, {})
        if bars and told.bar.start < min(bars):
            return None  # older than what is remembered
        used = bars.get(told.bar.start)
        if used == told.bar:
            return None
        return line(
            now,
            Line.BAR_SEEN,
            told.bar.symbol,
            informative=True,
            what="late" if used is None else "revised",
            **bar_data(told.bar),
            used=None if used is None else bar_data(used),
        )
