"""Bear Trap: after a fall of 15 % a bar breaks the session's low and closes above it; buy that.

Rules and their sources: README.md in this folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from magellan_core.indicators import Atr, RollingMean
from magellan_core.market_hours import new_york_date, session_on
from magellan_core.model import (
    Bar,
    DataNeeds,
    Enter,
    Exit,
    Holding,
    Intent,
    MoveStop,
    Timeframe,
    Tranche,
)
from magellan_core.prices import stop_price, target_price, to_decimal
from magellan_core.sizing import shares_for_risk, split_tranches
from magellan_core.strategy import View

# A threshold met exactly counts, whatever the float division made of it.
EXACT = 1e-9
NONE: tuple[Intent, ...] = ()
CENT = Decimal("0.01")
# Of the fall that an entry needs: from here on one bar may well complete it.
NEARLY = 0.8
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class BearTrapRules:
    """The entry's thresholds and the exits. Ratios are of 1, per cent of 100."""

    min_day_change_pct: float = -15.0
    from_previous_close: bool = False
    require_support_break: bool = True
    min_wick_ratio: float = 0.15
    min_body_ratio: float = 0.20
    min_volume_ratio: float = 1.20
    volume_mean_bars: int = 20
    atr_bars: int = 14
    stop_atr_multiple: float = 0.45
    max_hold: timedelta = timedelta(minutes=30)
    exit_before_close: timedelta = timedelta(minutes=5)
    no_entry_before_close: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class BearTrapSizing:
    """Per cent of equity lost at the stop, dollars a position, and the buffer left in them."""

    risk_pct: Decimal
    max_position: Decimal
    buffer_pct: Decimal


class _Symbol:
    """Running numbers of one symbol; `failed` is the first test that the newest bar failed."""

    __slots__ = (
        "atr",
        "change",
        "close",
        "entry_end",
        "failed",
        "high",
        "last_close",
        "low",
        "mean_volume",
        "opened",
        "reference",
        "session",
    )

    def __init__(self, rules: BearTrapRules) -> None:
        self.atr = Atr(rules.atr_bars)
        self.mean_volume = RollingMean(rules.volume_mean_bars)
        self.session: date | None = None
        self.opened = self.close = self.entry_end = NEVER
        self.reference = self.low = self.high = self.last_close = 0.0
        self.change = 0.0
        self.failed = "no bar yet"


