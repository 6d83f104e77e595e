"""Broker truth first: orders, fills, positions and account, written down as they changed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from magellan_core.engine.desk import Desk, flatten_legs
from magellan_core.engine.ledger import Ledger
from magellan_core.engine.splits import Splits
from magellan_core.lines import Line, line
from magellan_core.model import Account, BrokerOrder, Fill, Position, Side
from magellan_core.ports import Alerts, Broker, Level
from magellan_core.reconcile import mismatches
from magellan_core.records import OrderRecord

ASK_AGAIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Truth:
    """What the broker told in this tick."""

    account: Account
    positions: Sequence[Position]


class Settler:
    """Brings the book up to what the broker knows; blocks what nothing explains."""

    def __init__(
        self,
        broker: Broker,
        desk: Desk,
        ledger: Ledger,
        alerts: Alerts,
        grace: timedelta,
        splits: Splits,
    ) -> None:
        self.broker, self.desk, self.ledger, self.alerts = broker, desk, ledger, alerts
        self.grace, self.splits = grace, splits
        self._since: dict[str, datetime] = {}
        self.foreign: dict[str, str] = {}

    @property
    def doubtful(self) -> bool:
        """Book and broker disagree, and the grace is not over."""
        return bool(self._since)

    def settle(self, now: datetime) -> Truth:
        """One reading. Raise Unavailable if the broker cannot be asked."""
        self.desk.resolve(now)
        self._look_at_orders(now)
        book = self.ledger.book
        if book.behind:
            self._read_fills(now)
        truth = Truth(self.broker.account(), self.broker.positions())
        if self._disagree(truth):
            self._read_fills(now)
        self._reconcile(truth, now)
        return truth

    def _look_at_orders(self, now: datetime) -> None:
        open_orders = self.broker.open_orders()
        seen: set[str] = set()
        foreign: dict[str, str] = {}
        for order in open_orders:
            seen.update(o.id for o in flatten_legs([order]))
            if self.desk.observe(order, now) is None:
                foreign[order.id] = order.symbol
        for record in list(self.ledger.book.live.values()):
            if record.broker_id is not None and record.broker_id not in seen:
                gone = self.broker.order(record.broker_id)
                if gone is not None:
                    self.desk.observe(gone, now)
        for order_id in foreign.keys() - self.foreign.keys():
            self.alerts.alert(
                Level.CRITICAL,
                f"foreign-order-{order_id}",
                f"{foreign[order_id]}: order {order_id} at the broker is not ours; "
                "its symbol takes no entries until it is gone",
            )
        self.foreign = foreign

    def _read_fills(self, now: datetime) -> None:
        book = self.ledger.book
        told = self.broker.fills(book.fills_from)
        fresh = [fill for fill in told if fill.id not in book.fill_ids]
        waiting = self._bought_untold(fresh)
        for fill in fresh:
            if fill.side is Side.SELL and fill.symbol in waiting:
                # What a share earned is known once what it cost is; its order has it read again.
                continue
            record = book.lookup(fill.order_id)
            if record is None:
                record = self._late_order(fill, now)
            self.ledger.later(
                line(
                    now,
                    Line.FILL,
                    fill.symbol,
                    id=fill.id,
                    order=None if record is None else record.key,
                    broker_order=fill.order_id,
                    side=fill.side.value,
                    qty=str(fill.qty),
                    price=str(fill.price),
                    filled_at=fill.at.isoformat(),
                )
            )
            if record is None:
                self.alerts.alert(
                    Level.CRITICAL,
                    f"foreign-fill-{fill.id}",
                    f"{fill.symbol}: {fill.side.value} of {fill.qty} at {fill.price} is not ours; "
                    + self._whose(fill),
                )

    def _bought_untold(self, fresh: Sequence[Fill]) -> set[str]:
        """Symbols of which purchases were seen whose fills are neither on record nor told now."""
        told: Counter[str] = Counter()
        for fill in fresh:
            told[fill.order_id] += int(fill.qty)
        return {
            o.symbol
            for o in self.ledger.book.behind.values()
            if o.side is Side.BUY and o.filled + told[o.broker_id or ""] < o.seen_filled
        }

    def _whose(self, fill: Fill) -> str:
        """What becomes of shares that somebody else bought or sold, for the one who did."""
        held = self.ledger.book.positions.get(fill.symbol)
        if held is None or not held.qty:
            return "nothing here looks after it: its symbol takes no entries until it is flat"
        return f"{held.qty:f} shares are now looked after as one position, and sold as one"

    def _late_order(self, fill: Fill, now: datetime) -> OrderRecord | None:
        """A fill may tell of an order that we gave up for lost."""
        order: BrokerOrder | None = self.broker.order(fill.order_id)
        return None if order is None else self.desk.observe(order, now)

    def _disagree(self, truth: Truth) -> bool:
        ours = {s: p.qty for s, p in self.ledger.book.positions.items()}
        return bool(mismatches(ours, truth.positions, ()))

    def _reconcile(self, truth: Truth, now: datetime) -> None:
        """Block a symbol that stays unexplained past the grace; free it when explained."""
        book = self.ledger.book
        ours = {s: p.qty for s, p in book.positions.items()}
        wrong = {
            m.symbol: m.why
            for m in mismatches(ours, truth.positions, book.unsettled())
            if not self.splits.explains(m.symbol, m.theirs, now, ASK_AGAIN)
        }
        for symbol in self.foreign.values():
            wrong.setdefault(symbol, "an order at the broker is not ours")
        self._since = {s: self._since.get(s, now) for s in wrong}
        for symbol, why in wrong.items():
            if now - self._since[symbol] >= self.grace and book.blocked.get(symbol) != why:
                self.ledger.write(line(now, Line.BLOCK, symbol, why=why))
                self.alerts.alert(Level.CRITICAL, f"unexplained-{symbol}", f"{symbol}: {why}")
        for symbol in book.blocked.keys() - wrong.keys():
            self.ledger.write(line(now, Line.UNBLOCK, symbol, why="book and broker agree"))
