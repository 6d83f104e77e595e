"""From a validated configuration to the engine's settings."""

from datetime import timedelta
from decimal import Decimal

from magellan_core.config import Config
from magellan_core.engine.settings import Settings
from magellan_core.engine.tend import Patience
from magellan_core.risk.account import AccountLimits
from magellan_core.risk.portfolio import PortfolioLimits
from magellan_core.risk.pre_trade import EntryLimits

CANCEL_AGAIN = timedelta(seconds=10)


def settings_of(
    config: Config,
    *,
    patrol: timedelta | None,
    patrol_closed: timedelta | None,
    look_ahead: timedelta | None = None,
) -> Settings:
    """Every number of `risk_management`, `execution` and `portfolio` finds its reader here."""
    risk, execution, portfolio = config.risk_management, config.execution, config.portfolio
    emergency = risk.emergency_stop_conditions
    return Settings(
        entry=EntryLimits(
            max_daily_loss_pct=risk.max_daily_loss_pct,
            max_position_dollars=risk.max_position_dollars,
            max_open_positions=risk.max_open_positions,
            max_trades_per_day=risk.max_trades_per_day,
            risk_per_trade_pct=risk.risk_per_trade_pct,
            max_spread_pct=risk.max_spread_pct,
            min_quote_size_shares=risk.min_quote_size_shares,
            price_collar_pct=risk.price_collar_pct,
            slippage_tolerance_pct=risk.slippage_tolerance_pct,
            max_quote_age=seconds(risk.max_quote_age_seconds),
            max_bar_age=seconds(risk.max_bar_age_seconds),
            max_orders_per_minute=risk.max_orders_per_minute,
        ),
        account=AccountLimits(
            max_daily_loss_dollars=risk.max_daily_loss_dollars,
            max_daily_loss_pct=risk.max_daily_loss_pct,
            max_drawdown_pct=emergency.max_drawdown_pct,
            consecutive_losing_days=emergency.consecutive_losing_days,
            losing_day_min_loss_pct=emergency.losing_day_min_loss_pct,
            min_win_rate_pct=emergency.min_win_rate_pct,
            win_rate_window_days=emergency.win_rate_window_days,
            win_rate_min_trades=emergency.win_rate_min_trades,
        ),
        portfolio=PortfolioLimits(
            strategies=portfolio.strategies,
            max_daily_loss_dollars=portfolio.max_daily_loss_dollars,
            max_drawdown_pct=portfolio.max_drawdown_pct,
            stale_after=seconds(portfolio.stale_after_seconds),
        ),
        policies={k: str(v) for k, v in risk.halt_policies.model_dump().items()},
        patience=Patience(
            partial_fill=seconds(execution.partial_fill_grace_seconds),
            entry=seconds(execution.entry_timeout_seconds),
            cancel=CANCEL_AGAIN,
        ),
        alert_on_loss=config.monitoring.alert_on_loss_dollars,
        position_buffer_pct=risk.position_buffer_pct,
        unknown_grace=seconds(execution.unknown_order_grace_seconds),
        reconcile_grace=seconds(execution.reconcile_grace_seconds),
        loop_interval=seconds(execution.loop_interval_seconds),
        bar_retries=tuple(seconds(s) for s in config.data_requirements.bar_retry_seconds),
        patrol=patrol,
        patrol_closed=patrol_closed,
        look_ahead=look_ahead,
    )


def seconds(value: float | Decimal) -> timedelta:
    return timedelta(seconds=float(value))
