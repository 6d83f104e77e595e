"""What a stream tells: hints that make polling early, halts, and lines on what came too late.

LAW: nothing is decided from it. A bar that was decided on stays as it was decided on; what is told
of it afterwards is put on record as seen. A halt only keeps entries back.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from magellan_core.engine.ledger import Ledger
from magellan_core.engine.told_halts import ToldHalts
from magellan_core.engine.waiting import Waiting
from magellan_core.lines import Event, Line, bar_data, line
from magellan_core.model import Bar, Enter, Intent, Quote
from magellan_core.ports import Alerts, BarNews, ToldBar, ToldStatus

_KEPT = 30  # bars a symbol: what is revised is revised within a minute
MOST_WATCHED = 30  # what Alpaca's free plan tells quotes of


class News:
    """Compares what is told with what was used. `source` None: there is no stream.

    `of_minutes`: the strategy's bars are those that a stream tells.
    """

    def __init__(
        self, ledger: Ledger, alerts: Alerts | None = None, *, of_minutes: bool = True
    ) -> None:
        self.source: BarNews | None = None
        self._of_minutes = of_minutes
        self.halts, self.waiting = ToldHalts(ledger, alerts), Waiting()
        self._ledger = ledger
        self._used: dict[str, dict[datetime, Bar]] = {}
        self._bars: list[ToldBar] = []
        self._statuses: list[ToldStatus] = []
        self._watched: Sequence[str] = ()

    def used(self, bar: Bar) -> None:
        """Remember the bar as it was warmed up or decided on."""
        self.halts.traded(bar)
        bars = self._used.get(bar.symbol)
        if bars is None:
            bars = self._used[bar.symbol] = {}
        bars[bar.start] = bar
        if len(bars) > _KEPT:
            del bars[next(iter(bars))]  # the one taken in first; bars come oldest first

    def promises(self, cursor: Mapping[str, datetime]) -> bool:
        """Whether a tick is worth its while now, by what was told since this was asked last.

        So it is for a bar beyond its symbol's cursor, which asking would get, for a halt or its
        end, and for a quote that would do for an entry that was refused. The tick hears all of it,
        whenever it comes.
        """
        bars, statuses, quotes = self._listen(cursor)
        return (
            _any_beyond(bars, cursor)
            or any(told.halted is not None for told in statuses)
            or any(self.waiting.would_do(quote) for quote in quotes)
        )

    def hear(self, now: datetime, cursor: Mapping[str, datetime]) -> bool:
        """Put on record halts, and what came too late; whether a bar beyond a cursor is there."""
        self._listen(cursor)
        bars, self._bars = self._bars, []
        statuses, self._statuses = self._statuses, []
        for told in statuses:
            self.halts.hear(told, now)
        self.halts.settle(now)
        self._ledger.write(
            *[
                event
                for each in bars
                if each.bar.end <= cursor[each.bar.symbol]
                and (event := self._too_late(each, now)) is not None
            ]
        )
        return _any_beyond(bars, cursor)

    def _listen(
        self, cursor: Mapping[str, datetime]
    ) -> tuple[Sequence[ToldBar], Sequence[ToldStatus], Sequence[Quote]]:
        """Keep what was told since this was called last, and return it; quotes are not kept."""
        told = () if self.source is None else self.source.told()
        bars = [t for t in told if isinstance(t, ToldBar) and t.bar.symbol in cursor]
        if not self._of_minutes:
            # REST's next bar may be a day away: what the stream forbids, its own bars allow again.
            for each in bars:
                self.halts.traded(each.bar)
            bars = []
        statuses = [t for t in told if isinstance(t, ToldStatus) and t.symbol in cursor]
        self._bars += bars
        self._statuses += statuses
        return bars, statuses, [t for t in told if isinstance(t, Quote)]

    def look_at(self, in_play: Sequence[str], pending: Mapping[str, Intent]) -> Sequence[str]:
        """Have quotes told of the symbols that may be bought soon, entries that wait first.

        Returns these symbols, each once.
        """
        entries = [s for s, intent in pending.items() if isinstance(intent, Enter)]
        wanted = [*dict.fromkeys([*entries, *in_play])][:MOST_WATCHED]
        if self.source is not None:
            self.waiting.keep(pending)
            if {*wanted} != {*self._watched}:
                self._watched = wanted
                self.source.watch(wanted)
        return wanted

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


def _any_beyond(bars: Sequence[ToldBar], cursor: Mapping[str, datetime]) -> bool:
    return any(each.bar.end > cursor[each.bar.symbol] for each in bars)
