"""What the book remembers of one order and one position, as mutable rows of a fold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from magellan_core.model import (
    OrderClass,
    OrderRequest,
    OrderType,
    Side,
    TimeInForce,
)
from magellan_core.order_states import Status, is_live

NOTHING = Decimal(0)


class Role(StrEnum):
    """What an order is for. Legs of a bracket are TARGET and STOP too."""

    ENTRY = "entry"
    TARGET = "target"
    STOP = "stop"
    EXIT = "exit"


@dataclass(slots=True)
class OrderRecord:
    """One order of ours. `key` is the client order id, or "<parent's id>/target" for a leg."""

    key: str
    symbol: str
    role: Role
    side: Side
    qty: int
    decision: str
    tranche: int | None
    planned_at: datetime
    status: Status
    request: OrderRequest | None = None
    parent: str | None = None
    replaces: str | None = None
    broker_id: str | None = None
    word: str = ""
    stop: Decimal | None = None
    limit: Decimal | None = None
    seen_filled: Decimal = NOTHING
    filled: Decimal = NOTHING
    reason: str = ""
    support: Decimal | None = None
    first_partial: datetime | None = None
    cancel_asked: datetime | None = None
    fills_from: str | None = None
    """The newest fill on record when it was planned: its own come after."""

    @property
    def live(self) -> bool:
        return is_live(self.status)

    @property
    def unresolved(self) -> bool:
        """Nobody has confirmed that the broker has it, or that it has not."""
        return self.status in (Status.PLANNED, Status.PENDING, Status.UNKNOWN)

    @property
    def lagging(self) -> bool:
        """The broker reports more filled than the fills we have read."""
        return self.seen_filled > self.filled


@dataclass(slots=True)
class TrancheRecord:
    """One part of a bracketed position. `held` counts its own entry and its own exits only."""

    index: int
    qty: int
    stop: Decimal
    take_profit: Decimal | None
    bought: Decimal = NOTHING
    sold: Decimal = NOTHING
    target_filled: bool = False

    @property
    def held(self) -> Decimal:
        return self.bought - self.sold


@dataclass(slots=True)
class PositionRecord:
    """A long position from its entry decision to flat. `cost` is of all shares bought."""

    symbol: str
    decision: str
    decided_at: datetime
    reason: str
    support: Decimal | None = None
    qty: Decimal = NOTHING
    bought: Decimal = NOTHING
    cost: Decimal = NOTHING
    realised: Decimal = NOTHING
    entered_at: datetime | None = None
    split_at: datetime | None = None
    tranches: dict[int, TrancheRecord] = field(default_factory=dict)

    @property
    def avg_price(self) -> Decimal:
        return self.cost / self.bought if self.bought else NOTHING

    def buy(self, qty: Decimal, amount: Decimal, at: datetime) -> None:
        """Shares bought for that many dollars."""
        self.qty += qty
        self.bought += qty
        self.cost += amount
        self.entered_at = self.entered_at or at

    def sell(self, qty: Decimal, amount: Decimal) -> Decimal:
        """Shares sold for that many dollars; the gain over their average price."""
        gain = amount - qty * self.avg_price
        self.qty -= qty
        self.realised += gain
        return gain


@dataclass(slots=True)
class ExitRecord:
    """A position being closed: cancel its orders, then sell what is left."""

    symbol: str
    reason: str
    decided_at: datetime
    attempt: int = 0


def dump_request(request: OrderRequest) -> dict[str, object]:
    """The request as the journal keeps it: JSON-safe, prices as strings."""

    def text(price: Decimal | None) -> str | None:
        return None if price is None else str(price)

    return {
        "side": request.side.value,
        "qty": request.qty,
        "type": request.type.value,
        "time_in_force": request.time_in_force.value,
        "limit": text(request.limit_price),
        "stop": text(request.stop_price),
        "class": request.order_class.value,
        "take_profit": text(request.take_profit),
        "stop_loss": text(request.stop_loss),
    }


def price_of(data: Mapping[str, object], key: str) -> Decimal | None:
    """A price out of a journal line; None where there is none."""
    value = data.get(key)
    return None if value is None else Decimal(str(value))


def load_request(client_order_id: str, symbol: str, data: Mapping[str, object]) -> OrderRequest:
    """The inverse of dump_request."""
    return OrderRequest(
        client_order_id=client_order_id,
        symbol=symbol,
        side=Side(str(data["side"])),
        qty=int(str(data["qty"])),
        type=OrderType(str(data["type"])),
        time_in_force=TimeInForce(str(data["time_in_force"])),
        limit_price=price_of(data, "limit"),
        stop_price=price_of(data, "stop"),
        order_class=OrderClass(str(data["class"])),
        take_profit=price_of(data, "take_profit"),
        stop_loss=price_of(data, "stop_loss"),
    )
