"""Fold one journal line into the book.

LAW: a line is written first and folded after; a restart folds the same lines to the same book.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from magellan_core.book import Book
from magellan_core.fold_account import ACCOUNT
from magellan_core.fold_split import SPLIT
from magellan_core.lines import Event, Line, instant, load_signal
from magellan_core.market_hours import new_york_date
from magellan_core.model import Side
from magellan_core.order_states import Happening, Status, advance, happening_of, is_terminal
from magellan_core.records import (
    NOTHING,
    ExitRecord,
    OrderRecord,
    PositionRecord,
    Role,
    TrancheRecord,
    load_request,
    price_of,
)
from magellan_core.risk.account import ClosedTrade

CENT = Decimal("0.01")

# Kinds of which the newest line of a symbol says all that is left of the ones before it.
ONLY_LAST = frozenset({Line.BAR})

OUTCOMES: Mapping[str, Happening] = {
    "accepted": Happening.ACKED,
    "found": Happening.FOUND,
    "refused": Happening.REFUSED,
    "unknown": Happening.LOST,
    "abandoned": Happening.NOT_FOUND,
}


def apply(book: Book, event: Event) -> None:
    """Fold one line; skip what a newer version added to inform. Raise KeyError or ValueError."""
    fold = None if event.data.get("informative") is True else _FOLD.get(Line(event.kind))
    if fold is not None:
        fold(book, event, event.symbol or "", event.data)


def _bar(book: Book, _event: Event, symbol: str, d: Mapping[str, object]) -> None:
    """What the one before said of the symbol is void: see ONLY_LAST."""
    book.cursor[symbol] = instant(d["end"])
    memory = d.get("memory")
    if isinstance(memory, Mapping) and memory:
        book.memory[symbol] = memory
    else:
        book.memory.pop(symbol, None)


def _signal(book: Book, _event: Event, symbol: str, d: Mapping[str, object]) -> None:
    book.pending[symbol] = load_signal(symbol, d)


def _signal_gone(book: Book, _event: Event, symbol: str, _d: Mapping[str, object]) -> None:
    book.pending.pop(symbol, None)


def _planned(book: Book, event: Event, symbol: str, d: Mapping[str, object]) -> None:
    if not isinstance(request_data := d["request"], Mapping):
        raise ValueError(f"planned line of {event.at} holds no request")
    key, role, tranche = str(d["order"]), Role(str(d["role"])), d.get("tranche")
    request = load_request(key, symbol, request_data)
    record = OrderRecord(
        key=key,
        symbol=symbol,
        role=role,
        side=request.side,
        qty=request.qty,
        decision=str(d["decision"]),
        tranche=None if tranche is None else int(str(tranche)),
        planned_at=event.at,
        status=Status.PLANNED,
        request=request,
        replaces=None if d.get("replaces") is None else str(d["replaces"]),
        stop=request.stop_price,
        limit=request.limit_price,
        reason=str(d.get("reason", "")),
        support=price_of(d, "support"),
        fills_from=book.last_fill,
    )
    book.orders[key] = book.live[key] = record
    if role is Role.ENTRY:
        _open_position(book, record)
    if role is Role.EXIT and symbol in book.exits:
        book.exits[symbol].attempt += 1


def _open_position(book: Book, record: OrderRecord) -> None:
    position = book.positions.get(record.symbol)
    if position is None or (position.decision != record.decision and not position.qty):
        position = PositionRecord(
            record.symbol, record.decision, record.planned_at, record.reason, record.support
        )
        book.positions[record.symbol] = position
    book.entered_on[record.decision] = new_york_date(record.planned_at)
    request = record.request
    ours = position.decision == record.decision
    if ours and record.tranche is not None and request is not None and request.stop_loss:
        tranche = TrancheRecord(record.tranche, record.qty, request.stop_loss, request.take_profit)
        position.tranches.setdefault(record.tranche, tranche)


def _turned_up(book: Book, record: OrderRecord) -> None:
    """An entry given up for lost, and so without a position, lives or has filled after all."""
    position = book.positions.get(record.symbol)
    if record.role is not Role.ENTRY:
        return
    if position is None or record.tranche not in (None, *position.tranches):
        _open_position(book, record)


def _outcome(book: Book, event: Event, symbol: str, d: Mapping[str, object]) -> None:
    record = book.orders[str(d["order"])]
    _name(book, record, d.get("broker_id"))
    happening = OUTCOMES.get(str(d["what"]))
    if happening is not None and not is_terminal(record.status):
        _move(book, record, happening)
    _tidy(book, symbol, event.at)


def _leg(book: Book, event: Event, symbol: str, d: Mapping[str, object]) -> None:
    parent = book.orders[str(d["parent"])]
    record = OrderRecord(
        key=str(d["order"]),
        symbol=symbol,
        role=Role(str(d["role"])),
        side=Side.SELL,
        qty=int(str(d["qty"])),
        decision=parent.decision,
        tranche=parent.tranche,
        planned_at=event.at,
        status=Status.WORKING,
        parent=parent.key,
        stop=price_of(d, "stop"),
        limit=price_of(d, "limit"),
        fills_from=parent.fills_from,
    )
    book.orders[record.key] = book.live[record.key] = record
    _name(book, record, d["broker_id"])


def _seen(book: Book, event: Event, symbol: str, d: Mapping[str, object]) -> None:
    record = book.orders[str(d["order"])]
    record.word, record.seen_filled = str(d["word"]), Decimal(str(d["filled"]))
    # A leg shrinks with each share that its sibling sells.
    record.qty = int(str(d.get("qty", record.qty)))
    record.stop = price_of(d, "stop") or record.stop
    _name(book, record, d.get("broker_id"))
    # A word that we do not know means "still working".
    told = happening_of(record.word, book.time_in_force(record))
    _move(book, record, told or Happening.ACKED)
    if record.live:
        _turned_up(book, record)
    if NOTHING < record.seen_filled < record.qty and record.first_partial is None:
        record.first_partial = event.at
    _tidy(book, symbol, event.at)


def _fill(book: Book, _event: Event, symbol: str, d: Mapping[str, object]) -> None:
    qty, price = Decimal(str(d["qty"])), Decimal(str(d["price"]))
    side, at = Side(str(d["side"])), instant(d["filled_at"])
    book.fill_ids.add(fill_id := str(d["id"]))
    book.last_fill = max(book.last_fill or fill_id, fill_id)
    # Brokers book whole cents, fill by fill.
    amount = (qty * price).quantize(CENT, ROUND_HALF_UP)
    book.cash_flow += amount if side is Side.SELL else -amount
    record = book.orders.get(str(d["order"])) if d.get("order") is not None else None
    if record is not None:
        record.filled += qty
        whole = record.filled >= record.qty
        _move(book, record, Happening.FILLED if whole else Happening.PARTLY_FILLED)
        if side is Side.BUY:
            _turned_up(book, record)
        if record.role is Role.ENTRY:
            day = book.entered_on[record.decision]
            book.filled_on.setdefault(day, set()).add(record.decision)
    position = book.positions.get(symbol)
    if position is not None:
        _move_position(book, position, record, side, qty, amount, at)
    _tidy(book, symbol, at)


def _move_position(
    book: Book,
    position: PositionRecord,
    record: OrderRecord | None,
    side: Side,
    qty: Decimal,
    amount: Decimal,
    at: datetime,
) -> None:
    tranche = None
    # What an earlier decision left behind is held, but is no part of this one's tranches.
    ours = record is not None and record.decision == position.decision
    if record is not None and ours and record.tranche is not None:
        tranche = position.tranches.get(record.tranche)
    if side is Side.BUY:
        position.buy(qty, amount, at)
        if tranche is not None:
            tranche.bought += qty
        return
    gain = position.sell(qty, amount)
    day = new_york_date(at)
    book.realised[day] = book.realised.get(day, NOTHING) + gain
    book.last_exit[position.symbol] = at
    if tranche is not None:
        tranche.sold += qty
        if record is not None and record.role is Role.TARGET:
            tranche.target_filled = record.filled >= record.qty


def _cancel(book: Book, event: Event, _s: str, d: Mapping[str, object]) -> None:
    book.orders[str(d["order"])].cancel_asked = event.at


def _exit(book: Book, event: Event, symbol: str, d: Mapping[str, object]) -> None:
    book.exits[symbol] = ExitRecord(symbol, str(d["reason"]), event.at)


def _exit_done(book: Book, _event: Event, symbol: str, _d: Mapping[str, object]) -> None:
    book.exits.pop(symbol, None)


def _block(book: Book, _event: Event, symbol: str, d: Mapping[str, object]) -> None:
    book.blocked[symbol] = str(d["why"])


def _unblock(book: Book, _event: Event, symbol: str, _d: Mapping[str, object]) -> None:
    book.blocked.pop(symbol, None)


def _name(book: Book, record: OrderRecord, broker_id: object) -> None:
    if broker_id is not None:
        record.broker_id = str(broker_id)
        book.by_broker_id[record.broker_id] = record.key


def _move(book: Book, record: OrderRecord, happening: Happening) -> None:
    record.status = advance(record.status, happening)
    if record.live:
        book.live[record.key] = record
    else:
        book.live.pop(record.key, None)
    if record.status is Status.ABANDONED:
        book.abandoned[record.key] = record
    else:
        book.abandoned.pop(record.key, None)
    if record.lagging:
        book.behind[record.key] = record
    else:
        book.behind.pop(record.key, None)


def _tidy(book: Book, symbol: str, at: datetime) -> None:
    """Forget an entry that came to nothing; turn a position that is flat into a trade."""
    position = book.positions.get(symbol)
    if position is None or position.qty > 0:
        return
    entries = any(o.role is Role.ENTRY for o in book.live_orders(symbol))
    if entries or any(o.symbol == symbol for o in book.behind.values()):
        return
    del book.positions[symbol]
    if position.bought > 0 and position.entered_at is not None:
        book.trades.append(
            ClosedTrade(
                symbol, position.entered_at, at, int(position.bought), round(position.realised, 2)
            )
        )


_FOLD = {
    **ACCOUNT,
    **SPLIT,
    Line.BAR: _bar,
    Line.SIGNAL: _signal,
    Line.SIGNAL_GONE: _signal_gone,
    Line.PLANNED: _planned,
    Line.OUTCOME: _outcome,
    Line.LEG: _leg,
    Line.SEEN: _seen,
    Line.FILL: _fill,
    Line.CANCEL: _cancel,
    Line.EXIT: _exit,
    Line.EXIT_DONE: _exit_done,
    Line.BLOCK: _block,
    Line.UNBLOCK: _unblock,
}
