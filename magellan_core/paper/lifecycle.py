"""Moves one account's orders from state to state, groups included, and tells each move.

LAW: called only while time advances. A move happens at `at` and appends one Update per event.
"""

from datetime import datetime
from decimal import Decimal

from magellan_core.model import OrderClass, OrderType
from magellan_core.paper.ledger import Ledger
from magellan_core.paper.orders import Execution, Order, Update

_STAMP = {"canceled": "canceled_at", "expired": "expired_at", "rejected": "failed_at"}


class Desk:
    """The state changes of one account's orders."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.told: list[Update] = []

    def tell(self, event: str, order: Order, at: datetime, fill: Execution | None = None) -> None:
        """Append the update with a snapshot of the order as it is now."""
        number, snapshot = self.ledger.spec.number, order.snapshot()
        if fill is None:
            self.told.append(Update(number, event, snapshot, at))
            return
        lot = self.ledger.positions.get(order.symbol)
        held = Decimal(0) if lot is None else lot.qty
        self.told.append(Update(number, event, snapshot, at, fill.price, fill.qty, held, fill.id))

    def start(self, order: Order, status: str, at: datetime) -> None:
        """The exchange has taken the order: it works ("new") or waits for the open."""
        order.status, order.updated_at = status, at
        self.tell(status, order, at)

    def end(self, order: Order, status: str, at: datetime) -> None:
        """Cancel, expire or reject an order with everything in its group that still lives."""
        if order.ended:
            return
        parent = self.ledger.parent(order)
        family = [order, *order.legs] if parent is None else [parent, *parent.legs]
        self._close(order, status, at)
        for member in family:
            if not member.ended:
                self._close(member, status, at)

    def end_alone(self, order: Order, status: str, at: datetime) -> None:
        """The venue cancels, expires or rejects one order, and leaves its group as it is."""
        if not order.ended:
            self._close(order, status, at)

    def _close(self, order: Order, status: str, at: datetime) -> None:
        order.status, order.updated_at = status, at
        setattr(order, _STAMP[status], at)
        self.ledger.drop(order)
        self.tell(status, order, at)

    def swap(self, old: Order, new: Order, status: str, at: datetime) -> None:
        """The replacement takes over: group, legs and, at first, the old order's status."""
        old.status, old.updated_at, old.replaced_at = "replaced", at, at
        self.ledger.drop(old)
        parent = self.ledger.parent(old)
        if parent is not None:
            parent.legs = [new if leg is old else leg for leg in parent.legs]
        new.legs, old.legs = old.legs, []
        for leg in new.legs:
            leg.parent_id = new.id
        new.status, new.updated_at = status, at
        self.tell("replaced", old, at)
        self.tell("new" if status == "held" else status, new, at)

    def fill(self, order: Order, qty: Decimal, price: Decimal, at: datetime) -> None:
        """Execute `qty` shares at `price`; wake the legs or settle the group."""
        ledger = self.ledger
        ledger.book(order.symbol, order.side, qty, price, at)
        order.filled_qty += qty
        order.filled_value += qty * price
        order.updated_at = at
        done = order.remaining == 0
        order.status = "filled" if done else "partially_filled"
        if done:
            order.filled_at = at
            ledger.drop(order)
        execution = Execution(
            id=ledger.execution_id(order, at),
            order_id=order.id,
            symbol=order.symbol,
            side=order.side,
            qty=qty,
            price=price,
            at=at,
            type="fill" if done else "partial_fill",
            cum_qty=order.filled_qty,
            leaves_qty=order.remaining,
            order_status=order.status,
        )
        ledger.executions.append(execution)
        woken = self._wake_legs(order, at) if done else []
        self.tell(execution.type, order, at, execution)
        for leg in woken:
            self.tell("new", leg, at)
        self._settle_group(order, qty, done=done, at=at)

    def _wake_legs(self, entry: Order, at: datetime) -> list[Order]:
        """The entry is filled: its target (or only leg) works, the stop beside it stays held."""
        if entry.parent_id is not None or entry.order_class is OrderClass.OCO:
            return []
        woken = [leg for leg in entry.legs if not leg.ended]
        if len(woken) > 1:
            woken = [leg for leg in woken if leg.type is OrderType.LIMIT]
        for leg in woken:
            leg.status, leg.updated_at = "new", at
        return woken

    def _settle_group(self, order: Order, qty: Decimal, *, done: bool, at: datetime) -> None:
        for other in self.ledger.siblings(order):
            if done:
                self._close(other, "canceled", at)
            elif other.qty is not None:
                other.qty -= qty
                other.updated_at = at
