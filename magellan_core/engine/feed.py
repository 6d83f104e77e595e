"""Completed bars, each once, oldest first; and the warm-up that a restart needs."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from magellan_core.engine.ledger import Ledger
from magellan_core.engine.news import News
from magellan_core.engine.source import bars_of, is_anchored
from magellan_core.errors import DataUnavailable, Unavailable
from magellan_core.market_hours import (
    Session,
    new_york_date,
    previous_session,
    session_on,
)
from magellan_core.model import Bar, DataNeeds, Timeframe
from magellan_core.ports import Alerts, Level, MarketData
from magellan_core.regular_hours import newest_anchored
from magellan_core.strategy import Strategy

EPOCH_OF = {
    # Sessions have 390 minutes, 16 hours, 1 day.
    Timeframe.MINUTE: lambda bars: timedelta(days=5 + bars // 390 * 2),
    Timeframe.HOUR: lambda bars: timedelta(days=7 + bars * 7 // (16 * 5)),
    Timeframe.DAY: lambda bars: timedelta(days=10 + bars * 3 // 2),
}

STALE_AFTER = timedelta(minutes=5)
BETWEEN_REFILLS = timedelta(minutes=5)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
LENGTH = {
    Timeframe.MINUTE: timedelta(minutes=1),
    Timeframe.HOUR: timedelta(hours=1),
    Timeframe.DAY: timedelta(days=1),
}


class Feed:
    """Owns the strategy's bars: what it has seen, and what it is still to see."""

    def __init__(
        self,
        make_strategy: Callable[[], Strategy],
        data: MarketData,
        ledger: Ledger,
        retries: Sequence[timedelta],
        alerts: Alerts | None = None,
        *,
        whole_history: bool = True,
    ) -> None:
        self.make_strategy, self.data, self.ledger = make_strategy, data, ledger
        self.strategy = make_strategy()
        self.retries, self.alerts = retries, alerts
        self.cursor: dict[str, datetime] = {}
        self.primed: set[str] = set()
        self.whole_history, self.short = whole_history, dict[str, int]()
        self._refill: datetime | None = None
        of_minutes = self.strategy.needs.timeframe is Timeframe.MINUTE
        self.news = News(ledger, alerts, of_minutes=of_minutes)
        self.expected: datetime | None = None
        self._asked: int = 0

    def rebuild(self, now: datetime, active: Collection[str]) -> None:
        """A fresh strategy, warmed by the bars before each symbol's cursor.

        Bars after the cursor are left for `poll`: they are decisions that were missed; but the
        first `least_bars` of a symbol always warm, and with fewer nothing of it is polled. Raise
        DataUnavailable, having changed nothing; also if nothing is told of an active symbol whose
        bars are on record: what was decided on them would be followed with indicators of nothing.
        """
        strategy, book = self.make_strategy(), self.ledger.book
        for symbol in sorted(book.positions.keys() - {*strategy.needs.symbols}):
            strategy.keep(symbol, book.memory.get(symbol, {}))
        needs = strategy.needs
        live_since = book.live_since or now
        cursor = {s: book.cursor.get(s, live_since) for s in needs.symbols}
        if needs.timeframe is Timeframe.MINUTE:
            # No decision of an earlier session can still be taken: its bars only warm.
            today = session_on(new_york_date(now))
            floor = now if today is None else min(now, today.open)
            cursor = {s: max(at, floor) for s, at in cursor.items()}
        start = min(cursor.values()) - history_of(needs)
        history = self._ask(needs.symbols, start, now)
        for symbol in active:
            if book.cursor.get(symbol, start) > start and not history.get(symbol):
                raise DataUnavailable(
                    f"no bars of {symbol} to warm up on, which it had before: asked again soon"
                )
        self.short, self._refill = self._too_short(history), now + BETWEEN_REFILLS
        least = needs.least_bars if self.whole_history else 0
        for symbol in needs.symbols if least else ():
            if symbol not in self.short:
                cursor[symbol] = max(cursor[symbol], history[symbol][least - 1].end)
        for symbol in needs.symbols:
            bars = [b for b in history.get(symbol, ()) if b.end <= cursor[symbol]]
            for bar in bars:
                strategy.warm(bar)
                self.news.used(bar)
            if symbol in book.memory:
                strategy.recall(symbol, book.memory[symbol])
        self.primed = {symbol for symbol, bars in history.items() if bars}
        self.strategy, self.cursor = strategy, cursor
        self.expected, self._asked = None, 0

    def _too_short(self, history: Mapping[str, Sequence[Bar]]) -> dict[str, int]:
        """Symbols that have fewer bars than decisions need, with how many they have."""
        needs = self.strategy.needs
        if not self.whole_history:
            return {}
        told = {symbol: len(history.get(symbol, ())) for symbol in needs.symbols}
        return {symbol: n for symbol, n in told.items() if n < needs.least_bars}

    def tell_of_short(self, active: Collection[str], today: date) -> None:
        """Say aloud which symbols have too few bars to decide on."""
        least = self.strategy.needs.least_bars
        for symbol in active:
            if symbol in self.short and self.alerts is not None:
                self.alerts.alert(
                    Level.WARNING,
                    f"history-{symbol}-{today}",
                    f"{symbol} has {self.short[symbol]} of the {least} bars that its indicators "
                    "need: nothing of it is decided; its history is asked for again",
                )

    def keep(self) -> bool:
        """Have held symbols managed that are not configured; True: some are new, without bars."""
        book, managed = self.ledger.book, self.strategy.needs.symbols
        new = [symbol for symbol in book.positions if symbol not in managed]
        for symbol in new:
            self.strategy.keep(symbol, book.memory.get(symbol, {}))
            if self.alerts is not None:
                self.alerts.alert(
                    Level.CRITICAL,
                    f"unconfigured-{symbol}",
                    f"{symbol} is held but not among the configured symbols: its exits go on by "
                    "the rules, it takes no entries; put it back, or close it",
                )
        return bool(new)

    def refilled(self, now: datetime) -> bool:
        """Ask for the short histories again; True: one is long enough now. Raise Unavailable."""
        if not self.short or self._refill is None or now < self._refill:
            return False
        self._refill, needs = now + BETWEEN_REFILLS, self.strategy.needs
        told = self._ask(tuple(self.short), now - history_of(needs), now)
        return any(len(told.get(symbol, ())) >= needs.least_bars for symbol in self.short)

    def keep_open(self, active: Sequence[str]) -> None:
        """Ask for next to nothing: a connection idle since the bar before may be closed by now,
        and would have to be opened between the next bar and its order."""
        with suppress(Unavailable):
            self.data.quotes(active[:1])

    def poll(
        self, now: datetime, session: Session | None, due: bool, active: Collection[str]
    ) -> list[Bar]:
        """New bars since each symbol's cursor, oldest first. Raise DataUnavailable."""
        if due or self.strategy.needs.timeframe is Timeframe.MINUTE:
            needs = self.strategy.needs
            expected = newest_end(needs, now, session)
            if expected != self.expected:
                self.expected, self._asked = expected, 0
        timed = self._time_to_ask(now, active)
        hinted = self.news.hear(now, self.cursor) and self.missing(active)
        if not (timed or hinted):
            return []
        wanted = [s for s in active if self._lacks(s)]
        if not wanted:
            self._asked += timed
            return []
        needs = self.strategy.needs
        # A bar that was under way at the cursor counts too: its end comes after it.
        start = min(self.cursor[s] for s in wanted)
        if needs.timeframe is Timeframe.MINUTE:
            start = start.replace(second=0, microsecond=0)
        else:
            start -= LENGTH[needs.timeframe]
        answer = self._ask(wanted, start, now)
        # Only an answer counts as having asked: after an outage the bars are still wanted.
        self._asked += timed
        fresh = [
            b
            for s in wanted
            for b in answer.get(s, ())
            if self.expected is not None and self.cursor[s] < b.end <= self.expected
        ]
        if self._asked > len(self.retries) and not fresh:
            self._tell_if_stale(active, session)
        fresh.sort(key=lambda b: (b.end, b.symbol))
        for bar in fresh:
            self.cursor[bar.symbol] = bar.end
            self.news.used(bar)
        return fresh

    def _ask(
        self, symbols: Sequence[str], start: datetime, now: datetime
    ) -> Mapping[str, Sequence[Bar]]:
        try:
            return bars_of(self.data, self.strategy.needs, symbols, start, now)
        except Unavailable as fault:
            raise DataUnavailable(str(fault)) from fault

    def _tell_if_stale(self, active: Collection[str], session: Session | None) -> None:
        """One symbol without a bar is no stale feed: only when none has had one for a while."""
        if session is None or self.expected is None or self.expected <= session.open:
            return
        newest = max(session.open, *(self.cursor[s] for s in active))
        patience = max(LENGTH[self.strategy.needs.timeframe], STALE_AFTER)
        if self.alerts is not None and self.expected - newest >= patience:
            self.alerts.alert(
                Level.WARNING,
                "feed-stale",
                f"no symbol has had a bar since {newest:%Y-%m-%d %H:%M} UTC: no entries until then",
            )

    def promised(self) -> bool:
        """Whether the stream says of a bar that was not seen yet, or else what is worth a tick."""
        return self.news.promises(self.cursor)

    def _time_to_ask(self, now: datetime, active: Collection[str]) -> bool:
        """At once when a bar is due, then after each retry delay while a symbol lacks it."""
        if self.expected is None or self._asked > len(self.retries):
            return False
        if self._asked == 0:
            return True
        return self.missing(active) and now >= self.expected + self.retries[self._asked - 1]

    def missing(self, active: Collection[str]) -> bool:
        """Some active symbol has no bar for the newest end yet."""
        return any(self._lacks(s) for s in active)

    def waits(self, active: Collection[str]) -> bool:
        """A bar that should be there is missing, and will be asked for again."""
        return self._asked <= len(self.retries) and self.missing(active)

    def _lacks(self, symbol: str) -> bool:
        if self.expected is None or symbol in self.short:
            return False
        return self.cursor.get(symbol, LONG_AGO) < self.expected

    def next_ask(
        self, now: datetime, session: Session | None, active: Collection[str]
    ) -> datetime | None:
        """When `poll` next has a reason of its own to be called."""
        if self.expected is not None and self.waits(active) and self._asked:
            return self.expected + self.retries[self._asked - 1]
        if self.strategy.needs.timeframe is not Timeframe.MINUTE or session is None:
            return None
        following = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        following = max(following, session.open + timedelta(minutes=1))
        return following if following <= session.close else None


def history_of(needs: DataNeeds) -> timedelta:
    """Calendar time that surely holds the warm-up."""
    if is_anchored(needs):
        # Seven bars a session, four on a half day.
        return timedelta(days=14 + needs.warmup_bars * 7 // (6 * 5))
    return EPOCH_OF[needs.timeframe](needs.warmup_bars)


def newest_end(needs: DataNeeds, now: datetime, session: Session | None) -> datetime | None:
    """The end of the newest bar that can be complete now; None: none of today yet."""
    if is_anchored(needs):
        return newest_anchored(now, session)
    match needs.timeframe:
        case Timeframe.MINUTE:
            if session is None or now <= session.open:
                return None
            return min(now.replace(second=0, microsecond=0), session.close)
        case Timeframe.HOUR:
            return now.replace(minute=0, second=0, microsecond=0)
        case Timeframe.DAY:
            if session is not None and now >= session.close + needs.ready_after:
                return session.close
            return previous_session(new_york_date(now)).close


def preparation(session: Session) -> datetime:
    """When a session's preparations begin: early enough to tell of trouble before the open."""
    return session.open - timedelta(hours=1)
