"""Hourly Swing: long while RSI of the hourly closes is above its band, checked hourly.

The band is folded over every completed bar, orders go at the checks inside the session. Rules and
their sources: README.md in this folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cache

from magellan_core.bands import Band
from magellan_core.indicators import RSI_CONVERGED, Hysteresis, Rsi, RsiMethod
from magellan_core.market_hours import Session, at_new_york, new_york_date, next_session
from magellan_core.model import Bar, DataNeeds, Enter, Exit, Intent, Timeframe
from magellan_core.prices import to_decimal
from magellan_core.strategy import View

HOUR = timedelta(hours=1)
NEAR = 3.0  # points of RSI that one bar may well move


@dataclass(frozen=True, slots=True)
class HourlySwingRules:
    """`first_check` is New York time; checks follow hourly to the last before the close.

    `every_bar` decides at the end of each bar instead, inside the session or not: what a backtest
    of fills outside the session asks for; no account can be traded so.
    """

    rsi_method: RsiMethod = "ema"
    allocation: Decimal = Decimal(50000)
    first_check: time = time(10, 0)
    extended_hours: bool = True
    every_bar: bool = False


@cache
def hourly(session: Session, first: time) -> Sequence[datetime]:
    """That time of the session's date in New York, and hourly on to before the close."""
    at = at_new_york(session.date, first.hour, first.minute)
    checks: list[datetime] = []
    while at < session.close:
        checks.append(at)
        at += HOUR
    return tuple(checks)


class HourlySwing:
    """The strategy object."""

    def __init__(
        self, bands: Mapping[str, Band], rules: HourlySwingRules, *, warmup_bars: int = 1000
    ) -> None:
        self.name = "hourly_swing"
        self.bands, self.rules = dict(bands), rules
        self.needs = DataNeeds(
            tuple(bands),
            Timeframe.HOUR,
            rules.extended_hours,
            warmup_bars,
            True,
            least_bars=min(warmup_bars, RSI_CONVERGED),
        )
        self._rsi = {s: Rsi(band.period, rules.rsi_method) for s, band in bands.items()}
        self._wants = {s: Hysteresis(band.upper, band.lower) for s, band in bands.items()}
        self._close: dict[str, float] = {}
        self._checked: datetime | None = None

    def warm(self, bar: Bar) -> None:
        self._rsi[bar.symbol].update(bar.close)
        self._close[bar.symbol] = bar.close

    def on_bar(self, bar: Bar, view: View) -> Sequence[Intent]:
        """Fold the bar; the next check acts on it."""
        symbol, close = bar.symbol, bar.close
        self._wants[symbol].update(self._rsi[symbol].update(close))
        self._close[symbol] = close
        if self.rules.every_bar:
            intent = self._wanted(symbol, view, bar.end)
            return () if intent is None else (intent,)
        return ()

    def on_time(self, view: View) -> Sequence[Intent]:
        """At a check, or at the first tick after one that has its bars: do what is wanted."""
        session = view.session
        if self.rules.every_bar or session is None:
            return ()
        if not session.open <= view.now < session.close:
            return ()
        if not view.bars_complete:
            return ()
        due = max((c for c in self._checks(session) if c <= view.now), default=None)
        if due is None or due == self._checked:
            return ()
        self._checked = due
        intents = (self._wanted(symbol, view, due) for symbol in self.bands)
        return [intent for intent in intents if intent is not None]

    def _wanted(self, symbol: str, view: View, due: datetime) -> Intent | None:
        wants, held, rsi = self._wants[symbol].on, symbol in view.holdings, self._rsi[symbol].value
        if wants and not held and symbol not in view.busy:
            return Enter(
                symbol,
                f"rsi {rsi:.2f}, long wanted",
                to_decimal(self._close[symbol]),
                dollars=self.rules.allocation,
                scheduled=due,
            )
        if held and not wants:
            return Exit(symbol, f"rsi {rsi:.2f}, flat wanted")
        return None

    def _checks(self, session: Session) -> Sequence[datetime]:
        return hourly(session, self.rules.first_check)

    def next_due(self, view: View) -> datetime | None:
        """The next check; None where every bar decides."""
        if self.rules.every_bar:
            return None
        ahead = view.session or next_session(new_york_date(view.now))
        while True:
            # A half day may have no check left, or none at all.
            for check in self._checks(ahead):
                if check > view.now:
                    return check
            ahead = next_session(ahead.date)

    def in_play(self, view: View) -> Sequence[str]:
        """Symbols not held whose RSI wants them, or lies within `NEAR` of that."""
        return [
            symbol
            for symbol, band in self.bands.items()
            if symbol not in view.holdings
            and symbol not in view.busy
            and (self._wants[symbol].on or self._rsi[symbol].value > band.upper - NEAR)
        ]

    def explain(self, symbol: str) -> Mapping[str, str]:
        band, rsi, wants = self.bands[symbol], self._rsi[symbol], self._wants[symbol].on
        return {
            "rsi": f"{rsi.value:.2f}" if rsi.count else "-",
            "band": f"{band.upper:g}/{band.lower:g}",
            "wants": "long" if wants else "flat",
            "waits for": f"rsi < {band.lower:g}" if wants else f"rsi > {band.upper:g}",
        }

    def memory(self, symbol: str) -> Mapping[str, bool | float | str]:
        """What the fold since going live wants, and the band, should the configuration lose it."""
        return {"long": self._wants[symbol].on, **self.bands[symbol].memory()}

    def keep(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """By the band on record; by the first configured one where a release kept none."""
        self.bands[symbol] = next(iter(self.bands.values())).recalled(memory)
        self._follow(symbol)
        self.needs = replace(self.needs, symbols=(*self.needs.symbols, symbol))

    def _follow(self, symbol: str) -> None:
        band = self.bands[symbol]
        self._rsi[symbol] = Rsi(band.period, self.rules.rsi_method)
        self._wants[symbol] = Hysteresis(band.upper, band.lower)

    def recall(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        self._wants[symbol].on = bool(memory.get("long", False))
