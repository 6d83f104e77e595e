"""The exchange's time: what is due when, and in which order at one instant.

At an instant t: (1) requests sent at t are acknowledged; (2) the calendar acts: waiting orders go
live at the open, the close ends day orders and sets the last equity; (3) the bars that start at t
are played, whole, for the symbols with working orders. A split happens as New York's day begins.
Accounts come in roster order, symbols in alphabetical order.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from magellan_core.market_hours import at_new_york, next_session, previous_session
from magellan_core.model import OrderType, TimeInForce
from magellan_core.paper.accounts import EquityPoint
from magellan_core.paper.corporate import apply_split
from magellan_core.paper.forging import coming_session, open_session
from magellan_core.paper.ledger import Ledger
from magellan_core.paper.lifecycle import Desk
from magellan_core.paper.market import Market
from magellan_core.paper.market_series import instant, micros
from magellan_core.paper.matching import cross, play, plays, set_trail
from magellan_core.paper.orders import WAKEFUL, Order, Update
from magellan_core.paper.reads import equity, maintenance
from magellan_core.paper.rules import Rules


class Request(NamedTuple):
    """A write that waits for time to move. For a replacement: the old order and its status."""

    kind: Literal["new", "cancel", "replace"]
    desk: Desk
    order: Order
    old: Order | None = None
    old_status: str = ""


class _Split(NamedTuple):
    at: datetime
    symbol: str
    ratio: Fraction


class Timeline:
    """Now, and everything that happens while it moves. `begun`: the bars of now are played."""

    def __init__(
        self, market: Market, desks: Mapping[str, Desk], start: datetime, rules: Rules
    ) -> None:
        self.market, self.desks, self.rules = market, desks, rules
        self.now, self.begun = start, False
        self.requests: list[Request] = []
        self.halted: dict[str, tuple[datetime, bool]] = {}
        self._waiting: list[tuple[Desk, Order]] = []
        self._session = coming_session(start)
        before = previous_session(self._session.date).close
        splits = (
            _Split(at_new_york(day, 0), symbol, ratio)
            for symbol, told in market.splits.items()
            for day, ratio in told
        )
        self._splits = sorted((split for split in splits if split.at > start), reverse=True)
        for desk in desks.values():
            desk.ledger.last_close = before
            desk.ledger.points.append(EquityPoint(start, desk.ledger.cash))
        covered = market.coverage()
        self._end = start if covered is None else at_new_york(covered[1] + timedelta(days=1), 0)

    def mark(self, ledger: Ledger, symbol: str) -> Decimal | None:
        """The last price for that account's timeframe, known now."""
        at, begun = self.halted.get(symbol, (self.now, self.begun))
        frame = ledger.spec.timeframe
        return self.market.last_price(symbol, frame, at, begun=begun, as_of=self.now)

    def halt(self, symbol: str) -> None:
        """Let the symbol's price stand still from now on; nothing fills."""
        self.halted.setdefault(symbol, (self.now, self.begun))

    def next_event(self) -> datetime | None:
        """The next instant at which anything is due; None when the market's bars have ended."""
        if self.requests:
            return self.now
        bars, _ = self._next_bars()
        calendar = self._next_calendar()
        alive = any(desk.ledger.live for desk in self.desks.values())
        if not alive and calendar > self._end:
            return None
        return calendar if bars is None else min(bars, calendar)

    def step(self, limit: datetime, wake: Collection[str]) -> list[Update]:
        """Do what is due strictly before `limit`, after acknowledging what waits now.

        Of what is due at `limit` only splits are done: prices tell of them from that instant on.

        Stops right after the first instant, or part (1), (2) or (3) of it, that brought an account
        in `wake` a wakeful update; `now` is then that instant. Raise ValueError for a limit in
        the past.
        """
        if limit < self.now:
            raise ValueError(f"time cannot go back from {self.now} to {limit}")
        told = latest = self._acknowledge()
        while not any(u.event in WAKEFUL and u.account in wake for u in latest):
            calendar = self._next_calendar()
            bars, due = self._next_bars()
            at = calendar if bars is None else min(bars, calendar)
            if at >= limit:
                self._move(limit)
                told += self._collect()
                break
            self._move(at)
            latest = self._keep_calendar(at) if at == calendar else self._play(due)
            told += latest
        return told

    def _move(self, at: datetime) -> None:
        """Time is `at`. A split that is due then is in force at once, as prices tell it is."""
        if at > self.now:
            self.now, self.begun = at, False
        while self._splits and self._splits[-1].at == at:
            split = self._splits.pop()
            for desk in self.desks.values():
                last = self.mark(desk.ledger, split.symbol)
                apply_split(desk, split.symbol, split.ratio, last, at)

    def _collect(self) -> list[Update]:
        told: list[Update] = []
        for desk in self.desks.values():
            told += desk.told
            desk.told.clear()
        return told

    def _acknowledge(self) -> list[Update]:
        if not self.requests:
            return []
        requests, self.requests = self.requests, []
        told: list[Update] = []
        for request in requests:
            self._answer(request)
            told += self._collect()
        return told

    def _answer(self, request: Request) -> None:
        desk, order = request.desk, request.order
        if request.kind == "cancel":
            desk.end(order, "canceled", self.now)
        elif request.old is not None:
            held = request.old_status == "held"
            desk.swap(request.old, order, "held" if held else "new", self.now)
        elif open_session(self.now) is not None:
            self._go_live(desk, order)
        else:
            desk.start(order, "accepted", self.now)
            self._waiting.append((desk, order))

    def _go_live(self, desk: Desk, order: Order) -> None:
        if order.type is OrderType.TRAILING_STOP and order.hwm is None:
            last = self.mark(desk.ledger, order.symbol)
            if last is not None:
                set_trail(order, last)
        desk.start(order, "new", self.now)

    def _next_calendar(self) -> datetime:
        at = self._session.close
        if self._waiting and self.now <= self._session.open:
            at = self._session.open
        if self._splits and self._splits[-1].at < at:
            at = self._splits[-1].at
        return at

    def _keep_calendar(self, at: datetime) -> list[Update]:
        if at == self._session.open:
            waiting, self._waiting = self._waiting, []
            for desk, order in waiting:
                if not order.ended:
                    self._go_live(desk, order)
        elif at == self._session.close:
            for desk in self.desks.values():
                self._close(desk, at)
            self._session = next_session(self._session.date)
        return self._collect()

    def _close(self, desk: Desk, at: datetime) -> None:
        """Closing auction, ends of day and old orders, then the equity of the day."""
        ledger = desk.ledger
        for order in ledger.live_orders():
            last = self.mark(ledger, order.symbol)
            if order.time_in_force is TimeInForce.CLS and order.status == "new" and last:
                cross(desk, order, last, at)
        for order in ledger.live_orders():
            if order.expires_at is not None and order.expires_at <= at:
                old = order.time_in_force is TimeInForce.GTC
                desk.end(order, "expired" if old else self.rules.day_end, at)

        def mark(symbol: str) -> Decimal | None:
            return self.mark(ledger, symbol)

        ledger.last_equity = equity(ledger, mark)
        ledger.last_maintenance = maintenance(ledger, mark)
        ledger.last_close = at
        ledger.points.append(EquityPoint(at, ledger.last_equity))

    def _next_bars(self) -> tuple[datetime | None, list[tuple[Desk, str, int]]]:
        """Start of the next bars that meet a working order, and those bars' rows."""
        best: int | None = None
        due: list[tuple[Desk, str, int]] = []
        for desk in self.desks.values():
            if not desk.ledger.live:
                continue
            since = micros(self.now) + self.begun
            for symbol in self._worked(desk):
                series = self.market.series(symbol, desk.ledger.spec.timeframe)
                row = None if series is None else series.next_regular(since)
                if series is None or row is None:
                    continue
                start = series.starts[row]
                if best is None or start < best:
                    best, due = start, []
                if start == best:
                    due.append((desk, symbol, row))
        return (None if best is None else instant(best)), due

    def _worked(self, desk: Desk) -> Sequence[str]:
        live = desk.ledger.live
        return [
            symbol
            for symbol in sorted(live)
            if symbol not in self.halted and any(plays(desk, o) for o in live[symbol].values())
        ]

    def _play(self, due: Sequence[tuple[Desk, str, int]]) -> list[Update]:
        for desk, symbol, row in due:
            series = self.market.series(symbol, desk.ledger.spec.timeframe)
            if series is not None:
                play(desk, series.bar(row))
        self.begun = True
        return self._collect()
