"""From an intent to orders: kept until its instant, judged, written down, sent."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from magellan_core.engine.desk import Desk
from magellan_core.engine.feed import Feed
from magellan_core.engine.ledger import Ledger
from magellan_core.engine.limits import Limits
from magellan_core.engine.plans import at_stops, plans_of, within
from magellan_core.engine.settings import Settings
from magellan_core.engine.stops import move_stop
from magellan_core.engine.tend import Tender
from magellan_core.errors import JournalUnwritable, Unavailable
from magellan_core.lines import Line, line, quote_data, signal_data
from magellan_core.market_hours import Session, label, new_york_date
from magellan_core.model import (
    Account,
    Asset,
    Enter,
    Exit,
    Intent,
    MoveStop,
    Quote,
    Withdraw,
)
from magellan_core.ports import Alerts, Level
from magellan_core.records import Role
from magellan_core.risk.pre_trade import Question, objections
from magellan_core.sizing import shares_for_dollars

ONE_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for every decision of this tick.

    `cursors` are the ends of the newest bars per symbol, `expected` is the newest end there can be,
    `short` says how many bars symbols have
    whose history is too short. `instant` is the end of the bar that a
    decision was taken on, None when time alone made it due. `numbers` is what it saw, in words.
    """

    now: datetime
    session: Session | None
    account: Account
    assets: Mapping[str, Asset | None]
    calendar_agrees: bool
    cursors: Mapping[str, datetime]
    expected: datetime | None
    short: Mapping[str, int]
    instant: datetime | None = None
    numbers: Mapping[str, str] = field(default_factory=dict)


