"""An order at the broker that bears a name of ours and that the journal does not know.

An entry is on disk before it leaves, so only a sale can be so: it left over a full disk, and its
daemon was killed before the disk took its lines. An entry without a line was sent by another
journal; it stays unexplained, and a person decides.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from magellan_core.book import Book
from magellan_core.lines import Event, Line, line
from magellan_core.model import BrokerOrder, OrderRequest, OrderType, Side, TimeInForce
from magellan_core.order_states import (
    Happening,
    OrderName,
    Status,
    advance,
    happening_of,
    is_live,
    read_order_name,
)
from magellan_core.records import Role, dump_request

WHY = "found at the broker: it left while the journal took no lines"
_STOP = re.compile(r"[sr]([1-9]\d*)")


def adoption(strategy: str, order: BrokerOrder, book: Book, now: datetime) -> Sequence[Event]:
    """The lines that make a sale of this strategy's a record of the book; none for any other.

    A sale that still lives is part of an exit, which is put on record again too.
    """
    name = read_order_name(order.client_order_id)
    if name is None or order.side is not Side.SELL:
        return ()
    if (name.strategy, name.symbol) != (strategy, order.symbol):
        return ()
    stop = _STOP.fullmatch(name.leg)
    if stop is None and name.leg != "exit":
        return ()
    role = Role.EXIT if stop is None else Role.STOP
    planned = line(
        now,
        Line.PLANNED,
        order.symbol,
        order=order.client_order_id,
        decision=_decision(name, book),
        role=role.value,
        reason=WHY,
        tranche=None if stop is None else int(stop[1]),
        support=None,
        replaces=order.replaces,
        request=dump_request(_request(order, role)),
    )
    lives = is_live(
        advance(Status.WORKING, happening_of(order.status, order.time_in_force) or Happening.ACKED)
    )
    if role is Role.EXIT and lives and order.symbol not in book.exits:
        return (line(now, Line.EXIT, order.symbol, reason=WHY), planned)
    return (planned,)


def _decision(name: OrderName, book: Book) -> str:
    """Sales belong to the position that they close; with none left, to what they are named for."""
    position = book.positions.get(name.symbol)
    if position is not None:
        return position.decision
    return f"{name.strategy}-{name.symbol}-{name.at:%Y%m%dT%H%M}"


def _request(order: BrokerOrder, role: Role) -> OrderRequest:
    """What was asked for, as far as the broker tells it; stops rest until cancelled."""
    return OrderRequest(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=Side.SELL,
        qty=int(order.qty),
        type=OrderType.MARKET if role is Role.EXIT else OrderType.STOP,
        time_in_force=TimeInForce.DAY if role is Role.EXIT else TimeInForce.GTC,
        stop_price=order.stop_price,
    )
