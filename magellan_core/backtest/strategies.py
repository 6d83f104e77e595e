"""The strategy object a backtest runs: as configured, with what the options change."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from deployable_strategies.bear_trap.build import build as build_bear_trap
from deployable_strategies.bear_trap.strategy import BearTrap, BearTrapSizing
from deployable_strategies.daily_trend_hysteresis.build import build as build_daily_trend
from deployable_strategies.daily_trend_hysteresis.strategy import DailyTrend
from deployable_strategies.hourly_swing.build import build as build_hourly_swing
from deployable_strategies.hourly_swing.strategy import HourlySwing
from magellan_core.backtest.options import BacktestOptions
from magellan_core.config import Config
from magellan_core.errors import UsageError
from magellan_core.strategy import Strategy

_BAND = {"rsi_period": "period", "upper": "upper", "lower": "lower"}
Maker = Callable[[tuple[str, ...]], Strategy]

BUILDERS: Mapping[str, Callable[[Config], BearTrap | DailyTrend | HourlySwing]] = {
    "bear_trap": build_bear_trap,
    "daily_trend": build_daily_trend,
    "hourly_swing": build_hourly_swing,
}


def maker(options: BacktestOptions) -> Maker:
    """A function that makes a fresh strategy object for some symbols.

    Raise ConfigError for a config that its strategy refuses, UsageError for a symbol or an override
    that the strategy has no parameter of.
    """
    built = BUILDERS[options.config.name](options.config)
    if isinstance(built, BearTrap):
        return _bear_trap(built, options)
    return _banded(built, options)


def _bear_trap(built: BearTrap, options: BacktestOptions) -> Maker:
    changes = dict(options.overrides or {})
    if options.support_break is not None:
        changes["require_support_break"] = options.support_break
    rules = _replaced(built.rules, changes)
    sizing = built.sizing
    if options.accounts == "per-symbol":
        sizing = BearTrapSizing(sizing.risk_pct, sizing.max_position, Decimal(0))
    exact, warmup = options.price_ticks == "exact", built.needs.warmup_bars

    def make(symbols: tuple[str, ...]) -> Strategy:
        return BearTrap(symbols, rules, sizing, warmup_bars=warmup, exact_prices=exact)

    return make


def _banded(built: DailyTrend | HourlySwing, options: BacktestOptions) -> Maker:
    changes = dict(options.overrides or {})
    moved = {_BAND[name]: changes.pop(name) for name in list(changes) if name in _BAND}
    bands = {symbol: _replaced(band, moved) for symbol, band in built.bands.items()}
    whole = len(moved) == len(_BAND)
    any_band = _replaced(next(iter(built.bands.values())), moved)
    if options.rsi is not None:
        changes["rsi_method"] = options.rsi
    if isinstance(built, HourlySwing):
        changes["every_bar"] = options.accounts == "per-symbol" and options.fill != "rth_open"
    rules, warmup = _replaced(built.rules, changes), built.needs.warmup_bars
    kind: Any = type(built)

    def make(symbols: tuple[str, ...]) -> Strategy:
        unknown = [symbol for symbol in symbols if symbol not in bands]
        if unknown and not whole:
            raise UsageError(
                f"{', '.join(unknown)}: no band in symbol_parameters; it has {', '.join(bands)}"
            )
        made: Strategy = kind(
            {s: bands.get(s, any_band) for s in symbols}, rules, warmup_bars=warmup
        )
        return made

    return make


def _replaced[T](value: T, changes: Mapping[str, object]) -> T:
    """A copy of a frozen dataclass with those fields; a span may be given in minutes.

    Raise UsageError for an unknown field.
    """
    if not changes:
        return value
    kept: Any = value
    known = {field.name for field in fields(kept)}
    if unknown := sorted(set(changes) - known):
        raise UsageError(f"no parameter {', '.join(unknown)}; there is {', '.join(sorted(known))}")
    told = {
        name: timedelta(minutes=float(str(new)))
        if isinstance(getattr(kept, name), timedelta) and not isinstance(new, timedelta)
        else new
        for name, new in changes.items()
    }
    made: T = replace(kept, **told)
    return made
