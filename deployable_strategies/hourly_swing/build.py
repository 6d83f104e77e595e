"""Hourly Swing from its configuration."""

from datetime import time

from deployable_strategies.hourly_swing.strategy import HourlySwing, HourlySwingRules
from magellan_core.bands import Band
from magellan_core.config import Config
from magellan_core.config_model import HourlySwingConfig
from magellan_core.errors import ConfigError


def build(config: Config) -> HourlySwing:
    """The strategy object as configured. Raise ConfigError for another strategy's config."""
    model = config.model
    if not isinstance(model, HourlySwingConfig):
        raise ConfigError(config.name, ["strategy.name: is not hourly_swing"])
    parameters = model.strategy_parameters
    return HourlySwing(
        {
            symbol: Band(
                model.symbol_parameters[symbol].rsi_period,
                float(model.symbol_parameters[symbol].upper),
                float(model.symbol_parameters[symbol].lower),
            )
            for symbol in model.symbols
        },
        HourlySwingRules(
            rsi_method=parameters.rsi_method,
            allocation=parameters.allocation_dollars,
            first_check=time.fromisoformat(model.trading_hours.first_check or "10:00"),
            extended_hours=parameters.bar_session == "all",
        ),
        warmup_bars=model.data_requirements.warmup_bars,
    )
