"""The order protocol: PLANNED on disk, then send, then the outcome on disk.

An outcome that nobody knows is looked up by our id until known, and never sent again blindly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from magellan_core.engine.adopt import adoption
from magellan_core.engine.ledger import Ledger
from magellan_core.lines import Event, Line, line
from magellan_core.model import (
    Accepted,
    BrokerOrder,
    OrderRequest,
    Outcome,
    Refused,
    Side,
)
from magellan_core.order_states import Status
from magellan_core.ports import Broker
from magellan_core.records import OrderRecord, Role, dump_request

# Words for orders that certainly hold no shares back.
GONE = frozenset({"filled", "canceled", "rejected", "replaced"})


@dataclass(frozen=True, slots=True)
class Plan:
    """One order about to be sent, and why."""

    request: OrderRequest
    role: Role
    decision: str
    reason: str
    tranche: int | None = None
    support: Decimal | None = None
    replaces: str | None = None


class Desk:
    """Sends, cancels and replaces; writes down what the broker says of an order."""

    def __init__(
        self, strategy: str, broker: Broker, ledger: Ledger, unknown_grace: timedelta
    ) -> None:
        self.strategy, self.broker, self.ledger = strategy, broker, ledger
        self.unknown_grace = unknown_grace

    def place(self, plans: Sequence[Plan], now: datetime, *decided: Event) -> None:
        """Send orders of one decision in turn. Raise JournalUnwritable before any entry leaves.

        `decided` is the line that says why, on disk with the plans. Once an outcome is not
        Accepted, the rest stays at home: a refused or unknown part is a reason to look first.
        """
        lines = [*decided, *(planned_line(plan, now) for plan in plans)]
        if any(plan.role is Role.ENTRY for plan in plans):
            self.ledger.write_ahead(*lines)
        else:
            self.ledger.write(*lines)
        for number, plan in enumerate(plans):
            outcome = self._send(plan)
            self.hear(plan.request.client_order_id, plan.request.symbol, outcome, now)
            if not isinstance(outcome, Accepted):
                for kept in plans[number + 1 :]:
                    reason = "kept back: the order before it was not accepted"
                    request = kept.request
                    self._outcome(request.client_order_id, request.symbol, "refused", reason, now)
                return

    def _send(self, plan: Plan) -> Outcome:
        self.ledger.flush()
        request = plan.request
        if plan.replaces is not None and request.stop_price is not None:
            return self.broker.replace_stop(
                plan.replaces, request.client_order_id, request.stop_price
            )
        return self.broker.submit(request)

    def hear(self, key: str, symbol: str, outcome: Outcome, now: datetime) -> None:
        """Write down a broker's answer."""
        if isinstance(outcome, Accepted):
            self._outcome(key, symbol, "accepted", "", now, outcome.order.id)
            self.observe(outcome.order, now)
        elif isinstance(outcome, Refused):
            code = "" if outcome.code is None else f"/{outcome.code}"
            why = f"{outcome.status}{code} {outcome.message}"
            self._outcome(key, symbol, "refused", why, now)
        else:
            self._outcome(key, symbol, "unknown", outcome.why, now)

    def resolve(self, now: datetime) -> None:
        """Look up every order whose fate is open. Raise Unavailable if the broker is."""
        for record in [o for o in self.ledger.book.live.values() if o.unresolved]:
            found = self.broker.find(record.key)
            if found is not None:
                self._outcome(record.key, record.symbol, "found", "", now, found.id)
                self.observe(found, now)
            elif now - record.planned_at >= self.unknown_grace:
                self._not_found(record, now)

    def _not_found(self, record: OrderRecord, now: datetime) -> None:
        """An entry is abandoned but watched for; an exit is sent again under the same id."""
        resend = record.role is not Role.ENTRY and record.replaces is None
        if not resend or record.request is None:
            why = f"the broker does not know it after {self.unknown_grace.total_seconds():.0f} s"
            self._outcome(record.key, record.symbol, "abandoned", why, now)
            return
        self._outcome(record.key, record.symbol, "resent", "not known at the broker", now)
        self.ledger.flush()
        self.hear(record.key, record.symbol, self.broker.submit(record.request), now)

    def cancel(self, record: OrderRecord, why: str, now: datetime) -> None:
        """Ask for a cancel; whatever the answer, the next look at the order tells its fate."""
        if record.broker_id is None:
            return
        self.ledger.write(line(now, Line.CANCEL, record.symbol, order=record.key, why=why))
        answer = self.broker.cancel(record.broker_id)
        if answer is not None:
            said = answer.message if isinstance(answer, Refused) else answer.why
            self._outcome(record.key, record.symbol, "cancel_failed", said, now)

    def release(self, symbol: str, why: str, now: datetime) -> int:
        """Ask to cancel every sell order that the broker shows for a symbol, whoever's it is and
        whatever we thought of it; return how many. Raise Unavailable."""
        asked = 0
        for order in flatten_legs(self.broker.open_orders()):
            if order.symbol != symbol or order.side is not Side.SELL or order.status in GONE:
                continue
            asked += 1
            record = self.match(order)
            if record is not None:
                self.cancel(record, why, now)
            else:
                self.ledger.flush()
                self.broker.cancel(order.id)
        return asked

    def observe(self, order: BrokerOrder, now: datetime) -> OrderRecord | None:
        """Write down what is new about an order and its legs. None: it is not ours."""
        record = self.match(order) or self._adopt(order, now)
        if record is None:
            return None
        lines: list[Event] = []
        if record.status is Status.ABANDONED:
            self._outcome(record.key, record.symbol, "found", "after all", now, order.id)
        if (order.status, int(order.qty), order.filled_qty, order.stop_price, order.id) != (
            record.word,
            record.qty,
            record.seen_filled,
            record.stop,
            record.broker_id,
        ):
            lines.append(seen_line(record, order, now))
        lines += [leg_line(record, leg, now) for leg in order.legs if self.match(leg) is None]
        self.ledger.later(*lines)
        for leg in order.legs:
            self.observe(leg, now)
        return record

    def match(self, order: BrokerOrder) -> OrderRecord | None:
        book = self.ledger.book
        return book.orders.get(order.client_order_id) or book.lookup(order.id)

    def _adopt(self, order: BrokerOrder, now: datetime) -> OrderRecord | None:
        """A sale of ours that only the broker remembers goes on record; None for any other."""
        lines = adoption(self.strategy, order, self.ledger.book, now)
        if not lines:
            return None
        self.ledger.write(*lines)
        self._outcome(order.client_order_id, order.symbol, "found", "", now, order.id)
        return self.match(order)

    def _outcome(
        self,
        key: str,
        symbol: str,
        what: str,
        message: str,
        now: datetime,
        broker_id: str | None = None,
    ) -> None:
        self.ledger.later(
            line(
                now,
                Line.OUTCOME,
                symbol,
                order=key,
                what=what,
                message=message,
                broker_id=broker_id,
            )
        )


