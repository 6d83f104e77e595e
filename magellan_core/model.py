"""The values that every part speaks: bars, quotes, orders, fills, positions and intents.

Times are aware UTC. Bars are floats, since indicators are; prices, cash and P&L are Decimal.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class Timeframe(StrEnum):
    """Length of a bar, spelled as Alpaca spells it."""

    MINUTE = "1Min"
    HOUR = "1Hour"
    DAY = "1Day"


class Bar(NamedTuple):
    """One completed bar. `start` and `end` are UTC; a daily bar spans its regular session."""

    symbol: str
    start: datetime
    end: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


class Quote(NamedTuple):
    """Best bid and ask in dollars, sizes in shares."""

    symbol: str
    at: datetime
    bid: Decimal
    ask: Decimal
    bid_size: int
    ask_size: int

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    OPG = "opg"
    CLS = "cls"


class OrderClass(StrEnum):
    SIMPLE = "simple"
    BRACKET = "bracket"
    OTO = "oto"
    OCO = "oco"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What we ask a broker to do. Prices in dollars, on the venue's tick; whole shares."""

    client_order_id: str
    symbol: str
    side: Side
    qty: int
    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    order_class: OrderClass = OrderClass.SIMPLE
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker tells it. `status` is Alpaca's word, known to us or not."""

    id: str
    client_order_id: str
    symbol: str
    side: Side
    type: str
    order_class: str
    status: str
    qty: Decimal
    filled_qty: Decimal
    filled_avg_price: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    submitted_at: datetime
    updated_at: datetime
    replaces: str | None = None
    replaced_by: str | None = None
    legs: tuple["BrokerOrder", ...] = ()
    time_in_force: str = ""


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `id` orders fills of an account and is the journal's cursor."""

    id: str
    order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """Shares held at the broker; negative when short (which we never are)."""

    symbol: str
    qty: Decimal
    avg_entry_price: Decimal
    current_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Account:
    """The account; None: unknown, never zero. `last_equity` is that of the close on `as_of`."""

    number: str
    status: str
    cash: Decimal
    equity: Decimal | None
    last_equity: Decimal | None
    buying_power: Decimal
    multiplier: Decimal
    trading_blocked: bool
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Asset:
    """Whether a symbol can be traded now."""

    symbol: str
    tradable: bool
    status: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker has the order."""

    order: BrokerOrder


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker does not have the order and says why."""

    status: int
    code: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows yet whether the broker has the order: look it up, never send again blindly."""

    why: str


Outcome = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Tranche:
    """One part of a bracketed entry. `take_profit` None: the runner, which has a stop only."""

    qty: int
    stop: Decimal
    take_profit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Enter:
    """Go long. Either `dollars` to spend, or `tranches` that say shares and exits.

    `reference`: the decision's price; `scheduled`: the instant it was due (None: a bar's). Before
    `not_before` it is kept as a signal, after `until` dropped. `support`: the runner's later stop.
    """

    symbol: str
    reason: str
    reference: Decimal
    dollars: Decimal | None = None
    tranches: tuple[Tranche, ...] = ()
    support: Decimal | None = None
    not_before: datetime | None = None
    until: datetime | None = None
    scheduled: datetime | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """Close the whole position: cancel its orders, then sell what is left."""

    symbol: str
    reason: str
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class MoveStop:
    """Replace the stop of the runner (the tranche without a target), price only."""

    symbol: str
    stop: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Drop the signal of this symbol that still waits for its instant."""

    symbol: str
    reason: str


Intent = Enter | Exit | MoveStop | Withdraw


@dataclass(frozen=True, slots=True)
class DataNeeds:
    """Bars to warm up with, and the least there must be to decide; final once `ready_after` old."""

    symbols: tuple[str, ...]
    timeframe: Timeframe
    extended_hours: bool
    warmup_bars: int
    split_adjusted: bool
    ready_after: timedelta = timedelta(0)
    least_bars: int = 0


@dataclass(frozen=True, slots=True)
class OpenTranche:
    """Shares of one tranche still held, with the stop resting for them at the broker."""

    index: int
    qty: int
    stop: Decimal | None
    take_profit: Decimal | None


@dataclass(frozen=True, slots=True)
class Holding:
    """A position of ours as the journal knows it. `entered_at` is the first fill's time."""

    symbol: str
    qty: int
    avg_price: Decimal
    entered_at: datetime
    support: Decimal | None = None
    tranches: tuple[OpenTranche, ...] = ()
    targets_hit: int = 0


@dataclass(frozen=True, slots=True)
class Published:
    """What one strategy tells its peers at each tick, and by when again (`next_by`); in dollars.

    `session`: of `pnl_today`; `state`: running, halted, stopped; `paid_in`: net deposits so far.
    """

    strategy: str
    at: datetime
    next_by: datetime
    equity: Decimal
    pnl_today: Decimal
    session: date | None
    flat: bool
    state: str
    paid_in: Decimal = Decimal(0)
