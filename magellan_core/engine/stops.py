"""Move the runner's stop: replace its price at the broker, one attempt at a time."""

from datetime import datetime, timedelta

from magellan_core.book import Book
from magellan_core.engine.desk import Desk, Plan
from magellan_core.model import MoveStop, OrderRequest, OrderType, Side, TimeInForce
from magellan_core.order_states import client_order_id
from magellan_core.records import OrderRecord, PositionRecord, Role, TrancheRecord

BETWEEN_ATTEMPTS = timedelta(minutes=1)
ATTEMPTS = 5


def move_stop(strategy: str, desk: Desk, book: Book, intent: MoveStop, now: datetime) -> None:
    """Replace the stop of every tranche without a target, unless it rests there already."""
    position = book.positions.get(intent.symbol)
    if position is None or intent.symbol in book.exits:
        return
    for tranche in position.tranches.values():
        resting = _to_replace(book, position, tranche, intent)
        if resting is None:
            continue
        tried = [
            o
            for o in book.orders.values()
            if o.decision == position.decision and o.tranche == tranche.index and o.replaces
        ]
        recent = any(now - o.planned_at < BETWEEN_ATTEMPTS for o in tried)
        if len(tried) >= ATTEMPTS or recent:
            continue
        leg, attempt = f"r{tranche.index}", len(tried) + 1
        request = OrderRequest(
            client_order_id=client_order_id(
                strategy, intent.symbol, position.decided_at, leg, attempt
            ),
            symbol=intent.symbol,
            side=Side.SELL,
            qty=int(tranche.held),
            type=OrderType.STOP,
            time_in_force=TimeInForce.GTC,
            stop_price=intent.stop,
        )
        plan = Plan(
            request,
            Role.STOP,
            position.decision,
            intent.reason,
            tranche=tranche.index,
            replaces=resting.broker_id,
        )
        desk.place([plan], now)


def _to_replace(
    book: Book, position: PositionRecord, tranche: TrancheRecord, intent: MoveStop
) -> OrderRecord | None:
    """The runner's resting stop; None if it is moved, moving, or not there."""
    stops = list(book.protecting(position.symbol, tranche.index))
    if tranche.take_profit is not None or tranche.held < 1 or not stops:
        return None
    if any(o.unresolved or o.stop == intent.stop for o in stops):
        return None
    return stops[0]