def planned_line(plan: Plan, now: datetime) -> Event:
    return line(
        now,
        Line.PLANNED,
        plan.request.symbol,
        order=plan.request.client_order_id,
        decision=plan.decision,
        role=plan.role.value,
        reason=plan.reason,
        tranche=plan.tranche,
        support=None if plan.support is None else str(plan.support),
        replaces=plan.replaces,
        request=dump_request(plan.request),
    )


def seen_line(record: OrderRecord, order: BrokerOrder, now: datetime) -> Event:
    return line(
        now,
        Line.SEEN,
        record.symbol,
        order=record.key,
        broker_id=order.id,
        word=order.status,
        qty=int(order.qty),
        filled=str(order.filled_qty),
        stop=None if order.stop_price is None else str(order.stop_price),
    )


def leg_line(parent: OrderRecord, leg: BrokerOrder, now: datetime) -> Event:
    """A leg is explained by its parent: a limit is the target, anything else the stop."""
    role = Role.TARGET if leg.stop_price is None else Role.STOP
    return line(
        now,
        Line.LEG,
        parent.symbol,
        order=f"{parent.key}/{role.value}",
        parent=parent.key,
        broker_id=leg.id,
        role=role.value,
        qty=int(leg.qty),
        stop=None if leg.stop_price is None else str(leg.stop_price),
        limit=None if leg.limit_price is None else str(leg.limit_price),
    )


def flatten_legs(orders: Iterable[BrokerOrder]) -> list[BrokerOrder]:
    """Parents and legs in one list."""
    return [o for order in orders for o in (order, *order.legs)]
