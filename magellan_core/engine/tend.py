"""Tend what is held: exits under way, tranches without a stop, entries left unfilled.

Everything here follows from the book alone, so it goes on after a restart where it stopped.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from magellan_core.engine.desk import Desk, Plan
from magellan_core.engine.ledger import Ledger
from magellan_core.errors import Unavailable
from magellan_core.lines import Line, line
from magellan_core.market_hours import Session
from magellan_core.model import OrderRequest, OrderType, Side, TimeInForce
from magellan_core.order_states import Status, client_order_id
from magellan_core.ports import Alerts, Level
from magellan_core.records import ExitRecord, OrderRecord, PositionRecord, Role

# The order for an exit that a person should hear of.
STUCK_AT = 3
# How long after the first order of an exit, the second and so on the next may follow.
PAUSES = tuple(timedelta(seconds=s) for s in (1, 2, 4, 8, 10))


def is_on(session: Session | None, now: datetime) -> bool:
    """Whether the session is open now."""
    return session is not None and session.open <= now < session.close


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take before they are acted on."""

    partial_fill: timedelta
    entry: timedelta
    cancel: timedelta


class Tender:
    """Works on open exits, protection and unfilled entries, once per tick."""

    def __init__(
        self, strategy: str, desk: Desk, ledger: Ledger, alerts: Alerts, patience: Patience
    ) -> None:
        self.strategy, self.desk, self.ledger = strategy, desk, ledger
        self.alerts, self.patience = alerts, patience
        self._begun: set[str] = set()

    def start_exit(self, symbol: str, reason: str, now: datetime) -> None:
        """Put an exit on record; `work` carries it out. A second reason changes nothing."""
        if symbol not in self.ledger.book.exits:
            self.ledger.later(line(now, Line.EXIT, symbol, reason=reason))

    def begin_exit(self, symbol: str, reason: str, now: datetime, session: Session | None) -> None:
        """Start an exit and carry it out at once: it waits for no other symbol's decision."""
        if symbol in self.ledger.book.exits:
            return
        self.start_exit(symbol, reason, now)
        self._work_exit(self.ledger.book.exits[symbol], now, is_on(session, now))
        # What was just tried is left alone once: the next look is what repeats it.
        self._begun.add(symbol)

    def work(self, now: datetime, session: Session | None) -> None:
        """Exits first, then entries that wait too long, then protection."""
        is_open = is_on(session, now)
        for out in list(self.ledger.book.exits.values()):
            if out.symbol not in self._begun:
                self._work_exit(out, now, is_open)
        self._begun.clear()
        self._stop_waiting(now)
        if is_open:
            for position in list(self.ledger.book.positions.values()):
                self._protect(position, now)

    def _work_exit(self, out: ExitRecord, now: datetime, is_open: bool) -> None:
        book = self.ledger.book
        live = book.live_orders(out.symbol)
        others = [o for o in live if o.role is not Role.EXIT]
        position = book.positions.get(out.symbol)
        if position is None and not live:
            self.ledger.later(line(now, Line.EXIT_DONE, out.symbol, reason=out.reason))
        elif others:
            if is_open or position is None:
                self._cancel_all(others, f"exit: {out.reason}", now)
        elif (
            position is not None
            and position.qty >= 1
            and not live
            and is_open
            and out.symbol not in book.unsettled()
            and not self._too_soon(out, now)
        ):
            self._sell(out, position, now)

    def _sell(self, out: ExitRecord, position: PositionRecord, now: datetime) -> None:
        attempt = out.attempt + 1
        if attempt >= STUCK_AT:
            self.alerts.alert(
                Level.CRITICAL,
                f"exit-stuck-{out.symbol}",
                f"{out.symbol}: {int(position.qty)} shares are not sold after {out.attempt} orders "
                f"({out.reason}); it goes on trying: look at the account",
            )
        request = OrderRequest(
            client_order_id=client_order_id(
                self.strategy, out.symbol, out.decided_at, "exit", attempt
            ),
            symbol=out.symbol,
            side=Side.SELL,
            qty=int(position.qty),
        )
        self.desk.place([Plan(request, Role.EXIT, position.decision, out.reason)], now)
        if self.ledger.book.orders[request.client_order_id].status is Status.REJECTED:
            self._let_go(out, now)

    def _too_soon(self, out: ExitRecord, now: datetime) -> bool:
        """An order for this exit was sent just now and came to nothing: one attempt a tick."""
        if not out.attempt:
            return False
        newest_first = reversed(self.ledger.book.orders.values())
        sent = (o for o in newest_first if o.role is Role.EXIT and o.symbol == out.symbol)
        last = next((o.planned_at for o in sent), None)
        pause = PAUSES[min(out.attempt, len(PAUSES)) - 1]
        # A clock that was set back keeps no exit waiting.
        return last is not None and timedelta(0) <= now - last < pause

    def _let_go(self, out: ExitRecord, now: datetime) -> None:
        """The sale was refused: most likely orders that we think are over hold the shares back."""
        try:
            asked = self.desk.release(out.symbol, f"exit refused: {out.reason}", now)
        except Unavailable:
            return
        if asked:
            self.alerts.alert(
                Level.CRITICAL,
                f"exit-held-{out.symbol}",
                f"{out.symbol}: the broker refused the sale ({out.reason}); asked to cancel the "
                f"{asked} sell orders that it shows for the symbol; it goes on trying",
            )

    def _cancel_all(self, orders: list[OrderRecord], why: str, now: datetime) -> None:
        """Ask once, and again when the broker takes too long. A group needs one cancel only."""
        groups: set[str] = set()
        for order in orders:
            group = order.parent or order.key
            asked = order.cancel_asked
            again = asked is None or now - asked >= self.patience.cancel
            if order.broker_id is not None and group not in groups and again:
                self.desk.cancel(order, why, now)
            groups.add(group)

    def cancel_entries(self, why: str, now: datetime) -> None:
        """Cancel every entry that is still working (a halt does this)."""
        self._cancel_all(
            [o for o in self.ledger.book.live.values() if o.role is Role.ENTRY], why, now
        )

    def heed_halts(self, now: datetime) -> None:
        """A halt cancels entries; one of the policy "flatten" closes everything."""
        book = self.ledger.book
        if book.halts:
            self.cancel_entries("halted", now)
        if any(h.policy == "flatten" for h in book.halts.values()):
            for symbol in list(book.positions):
                self.start_exit(symbol, "halt", now)

    def _stop_waiting(self, now: datetime) -> None:
        """Cancel entries that stay unfilled or half filled, all of the symbol together."""
        entries = [o for o in self.ledger.book.live.values() if o.role is Role.ENTRY]
        late: dict[str, str] = {}
        for o in entries:
            if o.first_partial is not None and now - o.first_partial >= self.patience.partial_fill:
                late[o.symbol] = "left partly filled"
            elif now - o.planned_at >= self.patience.entry:
                late.setdefault(o.symbol, "left unfilled")
        for symbol, why in late.items():
            self._cancel_all([o for o in entries if o.symbol == symbol], why, now)

    def _protect(self, position: PositionRecord, now: datetime) -> None:
        """Give a stand-alone stop to tranches whose own stop is gone or never woke."""
        book = self.ledger.book
        live = book.live_orders(position.symbol)
        settled = position.symbol not in book.unsettled() and position.symbol not in book.exits
        if not position.tranches or not settled or any(o.role is Role.ENTRY for o in live):
            return
        for tranche in position.tranches.values():
            if tranche.held < 1 or any(book.protecting(position.symbol, tranche.index)):
                continue
            targets = [o for o in live if o.tranche == tranche.index and o.role is Role.TARGET]
            if targets:
                self._free(targets, position.symbol, now)
            else:
                self._place_stop(position, tranche.index, int(tranche.held), now)

    def _free(self, targets: list[OrderRecord], symbol: str, now: datetime) -> None:
        """The venue ended a stop alone: its target holds the shares that a new stop needs."""
        self._cancel_all(targets, "its stop is gone at the broker", now)
        self.alerts.alert(
            Level.WARNING,
            f"stop-gone-{symbol}",
            f"{symbol}: the broker ended a stop beside its resting target; the target is "
            "cancelled for a stop of its own",
        )

    def _place_stop(self, position: PositionRecord, tranche: int, qty: int, now: datetime) -> None:
        book = self.ledger.book
        leg = f"s{tranche}"
        before = [
            o
            for o in book.orders.values()
            if o.decision == position.decision
            and o.tranche == tranche
            and o.parent is None
            and o.role is Role.STOP
            and o.replaces is None
        ]
        if any(o.word == "" for o in before):
            self.start_exit(position.symbol, "stop refused", now)
            self.alerts.alert(
                Level.CRITICAL,
                f"stop-refused-{position.symbol}",
                f"{position.symbol}: the broker refused a stop for {qty} shares; closing them",
            )
            return
        request = OrderRequest(
            client_order_id=client_order_id(
                self.strategy, position.symbol, position.decided_at, leg, len(before) + 1
            ),
            symbol=position.symbol,
            side=Side.SELL,
            qty=qty,
            type=OrderType.STOP,
            time_in_force=TimeInForce.GTC,
            stop_price=position.tranches[tranche].stop,
        )
        plan = Plan(request, Role.STOP, position.decision, "unprotected shares", tranche)
        self.desk.place([plan], now)
