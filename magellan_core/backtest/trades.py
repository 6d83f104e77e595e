"""Trades out of a journal: every position from its entry decision to flat, leg by leg."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from magellan_core.backtest.result import Leg, Trade
from magellan_core.book import Book
from magellan_core.fold import apply
from magellan_core.lines import Event, Line, instant
from magellan_core.model import Side
from magellan_core.records import OrderRecord, Role

_NOTHING = Decimal(0)


@dataclass(slots=True)
class _Open:
    decided_at: datetime
    stop: Decimal | None
    target: Decimal | None
    entered_at: datetime | None = None
    bought: int = 0
    paid: Decimal = _NOTHING
    held: int = 0
    sold: list[tuple[datetime, int, Decimal, str]] = field(default_factory=list)


def trades_of(
    events: Iterable[Event], cost: Decimal
) -> tuple[list[Trade], list[datetime], list[Trade]]:
    """Closed trades, the instants of entry decisions, and what is still open (no exit yet).

    `cost` is the fee as a fraction of notional a side. Raise KeyError or ValueError for lines
    that this version cannot read.
    """
    book, open_, closed, signals = Book(), dict[str, _Open](), list[Trade](), list[datetime]()
    for event in events:
        apply(book, event)
        symbol = event.symbol or ""
        if event.kind == Line.DECISION and event.data.get("action") == "enter":
            signals.append(event.at)
        elif event.kind == Line.PLANNED and event.data.get("role") == Role.ENTRY:
            _plan(open_, symbol, event, book.orders[str(event.data["order"])])
        elif event.kind == Line.FILL and symbol in open_:
            key = event.data.get("order")
            record = None if key is None else book.orders.get(str(key))
            _fill(open_[symbol], event, record, book)
            if open_[symbol].held == 0 and open_[symbol].sold:
                closed.append(_trade(symbol, open_.pop(symbol), cost))
    still = [_trade(symbol, lot, cost) for symbol, lot in open_.items() if lot.held]
    return closed, signals, still


def _plan(open_: dict[str, _Open], symbol: str, event: Event, record: OrderRecord) -> None:
    lot = open_.get(symbol)
    if lot is None or (lot.decided_at != event.at and not lot.bought):
        lot = open_[symbol] = _Open(event.at, None, None)
    request = record.request
    if request is not None and request.stop_loss is not None:
        lot.stop = request.stop_loss
        targets = [t for t in (lot.target, request.take_profit) if t is not None]
        lot.target = max(targets, default=None)


def _fill(lot: _Open, event: Event, record: OrderRecord | None, book: Book) -> None:
    data = event.data
    qty, price, at = (
        int(Decimal(str(data["qty"]))),
        Decimal(str(data["price"])),
        instant(data["filled_at"]),
    )
    if data["side"] == Side.BUY:
        lot.entered_at = lot.entered_at or at
        lot.bought += qty
        lot.held += qty
        lot.paid += qty * price
        return
    lot.held -= qty
    lot.sold.append((at, qty, price, _reason(record, book)))


def _reason(record: OrderRecord | None, book: Book) -> str:
    if record is None:
        return "not ours"
    if record.role is Role.TARGET:
        return f"tp{record.tranche}"
    if record.role is Role.STOP:
        return "trail" if record.replaces is not None else "stop"
    out = book.exits.get(record.symbol)
    return "exit" if out is None else out.reason


def _trade(symbol: str, lot: _Open, cost: Decimal) -> Trade:
    price = lot.paid / lot.bought
    legs = tuple(
        Leg(at, "bar", qty, sold, why, qty * (sold - price) - qty * (sold + price) * cost)
        for at, qty, sold, why in lot.sold
    )
    entered = lot.entered_at or lot.decided_at
    last = legs[-1] if legs else Leg(entered, "bar", 0, price, "open", _NOTHING)
    return Trade(
        symbol=symbol,
        signal_time=lot.decided_at,
        entry_time=entered,
        entry_at="bar",
        entry_price=price,
        qty=lot.bought,
        exit_time=last.time,
        exit_at=last.at,
        exit_price=last.price,
        exit_reason=last.reason,
        legs=legs,
        pnl=sum((leg.pnl for leg in legs), _NOTHING),
        cost=sum((leg.qty * (leg.price + price) * cost for leg in legs), _NOTHING),
        stop=lot.stop,
        target=lot.target,
    )
