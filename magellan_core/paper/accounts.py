"""Accounts of the paper exchange: what opens one, and what its reads answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from magellan_core.model import Timeframe


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """An account to open: number, keys, the bars it is priced by, dollars of cash.

    `shares` holds (quantity, mean entry price) by symbol, as held from the start; `last_equity` is
    that of the session before, None: the cash.
    """

    number: str
    key: str
    secret: str = field(repr=False)
    timeframe: Timeframe
    cash: Decimal = Decimal(100_000)
    multiplier: int = 4
    shares: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    last_equity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """Account settings that a client may change."""

    suspend_trade: bool = False
    no_shorting: bool = False
    fractional_trading: bool = True
    max_margin_multiplier: int = 4
    trade_confirm_email: str = "all"


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account now. Dollars; market values are negative for shorts.

    `last_equity` and `last_maintenance_margin` are those of the last session's close;
    `buying_power` is multiplier x equity less positions and open entries, never below zero.
    """

    number: str
    id: str
    created_at: datetime
    balance_asof: datetime
    cash: Decimal
    equity: Decimal
    last_equity: Decimal
    buying_power: Decimal
    regt_buying_power: Decimal
    non_marginable_buying_power: Decimal
    long_market_value: Decimal
    short_market_value: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    last_maintenance_margin: Decimal
    multiplier: int
    shorting_enabled: bool
    trade_suspended: bool

    @property
    def position_market_value(self) -> Decimal:
        """Gross: longs plus the size of the shorts."""
        return self.long_market_value - self.short_market_value


@dataclass(frozen=True, slots=True)
class PositionState:
    """A position now. `qty`, market value and cost are negative when short; dollars."""

    symbol: str
    qty: Decimal
    qty_available: Decimal
    avg_entry_price: Decimal
    cost_basis: Decimal
    current_price: Decimal
    lastday_price: Decimal
    market_value: Decimal
    unrealized_pl: Decimal
    unrealized_intraday_pl: Decimal


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Equity in dollars at an instant."""

    at: datetime
    equity: Decimal
