"""The form of config.json, as typed and frozen values. The schema is generated from it.

Per cent are of 100: 10 means 10 %. Money is in dollars. An unknown key is an error.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool


def _number(value: object) -> object:
    """A number in quotes, or true for 1, is a slip of the pen: refuse it."""
    if isinstance(value, str | bool):
        raise ValueError("must be a number, without quotes")
    return value


Number = Annotated[Decimal, BeforeValidator(_number, json_schema_input_type=float)]
Money = Annotated[Number, Field(gt=0)]
Percent = Annotated[Number, Field(gt=0, le=100)]
Share = Annotated[Number, Field(ge=0)]
Seconds = Annotated[Number, Field(ge=0)]
Count = Annotated[int, BeforeValidator(_number, json_schema_input_type=int), Field(ge=1)]
Symbol = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,9}(\.[A-Z])?$")]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Policy = Literal["flatten", "hold"]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AccountInfo(Part):
    account_id: str = Field(
        pattern=r"^(PENDING_CREATION|[A-Z0-9]{6,20})$",
        description="the Alpaca account's number; PENDING_CREATION passes on loopback only",
    )
    account_name: str = Field("", description="for people")
    initial_capital_dollars: Money = Field(Decimal(100000), description="what P&L counts from")
    live_trading_allowed: StrictBool = Field(
        default=False, description="without it, a base URL that is not paper trading is refused"
    )


class StrategyInfo(Part):
    version: str = ""
    description: str = ""


class BearTrapInfo(StrategyInfo):
    name: Literal["bear_trap"]


class DailyTrendInfo(StrategyInfo):
    name: Literal["daily_trend"]


class HourlySwingInfo(StrategyInfo):
    name: Literal["hourly_swing"]


class Band(Part):
    """A Schmitt trigger on RSI: long above `upper`, flat below `lower`."""

    rsi_period: Annotated[Count, Field(ge=2, le=200)]
    upper: Percent
    lower: Percent


class BearTrapParameters(Part):
    min_day_change_pct: Annotated[Number, Field(lt=0, gt=-100)] = Decimal(-15)
    day_change_reference: Literal["session_open", "previous_close"] = "session_open"
    require_support_break: StrictBool = Field(
        default=True, description="false: a close above the running low is enough"
    )
    min_wick_ratio: Share = Decimal("0.15")
    min_body_ratio: Share = Decimal("0.20")
    min_volume_ratio: Share = Decimal("1.20")
    volume_mean_bars: Count = 20
    atr_bars: Count = 14
    stop_atr_multiple: Money = Decimal("0.45")
    max_hold_minutes: Count = 30
    exit_before_close_minutes: Count = 5
    no_entry_before_close_minutes: Count = 5


class DailyTrendParameters(Part):
    rsi_method: Literal["ema", "wilder"] = "ema"
    allocation_dollars: Money = Field(Decimal(10000), description="dollars a symbol")
    signal_after_close_minutes: Count = 5


class HourlySwingParameters(Part):
    rsi_method: Literal["ema", "wilder"] = "ema"
    allocation_dollars: Money = Field(Decimal(50000), description="dollars a symbol")
    bar_session: Literal["all", "regular"] = Field(
        "all", description="all: bars from 04:00 to 20:00; regular: anchored at 09:30"
    )


class DataRequirements(Part):
    feed: Literal["sip", "iex", "sip_delayed"] = Field(
        "sip",
        description="sip: real-time, a paid plan; iex: free, not for Bear Trap; "
        "sip_delayed: free, 15 minutes late, Daily Trend only",
    )
    timeframe: Literal["1Min", "1Hour", "1Day"]
    warmup_bars: Count = Field(
        description="bars that warm the indicators before the first decision"
    )
    bar_retry_seconds: tuple[Seconds, ...] = Field(
        (Decimal(1), Decimal(3)),
        description="when a bar that is due is asked for again, counted from its end",
    )


class TradingHours(Part):
    timezone: Literal["America/New_York"] = "America/New_York"
    first_check: TimeOfDay | None = Field(None, description="Hourly Swing's first check of the day")


class HaltPolicies(Part):
    """What a breached limit does: close everything and stop, or hold without new entries."""

    daily_loss: Policy = "flatten"
    drawdown: Policy = "flatten"
    portfolio: Policy = "flatten"
    manual: Policy = "flatten"
    losing_streak: Policy = "hold"
    win_rate: Policy = "hold"


class EmergencyStopConditions(Part):
    consecutive_losing_days: Count = 3
    losing_day_min_loss_pct: Share = Field(
        Decimal(1), description="a losing day loses more than this share of equity"
    )
    min_win_rate_pct: Percent
    win_rate_window_days: Count
    win_rate_min_trades: Count = 20
    max_drawdown_pct: Percent = Decimal(20)


class RiskManagement(Part):
    max_daily_loss_dollars: Money = Decimal(10000)
    max_daily_loss_pct: Percent = Decimal(10)
    max_position_dollars: Money = Field(description="cost at entry, open orders included")
    position_buffer_pct: Annotated[Number, Field(ge=0, lt=100)] = Field(
        Decimal(1), description="left free in sizing, so that a fill does not exceed the position"
    )
    max_open_positions: Count
    max_trades_per_day: Count | None = Field(None, description="null: no limit")
    risk_per_trade_pct: Percent | None = Field(None, description="Bear Trap: lost at the stop")
    max_spread_pct: Percent
    min_quote_size_shares: Count
    price_collar_pct: Percent = Field(description="quote's middle against the decision's price")
    slippage_tolerance_pct: Percent = Field(
        Decimal(1), description="ask above the quote's middle; in reports, fill against decision"
    )
    max_quote_age_seconds: Seconds
    max_bar_age_seconds: Seconds
    max_orders_per_minute: Count = 30
    halt_policies: HaltPolicies = HaltPolicies()
    emergency_stop_conditions: EmergencyStopConditions


class Execution(Part):
    loop_interval_seconds: Annotated[Number, Field(ge=1, le=60)] = Decimal(10)
    execution_delay_seconds: Seconds = Field(
        Decimal(0), description="Daily Trend: after the open, before the orders"
    )
    execute_until: TimeOfDay | None = Field(
        None, description="Daily Trend: an entry not executed by then is dropped"
    )
    entry_timeout_seconds: Seconds = Field(
        Decimal(300), description="a market entry unfilled for so long is cancelled"
    )
    partial_fill_grace_seconds: Seconds = Decimal(5)
    unknown_order_grace_seconds: Seconds = Decimal(10)
    reconcile_grace_seconds: Seconds = Decimal(10)
    request_timeout_seconds: Annotated[Number, Field(gt=0, le=60)] = Decimal(5)
    request_deadline_seconds: Annotated[Number, Field(gt=0, le=120)] = Decimal(10)


class Monitoring(Part):
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    cloudwatch_log_group: str
    health_check_interval_seconds: Annotated[Number, Field(ge=5, le=120)] = Field(
        Decimal(60), description="how often the account is looked at while the market is closed"
    )
    report_interval_seconds: Annotated[Number, Field(ge=10)] = Field(
        Decimal(300), description="how often the log tells the status"
    )
    alert_on_loss_dollars: Money = Decimal(5000)
    slippage_tolerance_bps: Annotated[Number, Field(ge=0)] = Field(
        Decimal(25), description="reports: mean of the fills against the backtest's price"
    )
    expected_win_rate_pct: tuple[Percent, Percent] = Field(
        (Decimal(30), Decimal(60)), description="reports: lowest and highest to be expected"
    )


class SsmParameters(Part):
    region: str | None = Field(
        "us-east-2", description="null: AWS_REGION, or where the instance runs"
    )
    api_key_path: Annotated[str, Field(pattern=r"^/.+/API_KEY$")]
    api_secret_path: Annotated[str, Field(pattern=r"^/.+/API_SECRET$")]
    base_url: str = "https://paper-api.alpaca.markets"
    data_url: str = "https://data.alpaca.markets"


class Portfolio(Part):
    strategies: tuple[str, ...] = ("bear_trap", "daily_trend", "hourly_swing")
    initial_capital_dollars: Money = Decimal(300000)
    max_daily_loss_dollars: Money = Decimal(10000)
    max_drawdown_pct: Percent = Decimal(20)
    stale_after_seconds: Seconds = Field(
        Decimal(60), description="a peer this late with its figures blocks entries"
    )
    store: Annotated[str, Field(pattern=r"^[\w.-]+$")] = "portfolio.sqlite3"


class Common(Part):
    """What every strategy's config.json holds."""

    schema_: str | None = Field(None, alias="$schema", description="for editors")
    account_info: AccountInfo
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1)]
    data_requirements: DataRequirements
    trading_hours: TradingHours = TradingHours()
    risk_management: RiskManagement
    execution: Execution = Execution()
    monitoring: Monitoring
    ssm_parameters: SsmParameters
    portfolio: Portfolio = Portfolio()


class BearTrapConfig(Common):
    strategy: BearTrapInfo
    strategy_parameters: BearTrapParameters = BearTrapParameters()


class DailyTrendConfig(Common):
    strategy: DailyTrendInfo
    symbol_parameters: dict[str, Band]
    strategy_parameters: DailyTrendParameters = DailyTrendParameters()


class HourlySwingConfig(Common):
    strategy: HourlySwingInfo
    symbol_parameters: dict[str, Band]
    strategy_parameters: HourlySwingParameters = HourlySwingParameters()


Model = BearTrapConfig | DailyTrendConfig | HourlySwingConfig
MODELS: dict[str, type[Model]] = {
    "bear_trap": BearTrapConfig,
    "daily_trend": DailyTrendConfig,
    "hourly_swing": HourlySwingConfig,
}
