"""The form of `risk_management` in config.json, as typed and frozen values."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from magellan_core.config_types import Count, Money, Number, Part, Percent, Policy, Seconds, Share


class HaltPolicies(Part):
    """What a breached limit does: close everything and stop, or hold without new entries."""

    daily_loss: Policy = Field("flatten", description="policy")
    drawdown: Policy = Field("flatten", description="policy")
    portfolio: Policy = Field("flatten", description="policy")
    manual: Policy = Field("flatten", description="policy")
    losing_streak: Policy = Field("hold", description="policy")
    win_rate: Policy = Field("hold", description="policy")


class EmergencyStopConditions(Part):
    consecutive_losing_days: Count = Field(3, description="so many losing sessions in a row halt")
    losing_day_min_loss_pct: Share = Field(
        Decimal(1), description="a losing day loses more than this share of equity"
    )
    min_win_rate_pct: Percent = Field(
        description="a lower share of winners among the closed trades halts"
    )
    win_rate_window_days: Annotated[Count, Field(le=3660)] = Field(
        description="calendar days of trades judged, more if they hold too few"
    )
    win_rate_min_trades: Count = Field(
        20, description="with fewer closed trades the win rate is not judged"
    )
    max_drawdown_pct: Percent = Field(
        Decimal(20), description="so far below the high-water mark halts"
    )


class RiskManagement(Part):
    max_daily_loss_dollars: Money = Field(
        Decimal(10000), description="the day's loss that halts, marked to market"
    )
    max_daily_loss_pct: Percent = Field(
        Decimal(10), description="the same of the day's first equity; whichever bites first"
    )
    max_position_dollars: Money = Field(description="cost at entry, open orders included")
    position_buffer_pct: Annotated[Number, Field(ge=0, lt=100)] = Field(
        Decimal(1), description="left free in sizing, so that a fill does not exceed the position"
    )
    max_open_positions: Count = Field(description="entries beyond are refused")
    max_trades_per_day: Count | None = Field(None, description="null: no limit")
    risk_per_trade_pct: Percent | None = Field(None, description="Bear Trap: lost at the stop")
    max_spread_pct: Percent = Field(
        description="bid to ask, of the quote's middle; wider is refused"
    )
    min_quote_size_shares: Count = Field(description="bid and ask must show so many shares")
    price_collar_pct: Percent = Field(description="quote's middle against the decision's price")
    slippage_tolerance_pct: Percent = Field(
        Decimal(1), description="ask above the quote's middle; in reports, fill against decision"
    )
    max_quote_age_seconds: Seconds = Field(
        description="an older quote is refused; quote and bars that both stand still for so long "
        "mean a halt"
    )
    max_bar_age_seconds: Seconds = Field(description="an older newest bar is refused")
    max_orders_per_minute: Count = Field(30, description="entries beyond are refused")
    halt_policies: HaltPolicies = HaltPolicies()
    emergency_stop_conditions: EmergencyStopConditions
