"""One symbol on an account of its own: the strategy object, bar by bar, fills by a policy.

A bar is lived in this order: what was decided before fills at its open; what time makes due is
asked of the strategy and fills there too; stops, then targets, are met inside it; then the strategy
sees it complete. The quiet bar (nothing held, nothing due) costs one call of the strategy.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from magellan_core.backtest.account import Lot, SymbolAccount
from magellan_core.backtest.bars import stretches
from magellan_core.backtest.curve import Curve
from magellan_core.backtest.fills import FillPolicy
from magellan_core.backtest.judge import Judge
from magellan_core.backtest.result import AccountRun
from magellan_core.market_hours import Session
from magellan_core.model import Bar, Enter, Exit, Intent, MoveStop, Timeframe
from magellan_core.paper.market_series import Series, instant, micros
from magellan_core.prices import to_decimal
from magellan_core.strategy import Strategy, View

NEVER = datetime.max.replace(tzinfo=UTC)
ALWAYS = datetime.min.replace(tzinfo=UTC)
NO_ONE: frozenset[str] = frozenset()
_TUPLE = tuple.__new__


@dataclass(frozen=True, slots=True)
class Terms:
    """What an account starts from. `cost` is a fraction of notional a side.

    No decision on the first `warmup_bars` bars of the data, nor on any that starts before
    `first`: those warm the indicators.
    """

    capital: Decimal
    cost: Decimal
    policy: FillPolicy
    warmup_bars: int
    first: datetime


class SymbolRun:
    """Drives one strategy object over one symbol's bars."""

    def __init__(self, strategy: Strategy, series: Series, terms: Terms, judge: Judge) -> None:
        self.strategy, self.series, self.terms, self.judge = strategy, series, terms, judge
        self.symbol = series.symbol
        self.policy = terms.policy
        self.daily = strategy.needs.timeframe is Timeframe.DAY
        self.account = SymbolAccount(self.symbol, terms.capital, terms.cost)
        self.view = View(
            now=ALWAYS,
            session=None,
            equity=terms.capital,
            live_since=ALWAYS,
            holdings={},
            pending={},
            last_exit={},
            busy=NO_ONE,
        )
        self.waiting: tuple[datetime, Session | None, Sequence[Intent]] | None = None
        self.before = ALWAYS
        self.signals: list[datetime] = []

    def run(self) -> AccountRun:
        """All bars, then what is still held is sold at the last close."""
        series, strategy, view = self.series, self.strategy, self.view
        account, on_bar = self.account, strategy.on_bar
        ends, values = array("q"), array("d")
        add = values.append
        closes: list[tuple[datetime, float]] = []
        cash, due, seen = float(account.cash), ALWAYS, 0
        warmup, first = self.terms.warmup_bars, bisect_left(series.starts, micros(self.terms.first))
        bar: Bar | None = None
        for session, rows in stretches(
            series, strategy.needs.timeframe, strategy.needs.extended_hours
        ):
            begin = max(rows.start, first, rows.start + warmup - seen)
            live = range(min(begin, rows.stop), rows.stop)
            for early in bars_of(series, range(rows.start, live.start)):
                strategy.warm(early)
            seen += len(rows)
            if not live:
                continue
            view.session = session
            account.new_day(None if bar is None else to_decimal(bar.close))
            ends.extend(series.ends[live.start : live.stop])
            left = len(live)
            for bar in bars_of(series, live):
                left -= 1
                held = account.lot
                # Brackets meet every bar; without them nothing happens before the strategy's time.
                if (
                    (held is not None and held.parts)
                    or self.waiting is not None
                    or bar.start >= due
                ):
                    view.now = bar.start
                    self._live_through(bar, last=left == 0)
                    due = strategy.next_due(view) or NEVER
                    cash = float(account.cash)
                view.now = bar.end
                intents = on_bar(bar, view)
                if intents:
                    self._decide(intents, bar, last=left == 0)
                    cash = float(account.cash)
                self.before = bar.start
                lot = account.lot
                add(cash if lot is None else cash + lot.qty * bar.close)
            if bar is not None:
                closes.append((bar.end, bar.close))
        if account.lot is not None and bar is not None:
            at = self._stamp(bar)
            account.sell_all(account.lot, to_decimal(bar.close), at, "close", "end_of_data")
        return AccountRun(
            name=self.symbol,
            symbols=(self.symbol,),
            capital=self.terms.capital,
            trades=tuple(account.trades),
            signal_times=tuple(self.signals),
            equity=Curve(ends, values),
            final=account.cash,
            bars=len(values),
            costs=account.costs,
            closes={self.symbol: closes},
        )

    def _live_through(self, bar: Bar, *, last: bool) -> None:
        """The open of a bar, and the way through it."""
        held = self.account.lot
        if self.waiting is not None:
            signal, session, intents = self.waiting
            self.waiting = None
            for intent in intents:
                self._fill_at_open(intent, bar, signal, session)
        # Time closes nothing on the bar of the entry itself.
        if self.account.lot is held:
            for intent in self.strategy.on_time(self.view):
                if not isinstance(intent, Enter) or self._may_enter(intent, self.before):
                    self._fill_at_open(intent, bar, self.before, self.view.session)
        lot = self.account.lot
        if lot is not None and lot.parts:
            self._meet(lot, bar)
            if last and lot.qty:
                self.account.sell_all(lot, to_decimal(bar.close), bar.start, "close", "session_end")
        self._show()

    def _fill_at_open(
        self, intent: Intent, bar: Bar, signal: datetime, session: Session | None
    ) -> None:
        lot, opened, at = self.account.lot, to_decimal(bar.open), self._stamp(bar)
        if isinstance(intent, Exit) and lot is not None:
            why, where = (intent.reason, "bar") if lot.parts else ("signal", "open")
            self.account.sell_all(lot, opened, at, where, why)
            self._show()
        elif isinstance(intent, MoveStop) and lot is not None:
            for part in lot.parts:
                if part.target is None:
                    part.stop = intent.stop
        elif isinstance(intent, Enter) and lot is None:
            late = session is not None and bar.start >= session.close
            if intent.tranches and (late or opened <= intent.tranches[0].stop):
                return
            self.account.enter(intent, opened, signal, at, "open", bar.start)

    def _meet(self, lot: Lot, bar: Bar) -> None:
        """Stops before targets: within one bar nobody knows which came first."""
        opened, low, high = to_decimal(bar.open), to_decimal(bar.low), to_decimal(bar.high)
        account, policy = self.account, self.policy
        hit = [part for part in lot.parts if low <= part.stop]
        if hit:
            why = "trail" if lot.hits >= 2 else "stop"
            price = policy.stop(opened, min(part.stop for part in hit))
            lot.parts = [part for part in lot.parts if part not in hit]
            account.sell(lot, sum(part.qty for part in hit), price, bar.start, "bar", why)
        for part in list(lot.parts):
            if part.target is None or high < part.target:
                break
            lot.hits = part.index
            lot.parts.remove(part)
            price = policy.target(opened, part.target)
            account.sell(lot, part.qty, price, bar.start, "bar", f"tp{part.index}")

    def _decide(self, intents: Sequence[Intent], bar: Bar, *, last: bool) -> None:
        """Decisions on a completed bar: filled at its close, or kept for the next open."""
        at = self._stamp(bar)
        kept = [i for i in intents if not isinstance(i, Enter) or self._may_enter(i, at)]
        if not self.policy.at_signal:
            self.waiting = (at, self.view.session, kept) if kept else None
            return
        price = to_decimal(bar.close)
        for intent in kept:
            lot = self.account.lot
            if isinstance(intent, Exit) and lot is not None:
                self.account.sell_all(lot, price, at, "close", "signal")
            elif isinstance(intent, Enter) and lot is None and not (intent.tranches and last):
                self.account.enter(intent, price, at, at, "close", bar.end)
        self._show()

    def _may_enter(self, intent: Enter, at: datetime) -> bool:
        self.signals.append(at)
        return self.judge.allows(intent, self.account, self.view)

    def _show(self) -> None:
        """Bring the strategy's view up to date."""
        held = self.account.holding()
        self.view.holdings = {} if held is None else {self.symbol: held}
        self.view.equity = self.account.cash
        if self.account.last_exit is not None:
            self.view.last_exit = {self.symbol: self.account.last_exit}

    def _stamp(self, bar: Bar) -> datetime:
        """The start of the bar as stored: of a daily bar its UTC day."""
        return bar.start.replace(hour=0, minute=0) if self.daily else bar.start


def bars_of(series: Series, rows: range) -> Iterator[Bar]:
    """Those rows, of one length, as bars. Where one bar ends and the next starts is one object."""
    if not rows:
        return
    cut = slice(rows.start, rows.stop)
    symbol, starts, ends = series.symbol, series.starts[cut], series.ends[cut]
    length = instant(ends[0]) - instant(starts[0])
    opens, highs, lows = series.opens[cut], series.highs[cut], series.lows[cut]
    closes, volumes = series.closes[cut], series.volumes[cut]
    before, end = 0, ALWAYS
    for us, until, o, h, l, c, v in zip(  # noqa: E741 - a bar's letters
        starts, ends, opens, highs, lows, closes, volumes, strict=True
    ):
        start = end if us == before else instant(us)
        end = start + length
        before = until
        # What Bar._make does, without the call.
        yield _TUPLE(Bar, (symbol, start, end, o, h, l, c, v))
