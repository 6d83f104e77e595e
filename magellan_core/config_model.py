"""The form of config.json, as typed and frozen values. The schema is generated from it.

Per cent are of 100: 10 means 10 %. Money is in dollars. An unknown key is an error.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from magellan_core.config_risk import RiskManagement
from magellan_core.config_types import (
    Count,
    Minutes,
    Money,
    Number,
    Part,
    Percent,
    Seconds,
    Share,
    Symbol,
    TimeOfDay,
)


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
    version: str = Field("", description="for people")
    description: str = Field("", description="for people")


class BearTrapInfo(StrategyInfo):
    name: Literal["bear_trap"] = Field(description="which strategy it is")


class DailyTrendInfo(StrategyInfo):
    name: Literal["daily_trend"] = Field(description="which strategy it is")


class HourlySwingInfo(StrategyInfo):
    name: Literal["hourly_swing"] = Field(description="which strategy it is")


class Band(Part):
    """A Schmitt trigger on RSI: long above `upper`, flat below `lower`."""

    rsi_period: Annotated[Count, Field(ge=2, le=200)] = Field(description="bars of the RSI")
    upper: Percent = Field(description="RSI above it buys")
    lower: Percent = Field(description="RSI below it sells")


class BearTrapParameters(Part):
    min_day_change_pct: Annotated[Number, Field(lt=0, gt=-100)] = Field(
        Decimal(-15),
        description="the day's fall that makes a symbol a candidate, met exactly counts",
    )
    day_change_reference: Literal["session_open", "previous_close"] = Field(
        "session_open", description="what the day's change counts from"
    )
    require_support_break: StrictBool = Field(
        default=True, description="false: a close above the running low is enough"
    )
    min_wick_ratio: Share = Field(
        Decimal("0.15"), description="lower wick of the signal bar, of its range"
    )
    min_body_ratio: Share = Field(
        Decimal("0.20"), description="body of the signal bar, of its range"
    )
    min_volume_ratio: Share = Field(
        Decimal("1.20"), description="volume of the signal bar, of its mean"
    )
    volume_mean_bars: Count = Field(20, description="bars of the mean volume")
    atr_bars: Count = Field(14, description="bars of the mean true range")
    stop_atr_multiple: Money = Field(
        Decimal("0.45"), description="the stop lies so many mean true ranges below the low"
    )
    max_hold_minutes: Minutes = Field(30, description="everything is sold so long after the fill")
    exit_before_close_minutes: Minutes = Field(
        5, description="everything is sold so long before the close"
    )
    no_entry_before_close_minutes: Minutes = Field(
        5, description="no entries from so long before the close"
    )


class DailyTrendParameters(Part):
    rsi_method: Literal["ema", "wilder"] = Field(
        "ema", description="ema: span n, as validated; wilder: 1/n"
    )
    allocation_dollars: Money = Field(Decimal(10000), description="dollars a symbol")
    signal_after_close_minutes: Minutes = Field(5, description="when the day's bars are decided on")


class HourlySwingParameters(Part):
    rsi_method: Literal["ema", "wilder"] = Field(
        "ema", description="ema: span n, as validated; wilder: 1/n"
    )
    allocation_dollars: Money = Field(Decimal(50000), description="dollars a symbol")
    bar_session: Literal["all", "regular"] = Field(
        "all",
        description="all: bars from 04:00 to 20:00, as validated; "
        "regular: hours of the session from 09:30 on, built from minutes",
    )


class DataRequirements(Part):
    feed: Literal["sip", "iex", "sip_delayed"] = Field(
        "sip",
        description="sip: real-time, a paid plan; iex: free, not for Bear Trap; "
        "sip_delayed: free, 15 minutes late, Daily Trend only",
    )
    timeframe: Literal["1Min", "1Hour", "1Day"] = Field(description="length of the bars")
    warmup_bars: Annotated[Count, Field(le=2500)] = Field(
        description="bars that warm the indicators before the first decision; "
        "of a symbol with fewer than 84, RSI strategies decide nothing"
    )
    bar_retry_seconds: tuple[Seconds, ...] = Field(
        (Decimal(1), Decimal(3)),
        description="when a bar that is due is asked for again, counted from its end",
    )
    stream: bool | None = Field(
        None,
        description="whether the market data stream makes polling early, as a hint and no more, "
        "and tells of trading halts; absent: yes, unless the feed is a delayed one",
    )


class TradingHours(Part):
    timezone: Literal["America/New_York"] = Field(
        "America/New_York", description="the market's; every time of day is in it"
    )
    first_check: TimeOfDay | None = Field(
        None, description="Hourly Swing's first check of the day, from 09:30 to before 13:00"
    )


class Execution(Part):
    loop_interval_seconds: Annotated[Number, Field(ge=1, le=60)] = Field(
        Decimal(10), description="between looks at the account while the market is open"
    )
    execution_delay_seconds: Seconds = Field(
        Decimal(0), description="Daily Trend: after the open, before the orders"
    )
    execute_until: TimeOfDay | None = Field(
        None, description="Daily Trend: an entry not executed by then is dropped"
    )
    entry_timeout_seconds: Seconds = Field(
        Decimal(300), description="a market entry unfilled for so long is cancelled"
    )
    partial_fill_grace_seconds: Seconds = Field(
        Decimal(5), description="a half-filled tranche is cancelled after so long"
    )
    unknown_order_grace_seconds: Seconds = Field(
        Decimal(10), description="an order whose fate is unknown is looked up for so long"
    )
    reconcile_grace_seconds: Seconds = Field(
        Decimal(10), description="book and broker may disagree for so long"
    )
    request_timeout_seconds: Annotated[Number, Field(ge=0.1, le=60)] = Field(
        Decimal(5), description="between two bytes of an answer"
    )
    request_deadline_seconds: Annotated[Number, Field(ge=0.1, le=120)] = Field(
        Decimal(10), description="of a whole request"
    )


class Monitoring(Part):
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="the least that is logged"
    )
    cloudwatch_log_group: str = Field(description="where the log shipper sends this strategy")
    health_check_interval_seconds: Annotated[Number, Field(ge=5, le=120)] = Field(
        Decimal(60), description="how often the account is looked at while the market is closed"
    )
    report_interval_seconds: Annotated[Number, Field(ge=10, le=86_400)] = Field(
        Decimal(300), description="how often the log tells the status"
    )
    alert_on_loss_dollars: Money = Field(
        Decimal(5000), description="the day's loss that alerts without a halt"
    )
    alert_topic_arn: (
        Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w.-]+$")] | None
    ) = Field(None, description="SNS topic of this strategy's alerts; null: they stay in the log")
    alert_level: Literal["info", "warning", "critical"] = Field(
        "warning", description="the least that is sent to people"
    )
    slippage_tolerance_bps: Annotated[Number, Field(ge=0, le=10_000)] = Field(
        Decimal(25), description="reports: mean of the fills against the backtest's price"
    )
    expected_win_rate_pct: tuple[Percent, Percent] = Field(
        (Decimal(30), Decimal(60)), description="reports: lowest and highest to be expected"
    )


class SsmParameters(Part):
    region: str | None = Field(
        "us-east-2", description="null: AWS_REGION, or where the instance runs"
    )
    api_key_path: Annotated[str, Field(pattern=r"^/.+/API_KEY$")] = Field(
        description="SSM parameter of the key"
    )
    api_secret_path: Annotated[str, Field(pattern=r"^/.+/API_SECRET$")] = Field(
        description="SSM parameter of the secret"
    )
    base_url: str = Field(
        "https://paper-api.alpaca.markets", description="the broker's REST address"
    )
    data_url: str = Field(
        "https://data.alpaca.markets", description="the market data's REST address"
    )


class Portfolio(Part):
    strategies: tuple[str, ...] = Field(
        ("bear_trap", "daily_trend", "hourly_swing"), description="whose figures are summed"
    )
    initial_capital_dollars: Money = Field(Decimal(300000), description="of all accounts together")
    max_daily_loss_dollars: Money = Field(
        Decimal(10000), description="the day's loss that halts, marked to market"
    )
    max_drawdown_pct: Percent = Field(
        Decimal(20), description="so far below the high-water mark halts"
    )
    stale_after_seconds: Seconds = Field(
        Decimal(60), description="a peer this late with its figures blocks entries"
    )
    store: Annotated[str, Field(pattern=r"^[\w.-]+$")] = Field(
        "portfolio.sqlite3", description="file of the shared figures, in the state directory"
    )


class Common(Part):
    """What every strategy's config.json holds."""

    schema_: str | None = Field(None, alias="$schema", description="for editors")
    account_info: AccountInfo
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1)] = Field(
        description="what is traded, as Alpaca spells it"
    )
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
