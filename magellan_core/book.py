"""The book: what we hold and have asked for, as the fold of the journal's lines.

LAW: the book changes only by folding a line into it (fold.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import takewhile

from magellan_core.model import Holding, Intent, OpenTranche
from magellan_core.records import (
    NOTHING,
    ExitRecord,
    OrderRecord,
    PositionRecord,
    Role,
    TrancheRecord,
)
from magellan_core.risk.account import ClosedTrade, DayResult, Transfer


@dataclass(frozen=True, slots=True)
class Halt:
    """A limit that stopped trading. `policy` is "flatten" or "hold"."""

    limit: str
    why: str
    policy: str
    at: datetime


class Book:
    """Orders, positions, signals, halts and day results of one account."""

    def __init__(self) -> None:
        self.orders: dict[str, OrderRecord] = {}
        self.live: dict[str, OrderRecord] = {}
        self.behind: dict[str, OrderRecord] = {}
        self.abandoned: dict[str, OrderRecord] = {}
        self.by_broker_id: dict[str, str] = {}
        self.positions: dict[str, PositionRecord] = {}
        self.exits: dict[str, ExitRecord] = {}
        self.pending: dict[str, Intent] = {}
        self.cursor: dict[str, datetime] = {}
        self.memory: dict[str, Mapping[str, bool | float | str]] = {}
        self.blocked: dict[str, str] = {}
        self.halts: dict[str, Halt] = {}
        self.live_since: datetime | None = None
        self.last_fill: str | None = None
        self.fill_ids: set[str] = set()
        self.last_exit: dict[str, datetime] = {}
        self.trades: list[ClosedTrade] = []
        self.judged_from = 0
        self.days: list[DayResult] = []
        self.session: date | None = None
        self.day_start = NOTHING
        self.day_from: datetime | None = None
        self.day_known = True
        self.high_water = NOTHING
        self.cash_base: Decimal | None = None
        self.transfers: list[Transfer] = []
        self.last_transfer: str | None = None
        self.cash_flow = NOTHING
        self.realised: dict[date, Decimal] = {}
        self.entered_on: dict[str, date] = {}
        self.filled_on: dict[date, set[str]] = {}
        self.notice = 0
        self.era = 0
        self.resumed_at: datetime | None = None

    @property
    def paid_in(self) -> Decimal:
        """All deposits less all withdrawals since the first look at the account."""
        return sum((t.amount for t in self.transfers), NOTHING)

    def paid_in_between(self, after: datetime | None, until: datetime | None) -> Decimal:
        """Deposits less withdrawals that took effect after one instant, up to another."""
        return sum(
            (
                t.amount
                for t in self.transfers
                if (after is None or t.at > after) and (until is None or t.at <= until)
            ),
            NOTHING,
        )

    @property
    def day_base(self) -> Decimal:
        """What today's P&L counts from: the day's start, with what was paid in since."""
        return self.day_start + self.paid_in_between(self.day_from, None)

    def live_orders(self, symbol: str) -> list[OrderRecord]:
        return [o for o in self.live.values() if o.symbol == symbol]

    def lookup(self, order_id: str) -> OrderRecord | None:
        """The record of an order by the broker's id."""
        key = self.by_broker_id.get(order_id)
        return None if key is None else self.orders[key]

    def time_in_force(self, record: OrderRecord) -> str:
        """As asked for; a leg's is its parent's. Empty: not known."""
        asked = (record if record.parent is None else self.orders[record.parent]).request
        return "" if asked is None else asked.time_in_force.value

    def busy(self) -> frozenset[str]:
        """Symbols with an order or exit under way: no new decision is taken for them."""
        moving = {
            o.symbol
            for o in self.live.values()
            if o.unresolved or o.role in (Role.ENTRY, Role.EXIT)
        }
        lagging = {o.symbol for o in self.behind.values()}
        return frozenset(moving | lagging | self.exits.keys())

    @property
    def fills_from(self) -> str | None:
        """The fill after which to read on; None: from the beginning.

        A broker may list a fill late, behind later ones: an order that lacks some has them read
        again from where it was planned.
        """
        marks = [self.last_fill, *(o.fills_from for o in self.behind.values())]
        return None if None in marks else min(mark for mark in marks if mark is not None)

    def unsettled(self) -> set[str]:
        """Symbols of which the broker has not told everything yet."""
        waiting = (o for o in self.live.values() if o.unresolved)
        return {o.symbol for o in (*waiting, *self.behind.values())}

    def trades_on(self, day: date) -> int:
        """Entries of that New York date that were filled, or still may be."""
        filled = self.filled_on.get(day, set())
        entries = (o.decision for o in self.live.values() if o.role is Role.ENTRY)
        waiting = {d for d in entries if d not in filled and self.entered_on[d] == day}
        return len(filled) + len(waiting)

    def planned_after(self, instant: datetime) -> int:
        """Orders planned since; from the newest back, so that a year of others costs nothing."""
        newest_first = reversed(self.orders.values())
        return sum(1 for _ in takewhile(lambda o: o.planned_at > instant, newest_first))

    def exposure(self, symbol: str) -> Decimal:
        """Dollars paid for what is held of a symbol."""
        position = self.positions.get(symbol)
        return position.qty * position.avg_price if position else NOTHING

    def entering(self, symbol: str) -> Decimal:
        """Shares of a symbol that open entries may still buy."""
        entries = (o for o in self.live_orders(symbol) if o.role is Role.ENTRY)
        return sum((o.qty - o.filled for o in entries), NOTHING)

    def holdings(self) -> dict[str, Holding]:
        held = (self.holding(p) for p in self.positions.values())
        return {h.symbol: h for h in held if h is not None}

    def holding(self, position: PositionRecord) -> Holding | None:
        """The position as strategies see it; None before its first fill."""
        if position.qty <= 0 or position.entered_at is None:
            return None
        hits = [t.index for t in position.tranches.values() if t.target_filled]
        return Holding(
            symbol=position.symbol,
            qty=int(position.qty),
            avg_price=position.avg_price,
            entered_at=position.entered_at,
            support=position.support,
            tranches=tuple(
                OpenTranche(t.index, int(t.held), self.stop_of(position, t), t.take_profit)
                for t in position.tranches.values()
                if t.held > 0
            ),
            targets_hit=max(hits, default=0),
        )

    def stop_of(self, position: PositionRecord, tranche: TrancheRecord) -> Decimal | None:
        """The stop price resting at the broker for a tranche."""
        for o in self.protecting(position.symbol, tranche.index):
            return o.stop
        return None

    def protecting(self, symbol: str, tranche: int) -> Iterator[OrderRecord]:
        """Live stop orders of a tranche, or orders whose fate as a stop is not known yet."""
        for o in self.live.values():
            if o.symbol == symbol and o.tranche == tranche and o.role is Role.STOP:
                yield o
