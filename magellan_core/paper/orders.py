"""Orders, updates and executions of the paper exchange, as plain values."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from operator import attrgetter

from magellan_core.model import OrderClass, OrderType, Side, TimeInForce

ENDED = frozenset({"filled", "canceled", "expired", "rejected", "replaced", "done_for_day"})
# Events that wake a daemon which asked to be woken.
WAKEFUL = frozenset({"fill", "partial_fill", "canceled", "rejected", "expired", "replaced"})


@dataclass(frozen=True, slots=True)
class OrderForm:
    """An order as asked for. `qty` xor `notional`; prices in dollars.

    `take_profit` is the target's limit price; `stop_loss` the protective stop's price, with
    `stop_loss_limit` a stop-limit.
    """

    symbol: str
    side: Side
    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    qty: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    extended_hours: bool = False
    client_order_id: str | None = None
    order_class: OrderClass = OrderClass.SIMPLE
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    stop_loss_limit: Decimal | None = None
    position_intent: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a replacement changes; None leaves a field as it is. `trail` is price or percent."""

    qty: Decimal | None = None
    time_in_force: TimeInForce | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    client_order_id: str | None = None


@dataclass(slots=True)
class Order:
    """An order at the exchange. Reads hand out copies; `status` is Alpaca's word.

    `qty` is None only for an order for dollars (`notional`) that has not filled.
    """

    id: str
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    order_class: OrderClass
    qty: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_price: Decimal | None
    trail_percent: Decimal | None
    extended_hours: bool
    position_intent: str | None
    status: str
    created_at: datetime
    submitted_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    filled_at: datetime | None = None
    expired_at: datetime | None = None
    canceled_at: datetime | None = None
    failed_at: datetime | None = None
    replaced_at: datetime | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    parent_id: str | None = None
    filled_qty: Decimal = Decimal(0)
    filled_value: Decimal = Decimal(0)
    hwm: Decimal | None = None
    triggered: bool = False
    legs: list["Order"] = field(default_factory=list)

    @property
    def filled_avg_price(self) -> Decimal | None:
        """Mean price of the executions, weighted by quantity."""
        return self.filled_value / self.filled_qty if self.filled_qty else None

    @property
    def remaining(self) -> Decimal:
        """Shares still to be filled; 0 while an order for dollars has no quantity yet."""
        return Decimal(0) if self.qty is None else self.qty - self.filled_qty

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def snapshot(self) -> "Order":
        """A copy, legs included, that later events leave alone."""
        copy = Order(*_values(self))
        copy.legs = [leg.snapshot() for leg in self.legs]
        return copy


# Every read copies orders, and dataclasses.replace takes three times as long: it asks each field.
_values = attrgetter(*(each.name for each in fields(Order)))


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill of one order. `id` sorts in the order in which the account's fills happened."""

    id: str
    order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    at: datetime
    type: str
    cum_qty: Decimal
    leaves_qty: Decimal
    order_status: str


@dataclass(frozen=True, slots=True)
class Update:
    """A trade update. The last four are set on fills only; `position_qty` is after the fill."""

    account: str
    event: str
    order: Order
    at: datetime
    price: Decimal | None = None
    qty: Decimal | None = None
    position_qty: Decimal | None = None
    execution_id: str | None = None
