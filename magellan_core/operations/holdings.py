"""Positions and open orders: the broker's word, or the journal's where the broker is mute."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from magellan_core.book import Book
from magellan_core.model import BrokerOrder, Side
from magellan_core.operations.broker_eye import Reading
from magellan_core.operations.looks import BROKER, OrderLook, Origin, PositionLook, Resting
from magellan_core.order_states import Happening, happening_of
from magellan_core.records import OrderRecord

OVER = frozenset(
    {
        Happening.FILLED,
        Happening.CANCELED,
        Happening.EXPIRED,
        Happening.REJECTED,
        Happening.REPLACED,
    }
)
_NONE = Decimal(0)


def positions(reading: Reading | None, book: Book, said: Origin) -> tuple[PositionLook, ...]:
    """What is held, with the stops and targets that rest for it."""
    if reading is None:
        return tuple(_by_journal(book, said))
    working = list(resting(reading.orders))
    return tuple(
        _position(
            p.symbol,
            p.qty,
            p.avg_entry_price,
            p.current_price,
            working,
            book,
            Origin(BROKER, reading.at),
        )
        for p in reading.positions
    )


def open_orders(reading: Reading | None, book: Book, said: Origin) -> tuple[OrderLook, ...]:
    """Every order and leg that may still fill, oldest first."""
    if reading is None:
        return tuple(_recorded(o, said) for o in book.live.values())
    origin = Origin(BROKER, reading.at)
    return tuple(
        OrderLook(
            symbol=o.symbol,
            side=o.side.value,
            qty=o.qty,
            filled=o.filled_qty,
            type=o.type,
            limit=o.limit_price,
            stop=o.stop_price,
            status=o.status,
            role=_role(o, book),
            since=o.submitted_at,
            origin=origin,
        )
        for o in resting(reading.orders)
    )


def resting(orders: Sequence[BrokerOrder]) -> Iterator[BrokerOrder]:
    """Orders and their legs, without those that are over."""
    for order in orders:
        if happening_of(order.status, order.time_in_force) not in OVER:
            yield order
        yield from resting(order.legs)


def _role(order: BrokerOrder, book: Book) -> str:
    record = book.orders.get(order.client_order_id) or book.lookup(order.id)
    return "" if record is None else record.role.value


def _position(
    symbol: str,
    qty: Decimal,
    average: Decimal,
    last: Decimal | None,
    working: Sequence[BrokerOrder],
    book: Book,
    origin: Origin,
) -> PositionLook:
    exits = [o for o in working if o.symbol == symbol and o.side is Side.SELL]
    stops = [_rest(o, o.stop_price) for o in exits if o.stop_price is not None]
    targets = [
        _rest(o, o.limit_price) for o in exits if o.limit_price is not None and o.stop_price is None
    ]
    record = book.positions.get(symbol)
    bracketed = record is not None and bool(record.tranches) and symbol not in book.exits
    covered = sum((s.qty for s in stops), _NONE)
    return PositionLook(
        symbol=symbol,
        qty=qty,
        average=average,
        last=last,
        unrealised=None if last is None else (last - average) * qty,
        stops=tuple(stops),
        targets=tuple(targets),
        uncovered=max(qty - covered, _NONE) if bracketed else _NONE,
        entered_at=None if record is None else record.entered_at,
        origin=origin,
    )


def _rest(order: BrokerOrder, price: Decimal | None) -> Resting:
    return Resting(order.qty - order.filled_qty, price or _NONE)


def _by_journal(book: Book, said: Origin) -> Iterator[PositionLook]:
    """The book's holdings; what they are worth now only the broker knows."""
    for holding in book.holdings().values():
        yield PositionLook(
            symbol=holding.symbol,
            qty=Decimal(holding.qty),
            average=holding.avg_price,
            last=None,
            unrealised=None,
            stops=tuple(
                Resting(Decimal(t.qty), t.stop) for t in holding.tranches if t.stop is not None
            ),
            targets=tuple(
                Resting(Decimal(t.qty), t.take_profit)
                for t in holding.tranches
                if t.take_profit is not None
            ),
            uncovered=_NONE,
            entered_at=holding.entered_at,
            origin=said,
        )


def _recorded(record: OrderRecord, said: Origin) -> OrderLook:
    since: datetime = record.planned_at
    return OrderLook(
        symbol=record.symbol,
        side=record.side.value,
        qty=Decimal(record.qty),
        filled=record.filled,
        type="" if record.request is None else record.request.type.value,
        limit=record.limit,
        stop=record.stop,
        status=record.word or record.status.value,
        role=record.role.value,
        since=since,
        origin=said,
    )
