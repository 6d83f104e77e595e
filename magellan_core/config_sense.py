"""Settings that each are in order and together mean that nothing is ever traded, or say nothing."""

from collections.abc import Iterator
from datetime import time, timedelta
from itertools import pairwise

from magellan_core.config_model import (
    BearTrapConfig,
    DailyTrendConfig,
    Execution,
    HourlySwingConfig,
    Model,
)

OPEN, HALF_DAY_CLOSE = time(9, 30), time(13)
# From the close to midnight: the next date's bars are another session's.
EVENING_MINUTES = 480
DELAYED_MINUTES = 15


def senseless(model: Model) -> Iterator[str]:
    """Each such fault as "path: what is wrong"."""
    retries = model.data_requirements.bar_retry_seconds
    if any(later <= earlier for earlier, later in pairwise(retries)):
        yield "data_requirements.bar_retry_seconds: must rise, each counts from the bar's end"
    if isinstance(model, BearTrapConfig):
        yield from _bear_trap(model)
    elif model.risk_management.risk_per_trade_pct is not None:
        yield (
            "risk_management.risk_per_trade_pct: must be null, "
            f"{model.strategy.name} has no stop and would never buy"
        )
    if isinstance(model, DailyTrendConfig):
        yield from _daily_trend(model)
    else:
        yield from _daily_trend_alone(model)
    if isinstance(model, HourlySwingConfig):
        yield from _first_check(model.trading_hours.first_check)
    elif model.trading_hours.first_check is not None:
        yield "trading_hours.first_check: only hourly_swing reads it; remove it"


def _bear_trap(model: BearTrapConfig) -> Iterator[str]:
    rules = model.strategy_parameters
    if rules.no_entry_before_close_minutes < rules.exit_before_close_minutes:
        yield (
            "strategy_parameters.no_entry_before_close_minutes: must not be less than "
            f"exit_before_close_minutes {rules.exit_before_close_minutes}: what is bought in "
            "between is sold at once"
        )
    needed = max(rules.volume_mean_bars, rules.atr_bars)
    if model.data_requirements.warmup_bars < needed:
        yield (
            f"data_requirements.warmup_bars: must be {needed} or more, "
            "as volume_mean_bars and atr_bars are"
        )


def _daily_trend(model: DailyTrendConfig) -> Iterator[str]:
    until, delay = model.execution.execute_until, model.execution.execution_delay_seconds
    if until is not None:
        last = _of_day(time.fromisoformat(until))
        if last <= _of_day(OPEN) + timedelta(seconds=float(delay)):
            yield (
                f"execution.execute_until: {until} is not after the open at 09:30 plus "
                f"execution_delay_seconds {delay}: no entry would ever be executed"
            )
    late = DELAYED_MINUTES if model.data_requirements.feed == "sip_delayed" else 0
    if model.strategy_parameters.signal_after_close_minutes + late >= EVENING_MINUTES:
        least = EVENING_MINUTES - late
        yield (
            f"strategy_parameters.signal_after_close_minutes: must be below {least}, "
            "before midnight: later signals miss the next open"
        )


def _daily_trend_alone(model: Model) -> Iterator[str]:
    for key in ("execute_until", "execution_delay_seconds"):
        if getattr(model.execution, key) != Execution.model_fields[key].default:
            yield f"execution.{key}: only daily_trend reads it; remove it"


def _first_check(told: str | None) -> Iterator[str]:
    if told is not None and not OPEN <= time.fromisoformat(told) < HALF_DAY_CLOSE:
        yield (
            f"trading_hours.first_check: {told} must lie from 09:30 to before 13:00, when half "
            "days close"
        )


def _of_day(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute)
