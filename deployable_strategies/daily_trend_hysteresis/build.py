"""Daily Trend from its configuration."""

from datetime import time, timedelta

from deployable_strategies.daily_trend_hysteresis.strategy import (
    DailyTrend,
    DailyTrendRules,
)
from magellan_core.bands import Band
from magellan_core.config import Config
from magellan_core.config_model import DailyTrendConfig
from magellan_core.errors import ConfigError

# sip_delayed bars are 15 minutes late: the day's are complete at 16:20.
DELAYED = timedelta(minutes=15)


def build(config: Config) -> DailyTrend:
    """The strategy object as configured. Raise ConfigError for another strategy's config."""
    model = config.model
    if not isinstance(model, DailyTrendConfig):
        raise ConfigError(config.name, ["strategy.name: is not daily_trend"])
    parameters, execution = model.strategy_parameters, model.execution
    after_close = timedelta(minutes=parameters.signal_after_close_minutes)
    if model.data_requirements.feed == "sip_delayed":
        after_close += DELAYED
    return DailyTrend(
        {
            symbol: Band(
                model.symbol_parameters[symbol].rsi_period,
                float(model.symbol_parameters[symbol].upper),
                float(model.symbol_parameters[symbol].lower),
            )
            for symbol in model.symbols
        },
        DailyTrendRules(
            rsi_method=parameters.rsi_method,
            allocation=parameters.allocation_dollars,
            signal_after_close=after_close,
            execution_delay=timedelta(seconds=float(execution.execution_delay_seconds)),
            execute_until=time.fromisoformat(execution.execute_until or "10:00"),
        ),
        warmup_bars=model.data_requirements.warmup_bars,
    )
