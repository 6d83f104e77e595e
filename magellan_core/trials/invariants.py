"""What must hold of an account at every step, whatever died or failed: written once, here.

Each check compares the exchange's own truth with the journal on disk and yields a sentence for
each breach. What the daemon believes counts only where it is compared with the journal.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from magellan_core.book import Book
from magellan_core.config import Config
from magellan_core.engine.engine import Engine
from magellan_core.errors import MagellanError
from magellan_core.lines import Line
from magellan_core.market_hours import new_york_date, session_on
from magellan_core.model import OrderRequest, Side
from magellan_core.operations.reconciliation import BrokerSide, compare
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.broker import CoreBroker
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.ledger import STOPS
from magellan_core.paper.orders import Order
from magellan_core.records import Role
from magellan_core.trials.faults import Call, Tally
from magellan_core.trials.shadow import Shadow, fold
from magellan_core.trials.watched import WatchedJournal

# A tranche left partly filled, or an entry cancelled beside it, has its stop within this.
UNPROTECTED_FOR = timedelta(seconds=45)
CENT = Decimal("0.01")


class Broken(MagellanError):
    """An invariant does not hold. The message says which, when and with which numbers."""


class Checker:
    """The invariants of one account over one run, all lives of its daemon."""

    def __init__(
        self, config: Config, exchange: Exchange, account: AccountSpec, tally: Tally
    ) -> None:
        self.config, self.exchange, self.account, self.tally = config, exchange, account, tally
        self.cap = config.risk_management.max_position_dollars
        self.opening_cash = account.cash
        self.protects = config.name == "bear_trap"
        self._overdue: set[str] = set()
        self._attended: set[str] = set()
        self._bare_since: dict[str, datetime] = {}
        self._cut_off: set[str] = set()
        self.ended_by_venue: set[str] = set()
        self.clock_error = timedelta(0)  # by how much the daemon's clock may be wrong
        self._shadow = Shadow()
        self._fired = 0

    @property
    def number(self) -> str:
        return self.account.number

    # -- at every write ------------------------------------------------------------------------

    def before_write(self, journal: WatchedJournal, call: Call, engine: Engine | None) -> None:
        """What must be on record before a request may leave. Raise Broken."""
        request = call.argument
        if engine is not None and engine.ledger.writable:
            self._demand(self._same_book(self._shadow.read(journal), engine))
        if isinstance(request, OrderRequest):
            self._demand(self._may_leave(self._shadow.read(journal), request, call))
            if request.side is Side.SELL:
                self._attended.add(request.symbol)
        elif call.method == "cancel":
            found = CoreBroker(self.exchange, self.number).order(str(call.argument))
            if found is not None:
                self._attended.add(found.symbol)

    def _may_leave(self, book: Book, request: OrderRequest, call: Call) -> Iterator[str]:
        key = request.client_order_id
        record = book.orders.get(key)
        excused = request.side is Side.SELL and self._disk_was_full()
        if record is None and not excused:
            yield f"{key} leaves without a PLANNED line on disk"
        elif record is not None and record.request != request and not excused:
            yield f"{key} leaves as {request}, planned was {record.request}"
        if request.side is Side.BUY:
            yield from self._entry_may_leave(book, request, call.at)

    def _entry_may_leave(self, book: Book, request: OrderRequest, now: datetime) -> Iterator[str]:
        key, session = request.client_order_id, session_on(new_york_date(now))
        error = self.clock_error
        if session is None or not session.open - error <= now < session.close + error:
            yield f"{key} leaves outside the session"
        if book.halts:
            yield f"{key} leaves though halted: {', '.join(book.halts)}"
        if request.symbol in book.blocked:
            yield f"{key} leaves though {request.symbol} is blocked"
        held = {p.symbol for p in self.exchange.positions(self.number)}
        late = (self._overdue & held) - self._attended
        if late:
            yield f"{key} leaves before the overdue exits of {', '.join(sorted(late))}"
        stamp = key.split("-")[2]
        decided = datetime.strptime(f"{stamp[:13]}+0000", "%Y%m%dT%H%M%z")
        allowed = timedelta(seconds=float(self.config.risk_management.max_bar_age_seconds))
        if self.config.name == "daily_trend":
            allowed = timedelta(minutes=30)
        if now - decided > allowed + error:
            yield f"{key} leaves {now - decided} after its bar"

    # -- after every step ----------------------------------------------------------------------

    def born(self, journal: WatchedJournal) -> None:
        """A new process starts: which exits are overdue now?"""
        now, self._attended = self.exchange.now, set()
        session = session_on(new_york_date(now))
        self._overdue = set()
        if session is None or not session.open <= now < session.close:
            return
        book = self._shadow.read(journal)
        held = {p.symbol for p in self.exchange.positions(self.number)}
        # An exit that is at the broker already, or may be, has left.
        left = {o.symbol for o in book.live.values() if o.role is Role.EXIT}
        self._overdue = {s for s in book.exits if s in held and s not in left}
        if self.protects:
            limit = timedelta(minutes=30)
            for symbol, position in book.positions.items():
                began = position.entered_at
                if symbol in held and began is not None and now >= began + limit:
                    self._overdue.add(symbol)

    def died(self, engine: Engine) -> None:
        """Exits that died with their daemon, their lines waiting for the disk, are decided anew."""
        if engine.ledger.backlog:
            self._cut_off |= engine.ledger.book.exits.keys()

    def after_step(self, journal: WatchedJournal, engine: Engine | None) -> None:
        """What must hold at any instant, between ticks and the moment after a death."""
        self._demand(self._at_most_one_live())
        self._demand(self._positions_in_bounds())
        if self.protects:
            self._demand(self._protected(journal, engine))
        self._fired = self.tally.fired

    def _at_most_one_live(self) -> Iterator[str]:
        """At most one live order per (decision, leg): the attempt is the last part of the id."""
        live = Counter(
            order.client_order_id.rpartition("-")[0]
            for order in self._live()
            if order.parent_id is None and order.status != "pending_replace"
        )
        for leg, count in live.items():
            if count > 1:
                yield f"{count} live orders of {leg}"

    def _positions_in_bounds(self) -> Iterator[str]:
        for held in self.exchange.positions(self.number):
            if held.qty < 0:
                yield f"short {held.qty} {held.symbol}"
            if held.cost_basis > self.cap:
                yield f"{held.symbol} cost {held.cost_basis}, cap {self.cap}"

    def _protected(self, journal: WatchedJournal, engine: Engine | None) -> Iterator[str]:
        """Stops at the broker cover what completely filled tranches still hold."""
        now = self.exchange.now
        session = session_on(new_york_date(now))
        positions = self.exchange.positions(self.number)
        if not positions:
            self._bare_since.clear()
            return
        book = self._shadow.read(journal)
        leaving = book.exits.keys() | (
            engine.ledger.book.exits.keys() if engine is not None else set()
        )
        for held in positions:
            if held.symbol in leaving or held.symbol not in book.positions:
                self._bare_since.pop(held.symbol, None)
                continue
            covered, partly = self._cover(held.symbol)
            bare = held.qty - covered
            # While it is dead, cancels that it sent may still arrive.
            if bare <= 0 and engine is not None:
                self._cut_off.discard(held.symbol)
            if bare > partly and held.symbol not in self._cut_off:
                yield f"{held.symbol}: {held.qty} held, {covered} under a stop, {partly} partial"
            is_open = session is not None and session.open <= now < session.close
            if bare <= 0 or engine is None or not is_open:
                self._bare_since.pop(held.symbol, None)
                continue
            if self.tally.fired != self._fired:
                # The daemon was hindered: its seconds count from here.
                self._bare_since.pop(held.symbol, None)
            since = self._bare_since.setdefault(held.symbol, now)
            if now - since > UNPROTECTED_FOR:
                yield f"{held.symbol}: {bare} shares without a stop since {since:%H:%M:%S}"

    def _cover(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Shares under a stop that is awake; shares partly filled, or robbed of it by the venue."""
        covered = partly = Decimal(0)
        for order in self.exchange.orders(
            self.number, "all", limit=500, nested=True, symbols=[symbol]
        ):
            if order.side is Side.BUY and order.status != "filled":
                partly += order.filled_qty
            for each in (order, *order.legs):
                if each.id in self.ended_by_venue:
                    partly += each.remaining
                asleep = each is not order and order.status != "filled"
                stops = each.side is Side.SELL and each.type in STOPS
                if stops and not each.ended and not asleep:
                    covered += each.remaining
        return covered, partly

    def _live(self) -> Iterator[Order]:
        for order in self.exchange.open_groups(self.number):
            yield from (each for each in (order, *order.legs) if not each.ended)

    # -- at the end ----------------------------------------------------------------------------

    def finish(self, journal: WatchedJournal, engine: Engine | None) -> None:
        """After quiescence: journal and exchange tell the same story, to the cent."""
        if engine is None:
            self._demand(["the daemon did not come up again"])
            return
        self._demand(self._resolved(engine))
        book = fold(journal)
        self._demand(self._same_book(book, engine))
        self._demand(self._reconciled(journal, book))
        self._demand(self._profit(book))

    def _resolved(self, engine: Engine) -> Iterator[str]:
        book = engine.ledger.book
        if not engine.ledger.writable:
            yield "lines are still waiting for the disk"
        for order in book.live.values():
            if order.unresolved:
                yield f"{order.key} is still {order.status.value}"
        for key, order in book.behind.items():
            yield f"{key}: {order.seen_filled} filled at the broker, {order.filled} read"
        for symbol, why in book.blocked.items():
            yield f"{symbol} is blocked: {why}"

    def _same_book(self, book: Book, engine: Engine) -> Iterator[str]:
        """The book at run time is the fold of what is on disk."""
        running = vars(engine.ledger.book)
        for name, value in vars(book).items():
            if running[name] != value:
                yield f"book.{name} at run time {running[name]!r}, from the journal {value!r}"

    def _reconciled(self, journal: WatchedJournal, book: Book) -> Iterator[str]:
        """Orders, fills, positions and cash, line by line; every fill once."""
        broker = CoreBroker(self.exchange, self.number)
        parents = [
            told
            for order in self.exchange.orders(self.number, "all", limit=500, nested=True)
            if (told := broker.order(order.id)) is not None
        ]
        side = BrokerSide(
            broker.account(), broker.positions(), parents, broker.fills(None), self.opening_cash
        )
        events = list(journal.events())
        for matched in compare(book, events, side):
            if not matched.agrees:
                yield f"{matched.what}: journal {matched.journal}, broker {matched.broker}"
        ids = Counter(str(e.data["id"]) for e in events if e.kind == Line.FILL)
        for fill, count in ids.items():
            if count > 1:
                yield f"fill {fill} is on record {count} times"

    def _profit(self, book: Book) -> Iterator[str]:
        """Flat, what was earned is what the cash grew by, by day and by trade."""
        if self.exchange.positions(self.number):
            return
        earned = self.exchange.account(self.number).cash - self.opening_cash
        by_day = sum(book.realised.values(), Decimal(0))
        by_trade = sum((t.pnl for t in book.trades), Decimal(0))
        for name, told in (("days", by_day), ("trades", by_trade)):
            if abs(told - earned) >= CENT:
                yield f"the exchange paid {earned}, the journal's {name} say {told:.4f}"

    def _disk_was_full(self) -> bool:
        return self.tally.disk_was_full

    def _demand(self, breaches: Iterator[str] | list[str]) -> None:
        told = list(breaches)
        if told:
            raise Broken(f"{self.exchange.now:%F %T} life {self.tally.life}: " + "; ".join(told))
