"""Bear Trap from its configuration."""

from datetime import timedelta
from decimal import Decimal

from deployable_strategies.bear_trap.strategy import BearTrap, BearTrapRules, BearTrapSizing
from magellan_core.config import Config
from magellan_core.config_model import BearTrapConfig
from magellan_core.errors import ConfigError


def build(config: Config) -> BearTrap:
    """The strategy object as configured. Raise ConfigError for another strategy's config."""
    model = config.model
    if not isinstance(model, BearTrapConfig):
        raise ConfigError(config.name, ["strategy.name: is not bear_trap"])
    p, risk = model.strategy_parameters, model.risk_management
    return BearTrap(
        model.symbols,
        BearTrapRules(
            min_day_change_pct=float(p.min_day_change_pct),
            from_previous_close=p.day_change_reference == "previous_close",
            require_support_break=p.require_support_break,
            min_wick_ratio=float(p.min_wick_ratio),
            min_body_ratio=float(p.min_body_ratio),
            min_volume_ratio=float(p.min_volume_ratio),
            volume_mean_bars=p.volume_mean_bars,
            atr_bars=p.atr_bars,
            stop_atr_multiple=float(p.stop_atr_multiple),
            max_hold=timedelta(minutes=p.max_hold_minutes),
            exit_before_close=timedelta(minutes=p.exit_before_close_minutes),
            no_entry_before_close=timedelta(minutes=p.no_entry_before_close_minutes),
        ),
        BearTrapSizing(
            # Without a limit of its own, the position cap alone sizes.
            risk.risk_per_trade_pct or Decimal(100),
            risk.max_position_dollars,
            risk.position_buffer_pct,
        ),
        warmup_bars=model.data_requirements.warmup_bars,
    )
