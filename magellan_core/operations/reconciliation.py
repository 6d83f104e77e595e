"""Journal against exchange, line by line: orders, fills, positions, cash.

LAW: pure. Takes what the journal folds to and what the broker tells, returns the differences.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from magellan_core.book import Book
from magellan_core.lines import Event
from magellan_core.model import Account, BrokerOrder, Fill, Position
from magellan_core.order_states import DONE_FOR_DAY, Status, is_terminal
from magellan_core.records import OrderRecord

ENDS = {
    "filled": Status.FILLED,
    "canceled": Status.CANCELED,
    "expired": Status.EXPIRED,
    DONE_FOR_DAY: Status.EXPIRED,
    "rejected": Status.REJECTED,
    "replaced": Status.REPLACED,
}


@dataclass(frozen=True, slots=True)
class BrokerSide:
    """Everything the broker has on an account since it was opened with `opening_cash`."""

    account: Account
    positions: Sequence[Position]
    orders: Sequence[BrokerOrder]
    fills: Sequence[Fill]
    opening_cash: Decimal


@dataclass(frozen=True, slots=True)
class Matched:
    """One line of the comparison: what, what the journal says, what the broker says."""

    what: str
    journal: str
    broker: str

    @property
    def agrees(self) -> bool:
        return self.journal == self.broker


def compare(book: Book, events: Iterable[Event], broker: BrokerSide) -> list[Matched]:
    """Every order, fill, position and the cash, once each, in the broker's order."""
    return [
        *_orders(book, broker),
        *_fills(events, broker),
        *_positions(book, broker),
        Matched(
            "cash",
            f"{broker.opening_cash + book.cash_flow:.2f}",
            f"{broker.account.cash:.2f}",
        ),
    ]


def _orders(book: Book, broker: BrokerSide) -> list[Matched]:
    lines: list[Matched] = []
    found: set[str] = set()
    for order in (o for parent in broker.orders for o in (parent, *parent.legs)):
        record = book.orders.get(order.client_order_id) or book.lookup(order.id)
        if record is None:
            lines.append(
                Matched(f"order {order.client_order_id}", "not in the journal", order.status)
            )
        elif record.key not in found:
            found.add(record.key)
            lines.append(Matched(f"order {record.key}", _ours(record), _theirs(order)))
    lines += [
        Matched(f"order {o.key}", o.status.value, "not at the broker")
        for o in book.orders.values()
        if o.key not in found and o.status not in (Status.REJECTED, Status.ABANDONED)
    ]
    return lines


def _ours(record: OrderRecord) -> str:
    return f"{record.side.value} {shares(record.filled)}/{record.qty} {_end(record.status)}"


def _theirs(order: BrokerOrder) -> str:
    status = ENDS.get(order.status, Status.WORKING)
    if order.status == DONE_FOR_DAY and order.time_in_force == "gtc":
        status = Status.WORKING
    return f"{order.side.value} {shares(order.filled_qty)}/{shares(order.qty)} {_end(status)}"


def shares(qty: Decimal) -> str:
    """A quantity without trailing zeros."""
    return f"{qty.normalize():f}" if qty else "0"


def _end(status: Status) -> str:
    return status.value if is_terminal(status) else "open"


def _fills(events: Iterable[Event], broker: BrokerSide) -> list[Matched]:
    ours = {str(e.data["id"]): _fill_text(e) for e in events if e.kind == "fill"}
    theirs = {
        f.id: f"{f.side.value} {shares(f.qty)} {f.symbol} at {shares(f.price)}"
        for f in broker.fills
    }
    return [
        Matched(f"fill {key}", ours.get(key, "not in the journal"), theirs.get(key, "unknown"))
        for key in dict.fromkeys([*theirs, *ours])
    ]


def _fill_text(event: Event) -> str:
    d = event.data
    qty, price = shares(Decimal(str(d["qty"]))), shares(Decimal(str(d["price"])))
    return f"{d['side']} {qty} {event.symbol} at {price}"


def _positions(book: Book, broker: BrokerSide) -> list[Matched]:
    ours = {s: p.qty for s, p in book.positions.items() if p.qty}
    theirs = {p.symbol: p.qty for p in broker.positions}
    return [
        Matched(
            f"position {symbol}",
            shares(ours.get(symbol, Decimal(0))),
            shares(theirs.get(symbol, Decimal(0))),
        )
        for symbol in sorted({*ours, *theirs})
    ]
