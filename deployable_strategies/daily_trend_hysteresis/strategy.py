"""Daily Trend: long while RSI of the daily closes is above its band, until it falls below.

Rules and their sources: README.md in this folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal

from magellan_core.bands import Band
from magellan_core.indicators import RSI_CONVERGED, Rsi, RsiMethod
from magellan_core.market_hours import Session, at_new_york, new_york_date, next_session
from magellan_core.model import Bar, DataNeeds, Enter, Exit, Intent, Timeframe, Withdraw
from magellan_core.prices import to_decimal
from magellan_core.strategy import View

NONE: tuple[Intent, ...] = ()


@dataclass(frozen=True, slots=True)
class DailyTrendRules:
    """When signals are taken and executed. `execute_until` is New York time."""

    rsi_method: RsiMethod = "ema"
    allocation: Decimal = Decimal(10000)
    signal_after_close: timedelta = timedelta(minutes=5)
    execution_delay: timedelta = timedelta(0)
    execute_until: time = time(10, 0)


class DailyTrend:
    """The strategy object. Decides from the position held, or about to be."""

    def __init__(
        self, bands: Mapping[str, Band], rules: DailyTrendRules, *, warmup_bars: int = 400
    ) -> None:
        self.name = "daily_trend"
        self.bands, self.rules = dict(bands), rules
        self.needs = DataNeeds(
            tuple(bands),
            Timeframe.DAY,
            False,
            warmup_bars,
            True,
            rules.signal_after_close,
            least_bars=min(warmup_bars, RSI_CONVERGED),
        )
        self._rsi = {s: Rsi(band.period, rules.rsi_method) for s, band in bands.items()}

    def warm(self, bar: Bar) -> None:
        self._rsi[bar.symbol].update(bar.close)

    def on_bar(self, bar: Bar, view: View) -> Sequence[Intent]:
        band, rsi = self.bands[bar.symbol], self._rsi[bar.symbol].update(bar.close)
        waiting = view.pending.get(bar.symbol)
        held = bar.symbol in view.holdings
        if isinstance(waiting, Enter) and not self._counts(waiting, bar):
            waiting = None
        # What will be, once the signal that waits has been executed.
        long = isinstance(waiting, Enter) or (held and not isinstance(waiting, Exit))
        if rsi > band.upper and not long:
            why = f"rsi {rsi:.2f} > {band.upper:g}"
            return (Withdraw(bar.symbol, why),) if held else (self._enter(bar, why),)
        if rsi < band.lower and long:
            why = f"rsi {rsi:.2f} < {band.lower:g}"
            if not held:
                return (Withdraw(bar.symbol, why),)
            return (Exit(bar.symbol, why, self._execution(bar)),)
        return NONE

    def _counts(self, waiting: Enter, bar: Bar) -> bool:
        """Whether it can still be executed after the bar: else it is about to be dropped."""
        return waiting.until is None or waiting.until > self._execution(bar)

    def _execution(self, bar: Bar) -> datetime:
        """The open after the bar's session, plus the delay."""
        return next_session(new_york_date(bar.end)).open + self.rules.execution_delay

    def _enter(self, bar: Bar, why: str) -> Enter:
        at, until = self._execution(bar), self.rules.execute_until
        return Enter(
            bar.symbol,
            why,
            to_decimal(bar.close),
            dollars=self.rules.allocation,
            not_before=at,
            until=at_new_york(new_york_date(at), until.hour, until.minute),
        )

    def on_time(self, view: View) -> Sequence[Intent]:
        """Time alone decides nothing: signals carry their instant."""
        return NONE

    def next_due(self, view: View) -> datetime | None:
        """Five minutes after the next close, when the day's bars are asked for."""
        today = view.session
        if today is not None and view.now < self._signal_at(today):
            return self._signal_at(today)
        return self._signal_at(next_session(new_york_date(view.now)))

    def _signal_at(self, session: Session) -> datetime:
        return session.close + self.rules.signal_after_close

    def in_play(self, view: View) -> Sequence[str]:
        """None besides the signals that wait for the open."""
        return ()

    def explain(self, symbol: str) -> Mapping[str, str]:
        band, rsi = self.bands[symbol], self._rsi[symbol]
        return {
            "rsi": f"{rsi.value:.2f}" if rsi.count else "-",
            "band": f"{band.upper:g}/{band.lower:g}",
            "waits for": f"rsi > {band.upper:g} to buy, < {band.lower:g} to sell",
        }

    def memory(self, symbol: str) -> Mapping[str, bool | float | str]:
        """Bars and the position held rebuild the rest; the configuration may lose the band."""
        return self.bands[symbol].memory()

    def keep(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """By the band on record; by the first configured one where a release kept none."""
        self.bands[symbol] = next(iter(self.bands.values())).recalled(memory)
        self._follow(symbol)
        self.needs = replace(self.needs, symbols=(*self.needs.symbols, symbol))

    def _follow(self, symbol: str) -> None:
        band = self.bands[symbol]
        self._rsi[symbol] = Rsi(band.period, self.rules.rsi_method)

    def recall(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """Nothing was kept."""
