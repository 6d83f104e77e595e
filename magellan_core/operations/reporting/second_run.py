"""A day traded again, as a report compares it with the day: orders that only one of them filled.

LAW: pure. Two orders are the same if the decision, the symbol, the role and the tranche are: ids
carry the decision, so the same decision has the same name in both.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from magellan_core.book import Book
from magellan_core.lines import Event, Line, instant
from magellan_core.market_hours import new_york_date
from magellan_core.model import Side
from magellan_core.operations.reporting.facts import Facts, against
from magellan_core.records import OrderRecord, Role


class SecondRun(Protocol):
    """What is needed of `backtest/same_day.py`'s SameDay."""

    @property
    def day(self) -> date:
        """The New York day."""

    @property
    def book(self) -> Book:
        """Its orders, those carried into the day too."""

    @property
    def events(self) -> Sequence[Event]:
        """Its own lines."""

    @property
    def doubted(self) -> Mapping[str, Sequence[tuple[datetime, datetime]]]:
        """By symbol the stretches in which it proves nothing."""


class What(NamedTuple):
    """What makes two orders the same."""

    decision: str
    symbol: str
    role: Role
    tranche: int | None


@dataclass(frozen=True, slots=True)
class Filled:
    """All fills of one order together: mean price in dollars, the first fill's instant."""

    what: What
    side: Side
    qty: Decimal
    price: Decimal
    at: datetime
    sent: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Stray:
    """An order filled on one side only. `expected`: `why` is one that a backtest leaves out."""

    by_the_day: bool
    order: Filled
    why: str
    expected: bool


def what_of(record: OrderRecord) -> What:
    return What(record.decision, record.symbol, record.role, record.tranche)


def filled(book: Book, events: Iterable[Event]) -> list[Filled]:
    """Orders of that book with their fills among those lines, in the order of the first fills."""
    fills: dict[What, list[Event]] = {}
    records: dict[What, OrderRecord] = {}
    for event in events:
        record = book.orders.get(str(event.data.get("order")))
        if event.kind == Line.FILL and record is not None:
            records.setdefault(what_of(record), record)
            fills.setdefault(what_of(record), []).append(event)
    return [_filled(what, records[what], told) for what, told in fills.items()]


def _filled(what: What, record: OrderRecord, told: Sequence[Event]) -> Filled:
    parts = [(Decimal(str(e.data["qty"])), Decimal(str(e.data["price"]))) for e in told]
    qty = sum((q for q, _ in parts), Decimal(0))
    value = sum((q * price for q, price in parts), Decimal(0))
    at = min(instant(e.data["filled_at"]) for e in told)
    return Filled(what, record.side, qty, value / qty, at, record.planned_at, record.reason)


def strays(facts: Facts, runs: Sequence[SecondRun]) -> Sequence[Stray]:
    """Orders that one side filled and the other did not, oldest first."""
    found = [stray for run in runs for stray in _strays(facts, run)]
    return sorted(found, key=lambda stray: (stray.order.at, stray.order.what.symbol))


def _strays(facts: Facts, run: SecondRun) -> Iterator[Stray]:
    lines = [e for e in facts.fills if new_york_date(e.at) == run.day]
    ours = {order.what: order for order in filled(facts.book, lines)}
    theirs = {order.what: order for order in filled(run.book, run.events)}
    alone = ours.keys() ^ theirs.keys()
    entries = {what.decision for what in alone if what.role is Role.ENTRY}
    lost: set[str] = set()
    for order in sorted((ours | theirs).values(), key=lambda o: (o.sent, o.what)):
        what, by_the_day = order.what, order.what in ours
        if what not in alone:
            continue
        if what.symbol in lost or _doubtful(run, order):
            # What follows from a decision that cannot be judged cannot be judged either.
            lost.add(what.symbol)
            continue
        if what.role is Role.ENTRY and by_the_day:
            yield Stray(True, order, *_why_not_again(run, what))
        elif what.role is Role.ENTRY:
            yield Stray(False, order, *_why_not(facts, run.day, what))
        elif what.decision in entries:
            yield Stray(by_the_day, order, "follows from its entry", True)
        else:
            halted = _halted(facts, run.day) if by_the_day else ""
            told = (halted, True) if halted else _sold_otherwise(by_the_day, what, ours, theirs)
            yield Stray(by_the_day, order, *told)


def _doubtful(run: SecondRun, order: Filled) -> bool:
    spans = run.doubted.get(order.what.symbol, ())
    return any(since <= order.sent < until for since, until in spans)


def _sold_otherwise(
    by_the_day: bool, what: What, ours: Iterable[What], theirs: Iterable[What]
) -> tuple[str, bool]:
    """Which price of a bar came first is a guess; not selling at all is none."""
    other, name = (theirs, "the backtest") if by_the_day else (ours, "the day")
    sold = any(w.decision == what.decision and w.role is not Role.ENTRY for w in other)
    return (f"{name} sold otherwise", True) if sold else (f"{name} did not sell", False)


def _why_not(facts: Facts, day: date, what: What) -> tuple[str, bool]:
    """Why the day has no fill of an entry, and whether a backtest cannot know that."""
    if (refused := _refusal(facts.decisions, what)) is not None:
        return refused, True
    sent = [o for o in facts.book.orders.values() if what_of(o) == what]
    if sent:
        return f"sent, and ended {sent[-1].status} without a fill", False
    if halted := _halted(facts, day):
        return halted, True
    return "the day took no such decision", False


def _halted(facts: Facts, day: date) -> str:
    """The day's halts, of which a backtest knows nothing; empty without any."""
    halts = [h.limit for h in facts.halts if new_york_date(h.at) == day]
    return f"halted: {', '.join(halts)}" if halts else ""


def _why_not_again(run: SecondRun, what: What) -> tuple[str, bool]:
    """Why the second run has no fill of an entry, and whether that says nothing of the day."""
    if any(what_of(order) == what for order in run.book.orders.values()):
        return "sent by the backtest too, which has no bar to fill it at", True
    return _refusal(run.events, what) or "the backtest took no such decision", False


def _refusal(events: Iterable[Event], what: What) -> str | None:
    """What was said last against a decision."""
    for event in reversed(list(events)):
        if event.kind == Line.DECISION and event.data.get("id") == what.decision:
            said = against(event)
            return f"refused: {'; '.join(said)}" if said else None
    return None