class Intake:
    """Takes intents in. Exits always pass; entries answer every predicate."""

    def __init__(
        self,
        feed: Feed,
        desk: Desk,
        ledger: Ledger,
        tender: Tender,
        limits: Limits,
        alerts: Alerts,
        settings: Settings,
    ) -> None:
        self.strategy, self.data, self.news = desk.strategy, feed.data, feed.news
        self.symbols: Collection[str] = feed.strategy.needs.symbols
        self.desk, self.ledger, self.tender = desk, ledger, tender
        self.limits, self.alerts, self.settings = limits, alerts, settings
        self._said: dict[str, list[str]] = {}
        self._spent = Decimal(0)

    def begin(self) -> None:
        """A new tick: buying power has been read afresh."""
        self._spent = Decimal(0)

    def take(self, intent: Intent, now: Circumstances) -> None:
        """One intent of the strategy, at once."""
        match intent:
            case Withdraw():
                self._drop_signal(intent.symbol, intent.reason, now)
            case Enter() | Exit() if intent.not_before is not None:
                # Kept even if it is due or late: `execute_signals` knows until when it holds.
                self._keep_signal(intent, now)
            case Exit():
                self._decide_exit(intent, now)
            case MoveStop():
                move_stop(self.strategy, self.desk, self.ledger.book, intent, now.now)
            case Enter():
                self._enter(intent, now)

    def execute_signals(self, now: Circumstances, *, exits_only: bool = False) -> None:
        """Signals whose instant has come: exits as soon as the market is open, entries in time."""
        is_open = now.session is not None and now.session.open <= now.now < now.session.close
        book = self.ledger.book
        exits_first = sorted(book.pending.items(), key=lambda p: isinstance(p[1], Enter))
        for symbol, intent in exits_first:
            if not isinstance(intent, Exit if exits_only else Enter | Exit):
                continue
            if intent.not_before is not None and now.now < intent.not_before:
                continue
            if isinstance(intent, Enter) and intent.until is not None and now.now > intent.until:
                self._drop_signal(symbol, f"not executed by {label(intent.until)}", now)
            elif is_open and isinstance(intent, Exit):
                # The exit is on record before the signal goes, lest a crash lose both.
                self._decide_exit(intent, now)
                self._drop_signal(symbol, "executed", now)
            elif is_open and isinstance(intent, Enter) and self._enter(intent, now):
                self._drop_signal(symbol, "executed", now)

    def _keep_signal(self, intent: Enter | Exit, now: Circumstances) -> None:
        self.ledger.later(
            line(now.now, Line.SIGNAL, intent.symbol, numbers=now.numbers, **signal_data(intent))
        )

    def _drop_signal(self, symbol: str, why: str, now: Circumstances) -> None:
        if symbol in self.ledger.book.pending:
            self.ledger.later(line(now.now, Line.SIGNAL_GONE, symbol, why=why))

    def _decide_exit(self, intent: Exit, now: Circumstances) -> None:
        if intent.symbol in self.ledger.book.exits:
            return
        if intent.symbol not in self.ledger.book.positions:
            return
        self.ledger.later(
            line(
                now.now,
                Line.DECISION,
                intent.symbol,
                action="exit",
                reason=intent.reason,
                objections=[],
                numbers=dict(now.numbers),
            )
        )
        self.tender.begin_exit(intent.symbol, intent.reason, now.now, now.session)

    def _enter(self, intent: Enter, now: Circumstances) -> bool:
        """Judge and send. True: it was sent, or can never be; False: it may be tried again."""
        at = due_at(intent, now)
        decision = f"{self.strategy}-{intent.symbol}-{at:%Y%m%dT%H%M}"
        if decision in self.ledger.book.entered_on:
            # An earlier life sent it and died before it could say so.
            return True
        quote = self._quote(intent.symbol)
        self.limits.refresh(now.account, now.now)
        question = self._question(intent, quote, decision, now)
        against = objections(question, self.settings.entry)
        self.news.waiting.judged(question, self.settings.entry, refused=bool(against))
        if against and self._said.get(intent.symbol) == against and intent.until is not None:
            return False
        self._said[intent.symbol] = against
        decided = line(
            now.now,
            Line.DECISION,
            intent.symbol,
            id=decision,
            action="enter",
            reason=intent.reason,
            reference=str(intent.reference),
            qty=question.qty,
            late_seconds=int((now.now - at).total_seconds()),
            objections=against,
            numbers=dict(now.numbers),
            quote=quote_data(quote),
            equity=str(now.account.equity),
            buying_power=str(now.account.buying_power),
        )
        if against:
            self.ledger.later(decided)
            return False
        try:
            plans = plans_of(self.strategy, question.intent, question.qty, decision, at)
            self.desk.place(plans, now.now, decided)
        except JournalUnwritable as fault:
            self.alerts.alert(Level.CRITICAL, "journal-unwritable", f"no entries: {fault}")
            return False
        self._spent += question.cost
        return True

    def _quote(self, symbol: str) -> Quote | None:
        """The latest quote. An outage is no quote: the predicates refuse, nothing is lost."""
        try:
            return self.data.quotes([symbol]).get(symbol)
        except Unavailable:
            return None

    def _question(
        self, intent: Enter, quote: Quote | None, decision: str, now: Circumstances
    ) -> Question:
        book, account = self.ledger.book, now.account
        limits = self.settings.entry
        price = intent.reference if quote is None else quote.ask
        worst = None
        if intent.tranches:
            # The strategy sized from its bar's close; what is bought now costs the ask.
            price = max(price, intent.reference)
            if limits.risk_per_trade_pct is not None and account.equity is not None:
                allowed = account.equity * limits.risk_per_trade_pct / 100
                intent = replace(intent, tranches=within(intent.tranches, price, allowed))
            qty, worst = sum(t.qty for t in intent.tranches), at_stops(intent.tranches, price)
        else:
            dollars = min(intent.dollars or Decimal(0), limits.max_position_dollars)
            buffer = self.settings.position_buffer_pct
            qty = shares_for_dollars(dollars, price, buffer) if price > 0 else 0
        entering = book.entering(intent.symbol) * price
        today = new_york_date(now.now)
        recent = book.planned_after(now.now - ONE_MINUTE)
        return Question(
            intent=intent,
            now=now.now,
            session=now.session,
            calendar_agrees=now.calendar_agrees,
            qty=qty,
            cost=qty * price,
            worst_loss=worst,
            quote=quote,
            bar_end=now.instant or now.cursors.get(intent.symbol),
            # What time makes due, from the bars so far, needs all of them.
            bar_due=None if intent.scheduled is None else now.expected,
            asset=now.assets.get(intent.symbol),
            configured=intent.symbol in self.symbols,
            halts=[f"{h.limit}: {h.why}" for h in book.halts.values()],
            blocked=book.blocked.get(intent.symbol) or self._doubt(intent.symbol, now),
            busy=intent.symbol in book.busy(),
            held=intent.symbol in book.positions,
            duplicate=decision in book.entered_on,
            open_positions=len(book.positions),
            trades_today=book.trades_on(today),
            exposure=book.exposure(intent.symbol) + entering,
            equity=account.equity,
            day_start=book.day_base,
            buying_power=account.buying_power - self._spent,
            account_blocked=account.trading_blocked,
            realised_today=book.realised.get(today, Decimal(0)),
            orders_last_minute=recent,
            unjudged=self.limits.unjudged,
            stale_peers=self.limits.stale,
            journal_writable=self.ledger.writable,
            told_halt=self.news.halts.why(intent.symbol, now.now),
        )

    def _doubt(self, symbol: str, now: Circumstances) -> str | None:
        """A history too short; or an order given up for lost, which may still turn up today."""
        if symbol in now.short:
            return f"its history is {now.short[symbol]} bars, too short for its indicators"
        for order in self.ledger.book.abandoned.values():
            if (
                order.symbol == symbol
                and order.role is Role.ENTRY
                and new_york_date(order.planned_at) == new_york_date(now.now)
            ):
                return f"the order {order.key} was given up for lost and is watched for"
        return None


def due_at(intent: Enter, now: Circumstances) -> datetime:
    """The instant that names a decision: when it was due, however late it is taken."""
    return intent.not_before or intent.scheduled or now.instant or now.now