class BearTrap:
    """The strategy object. `exact_prices` leaves stops and targets off the venue's ticks."""

    def __init__(
        self,
        symbols: Sequence[str],
        rules: BearTrapRules,
        sizing: BearTrapSizing,
        *,
        warmup_bars: int = 60,
        exact_prices: bool = False,
    ) -> None:
        self.name = "bear_trap"
        self.rules, self.sizing, self.exact_prices = rules, sizing, exact_prices
        # Adjusted: a split over night leaves means, ranges and the previous close in new shares.
        self.needs = DataNeeds(tuple(symbols), Timeframe.MINUTE, False, warmup_bars, True)
        self._symbols = {symbol: _Symbol(rules) for symbol in symbols}

    # -- bars --------------------------------------------------------------------------------

    def warm(self, bar: Bar) -> None:
        self._fold(bar)

    def on_bar(self, bar: Bar, view: View) -> Sequence[Intent]:
        state, low_before = self._fold(bar)
        # The day's change fails on almost every bar, so it is asked first.
        if low_before is None or state.change > self.rules.min_day_change_pct + EXACT:
            return NONE
        why = self._fails(bar, state, low_before)
        state.failed = why or ""
        if why is not None or bar.end >= state.entry_end:
            return NONE
        last_exit = view.last_exit.get(bar.symbol)
        taken = bar.symbol in view.holdings or bar.symbol in view.busy
        if taken or (last_exit is not None and last_exit >= bar.start):
            return NONE
        return self._enter(bar, state, view)

    def _fold(self, bar: Bar) -> tuple[_Symbol, float | None]:
        """Take the bar in; return the session's low before it, None outside the session."""
        state = self._symbols[bar.symbol]
        if not state.opened <= bar.start < state.close:
            if not self._new_session(bar, state):
                return state, None
            low_before = bar.low
            state.atr.push(bar.high, bar.low, bar.close, True)
        else:
            low_before = state.low
            if bar.low < low_before:
                state.low = bar.low
            if bar.high > state.high:
                state.high = bar.high
            state.atr.push(bar.high, bar.low, bar.close, False)
        state.mean_volume.push(bar.volume)
        state.last_close = bar.close
        state.change = (bar.close / state.reference - 1.0) * 100.0
        return state, low_before

    def _new_session(self, bar: Bar, state: _Symbol) -> bool:
        session = session_on(new_york_date(bar.start))
        if session is None or not session.open <= bar.start < session.close:
            return False
        state.session, state.opened, state.close = session.date, session.open, session.close
        state.entry_end = session.close - self.rules.no_entry_before_close
        known = self.rules.from_previous_close and state.last_close > 0
        state.reference = state.last_close if known else bar.open
        state.low, state.high = bar.low, bar.high
        return True

    def _fails(self, bar: Bar, state: _Symbol, low_before: float) -> str | None:
        """The first test that the bar fails, with its number; None: it is a trap sprung."""
        rules = self.rules
        span = bar.high - bar.low
        if rules.require_support_break and not bar.low < low_before:
            return f"low {bar.low:g} did not break {low_before:g}"
        floor = low_before if rules.require_support_break else state.low
        if not bar.close > floor:
            return f"close {bar.close:g} did not reclaim {floor:g}"
        if span <= 0:
            return "the bar has no range"
        wick = (min(bar.open, bar.close) - bar.low) / span
        if wick < rules.min_wick_ratio - EXACT:
            return f"wick {wick:.2f} < {rules.min_wick_ratio:g}"
        body = abs(bar.close - bar.open) / span
        if body < rules.min_body_ratio - EXACT:
            return f"body {body:.2f} < {rules.min_body_ratio:g}"
        mean, atr = state.mean_volume.value, state.atr.value
        if mean is None or atr is None:
            return "still warming up"
        if bar.volume < rules.min_volume_ratio * mean - EXACT * mean:
            return f"volume {bar.volume / mean:.2f} < {rules.min_volume_ratio:g} x its mean"
        return None

    def _enter(self, bar: Bar, state: _Symbol, view: View) -> Sequence[Intent]:
        atr = state.atr.value or 0.0
        close = to_decimal(bar.close)
        stop = self._stop(state.low - self.rules.stop_atr_multiple * atr)
        first = self._target(bar.close + (state.high - bar.close) / 2)
        second = self._target(state.high)
        if not 0 < stop < close:
            state.failed = f"stop {stop} is not below the close {close}"
            return NONE
        if not self.exact_prices and (first < close + CENT or stop > close - CENT):
            state.failed = f"stop {stop} or target {first} is within a cent of {close}"
            return NONE
        sizing = self.sizing
        cap = sizing.max_position * (100 - sizing.buffer_pct) / 100
        qty = shares_for_risk(view.equity, sizing.risk_pct, close, stop, cap)
        if qty < 1:
            state.failed = "the allowed risk buys no whole share"
            return NONE
        parts = zip(split_tranches(qty), (first, second, None), strict=True)
        return (
            Enter(
                bar.symbol,
                f"trap at {bar.low:g}, day {state.change:.1f} %",
                close,
                tranches=tuple(Tranche(part, stop, target) for part, target in parts if part),
                support=self._stop(state.low),
            ),
        )

    def _stop(self, price: float) -> Decimal:
        return to_decimal(price) if self.exact_prices else stop_price(max(price, 0.0))

    def _target(self, price: float) -> Decimal:
        return to_decimal(price) if self.exact_prices else target_price(price)

    # -- time --------------------------------------------------------------------------------

    def on_time(self, view: View) -> Sequence[Intent]:
        """Exits that time makes due, overdue ones included, and the runner's stop after TP2."""
        session = view.session
        if not view.holdings or session is None or not session.open <= view.now < session.close:
            return NONE
        intents: list[Intent] = []
        for holding in view.holdings.values():
            if view.now >= holding.entered_at + self.rules.max_hold:
                intents.append(Exit(holding.symbol, "time"))
            elif view.now >= session.close - self.rules.exit_before_close:
                intents.append(Exit(holding.symbol, "eod"))
            elif holding.targets_hit >= 2 and holding.symbol not in view.busy:
                intents += self._raise_stop(holding)
        return intents

    def _raise_stop(self, holding: Holding) -> list[Intent]:
        support = holding.support
        runner = next((t for t in holding.tranches if t.take_profit is None), None)
        if support is None or runner is None or runner.stop is None or runner.stop >= support:
            return []
        return [MoveStop(holding.symbol, support, "second target reached")]

    def next_due(self, view: View) -> datetime | None:
        """When the first hold runs out, or five minutes before the close; None without a hold."""
        if not view.holdings or view.session is None:
            return None
        dues = [h.entered_at + self.rules.max_hold for h in view.holdings.values()]
        dues.append(view.session.close - self.rules.exit_before_close)
        return min((due for due in dues if due > view.now), default=None)

    def in_play(self, view: View) -> Sequence[str]:
        """Symbols that have fallen far enough, or nearly, and may still be bought today."""
        nearly = self.rules.min_day_change_pct * NEARLY
        return [
            symbol
            for symbol, state in self._symbols.items()
            if state.change <= nearly
            and state.opened < view.now < state.entry_end
            and symbol not in view.holdings
            and symbol not in view.busy
        ]

    # -- words -------------------------------------------------------------------------------

    def explain(self, symbol: str) -> Mapping[str, str]:
        state = self._symbols[symbol]
        threshold = self.rules.min_day_change_pct
        if state.session is None:
            return {"day change": "-", "waits for": "its first bar"}
        numbers = {"day change": f"{state.change:.2f} %"}
        if state.change > threshold + EXACT:
            numbers["waits for"] = f"day change <= {threshold:g} %"
        else:
            numbers["waits for"] = f"a trap ({state.failed})" if state.failed else "nothing: a trap"
        return numbers

    def memory(self, symbol: str) -> Mapping[str, bool | float | str]:
        """Bars rebuild everything."""
        return {}

    def keep(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """Exits are the same for every symbol."""
        self._symbols[symbol] = _Symbol(self.rules)
        self.needs = replace(self.needs, symbols=(*self.needs.symbols, symbol))

    def recall(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """Nothing was kept."""
