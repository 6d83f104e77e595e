"""The engine: recover, then tick, in one order always. Live, paper, replay and backtest alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from magellan_core.engine.agenda import next_instant
from magellan_core.engine.ahead import Ahead
from magellan_core.engine.desk import Desk
from magellan_core.engine.feed import Feed, preparation
from magellan_core.engine.intake import Circumstances, Intake
from magellan_core.engine.ledger import Ledger
from magellan_core.engine.limits import Limits
from magellan_core.engine.morning import calendars_agree, tradability
from magellan_core.engine.outages import Outages
from magellan_core.engine.settings import Settings
from magellan_core.engine.settle import Settler, Truth
from magellan_core.engine.splits import Splits
from magellan_core.engine.tend import Tender
from magellan_core.engine.words import Report, status_line
from magellan_core.errors import Unavailable
from magellan_core.lines import Event, Line, bar_data, line
from magellan_core.market_hours import Session, new_york_date, session_on
from magellan_core.model import Account, Asset, Bar, Exit, MoveStop
from magellan_core.ports import Alerts, Broker, Journal, Level, MarketData, PortfolioStore
from magellan_core.strategy import Strategy, View

AT_ONCE = timedelta(seconds=1)


class Engine:
    """One strategy on one account. The journal is its only memory."""

    def __init__(
        self,
        make_strategy: Callable[[], Strategy],
        broker: Broker,
        data: MarketData,
        journal: Journal,
        store: PortfolioStore,
        alerts: Alerts,
        settings: Settings,
    ) -> None:
        self.broker, self.alerts, self.settings = broker, alerts, settings
        self.ledger = Ledger(journal)
        whole, retries = settings.whole_history, settings.bar_retries
        self.feed = Feed(make_strategy, data, self.ledger, retries, alerts, whole_history=whole)
        name = self.name = self.feed.strategy.name
        self.symbols = self.feed.strategy.needs.symbols
        self.desk = Desk(name, broker, self.ledger, settings.unknown_grace)
        splits = Splits(data, self.feed.strategy.needs.timeframe, self.ledger)
        self.settler = Settler(
            broker, self.desk, self.ledger, alerts, settings.reconcile_grace, splits
        )
        tender = self.tender = Tender(name, self.desk, self.ledger, alerts, settings.patience)
        limits = self.limits = Limits(name, broker, self.ledger, store, alerts, settings)
        self.intake = Intake(self.feed, self.desk, self.ledger, tender, limits, alerts, settings)
        self.assets: dict[str, Asset | None] = {}
        self.outages = Outages(self.ledger, alerts)
        self.loaded = self.ready = self.calendar_agrees = False
        self._prepared: date | None = None
        self._due: datetime | None = None
        self._truth: Truth | None = None
        self.ahead = Ahead(settings.look_ahead)
        self.in_play: Sequence[str] = ()

    # -- starting ----------------------------------------------------------------------------

    def load(self, now: datetime, facts: Mapping[str, object]) -> None:
        """Fold the journal, once, and write the start line with these facts. Raise JournalError."""
        if not self.loaded:
            self.ledger.load()
            self.ledger.write(line(now, Line.START, None, **facts))
            self.loaded = True

    def recover(self, now: datetime, facts: Mapping[str, object]) -> None:
        """The only start: fold the journal, ask the broker, correct, do what is overdue, warm up.

        Raise Unavailable while the broker cannot be asked: call it again then. Where only the data
        cannot, it is not `ready`, and each tick tries again. `facts` go into the start line.
        """
        self.load(now, facts)
        if self.ledger.book.live_since is None:
            self.ledger.write(line(now, Line.LIVE))
        self.limits.halts.hear(now)
        truth = self._truth = self.settler.settle(now)
        if not self._flat(truth):
            # What is overdue goes first: it waits for no data.
            self._look_after(truth, now, session_on(new_york_date(now)))
        try:
            self.prepare(now)
        except Unavailable as fault:
            self.outages.begin(fault, now)
        self.ledger.flush()

    def prepare(self, now: datetime) -> None:
        """Once per session date: tradability, calendar, indicators anew. Raise Unavailable."""
        today = new_york_date(now)
        symbols = {*self.symbols, *self.ledger.book.positions}
        self.assets = tradability(self.broker, sorted(symbols), today, self.alerts)
        self.calendar_agrees = calendars_agree(self.broker, today, self.alerts)
        self.feed.rebuild(now, self.active())
        self.feed.tell_of_short(self.active(), today)
        self.ready = True
        # Before the hour in which sessions are prepared, it does not count for today's.
        session = session_on(today)
        early = session is not None and now < preparation(session)
        self._prepared = None if early else today
        self._due = now

    # -- ticking -----------------------------------------------------------------------------

    def tick(self, now: datetime) -> Report:
        """Broker truth, limits, exits, bars, decisions, orders, figures. Never raises Unavailable:
        an outage is journaled. Exits go first when it is over, and never wait for market data."""
        session = session_on(new_york_date(now))
        if not self.ledger.flush():
            why = "the journal takes no lines (disk full?): no entries; exits go out"
            self.alerts.alert(Level.CRITICAL, "journal-unwritable", why)
        self.limits.halts.hear(now)
        try:
            truth = self._look(now)
        except Unavailable as fault:
            return self._out(fault, now)
        self._look_after(truth, now, session)
        try:
            self._go_on(truth, now, session)
            self.outages.end(now)
        except Unavailable as fault:
            self.outages.begin(fault, now)
        self.ledger.flush()
        report = self._report(truth, now, session)
        if self.ahead.early(now):
            self.feed.keep_open(self.active())
        before = len(self.ledger.book.halts)
        self._share(now, report.next_at, self._state())
        if len(self.ledger.book.halts) > before:
            # The portfolio's limit: what it asks for does not wait for the next patrol.
            return replace(report, next_at=min(report.next_at, now + AT_ONCE))
        return report

    def stop(self, now: datetime, why: Mapping[str, object] | None = None) -> None:
        """The last words: a line, and figures that say whether we left anything open."""
        self.ledger.write(line(now, Line.STOP, None, **(why or {})))
        self._share(now, now, "stopped")

    def _share(self, now: datetime, next_by: datetime, state: str) -> None:
        if self._truth is not None:
            self.limits.share(self._truth.account, now, next_by, state, flat=self.flat)

    def _look(self, now: datetime) -> Truth:
        """Broker truth: asked for now, or a moment ago so that what is due now need not wait."""
        sure = self.outages.current is None and not self.settler.doubtful
        if self._truth is None or not (sure and self.ahead.holds(now, self.ledger.book)):
            self._truth = self.settler.settle(now)
            self.ahead.seen(now, self.ledger.book)
            self.intake.begin()
        return self._truth

    def _look_after(self, truth: Truth, now: datetime, session: Session | None) -> None:
        """Limits, halts and exits: nothing of bars or preparations can hold them up."""
        self.ready = not self.feed.keep() and self.ready
        doubtful = self.settler.doubtful or bool(self.ledger.book.unsettled())
        self.limits.judge(truth.account, now, session, doubtful=doubtful)
        self._exits(truth, now, session)

    def _go_on(self, truth: Truth, now: datetime, session: Session | None) -> None:
        """Preparations, bars, decisions, entries. Raise Unavailable."""
        today = new_york_date(now)
        if self.limits.halts.resumed or not self.ready:
            self.prepare(now)
            self.limits.halts.resumed = False
        begins = session is not None and self._prepared != today and now >= preparation(session)
        if begins or self.feed.refilled(now):
            self.prepare(now)
        place = self._place(truth, now, session)
        due = self._due is not None and now >= self._due
        bars = self.feed.poll(now, session, due, self.active())
        # On record only after its decisions: a crash takes them again, by the same order ids.
        self.ledger.later(*self._on_bars(bars, place))
        self._on_time(place)
        self.intake.execute_signals(place)
        self.tender.work(now, session)
        view = self.view(now, session, truth.account)
        self._due = self.feed.strategy.next_due(view)
        self.in_play = self.feed.news.look_at(self.feed.strategy.in_play(view), view.pending)

    def _exits(self, truth: Truth, now: datetime, session: Session | None) -> None:
        """Exits need neither bars nor preparations, so nothing of that can hold them up."""
        self.tender.heed_halts(now)
        place = self._place(truth, now, session)
        self.intake.execute_signals(place, exits_only=True)
        self._on_time(place, exits_only=True)
        self.tender.work(now, session)

    def _place(self, truth: Truth, now: datetime, session: Session | None) -> Circumstances:
        feed, agrees = self.feed, self.calendar_agrees
        return Circumstances(
            now, session, truth.account, self.assets, agrees, feed.cursor, feed.expected, feed.short
        )

    def _on_bars(self, bars: Sequence[Bar], place: Circumstances) -> Sequence[Event]:
        """Decide on each; return the lines that put them on record, for which no order waits."""
        strategy, now = self.feed.strategy, place.now
        view = self.view(now, place.session, place.account)
        seen = []
        for bar in bars:
            intents = strategy.on_bar(bar, view)
            numbers = dict(strategy.explain(bar.symbol))
            seen.append((bar, numbers, dict(strategy.memory(bar.symbol))))
            for intent in intents:
                self.intake.take(intent, replace(place, numbers=numbers, instant=bar.end))
            if intents:
                view = self.view(now, place.session, place.account)
        return [
            line(now, Line.BAR, bar.symbol, **bar_data(bar), numbers=numbers, memory=memory)
            for bar, numbers, memory in seen
        ]

    def _on_time(self, place: Circumstances, *, exits_only: bool = False) -> None:
        """What time alone makes due. With `exits_only`, before this tick's bars are asked for."""
        view = self.view(place.now, place.session, place.account)
        complete = not (exits_only or self.feed.waits(self.active()))
        for intent in self.feed.strategy.on_time(replace(view, bars_complete=complete)):
            if isinstance(intent, Exit | MoveStop) or not exits_only:
                numbers = dict(self.feed.strategy.explain(intent.symbol))
                self.intake.take(intent, replace(place, numbers=numbers))

    # -- looking -----------------------------------------------------------------------------

    def active(self) -> Sequence[str]:
        """Symbols that can be traded, or are held."""
        held = self.ledger.book.positions
        return [
            s
            for s in self.feed.strategy.needs.symbols
            if s in held or ((asset := self.assets.get(s)) is not None and asset.tradable)
        ]

    @property
    def account(self) -> Account | None:
        """As the broker told it last."""
        return None if self._truth is None else self._truth.account

    def view(self, now: datetime, session: Session | None, account: Account) -> View:
        book = self.ledger.book
        return View(
            now=now,
            session=session,
            equity=account.equity or Decimal(0),
            live_since=book.live_since or now,
            holdings=self.ledger.holdings(),
            pending=dict(book.pending),
            last_exit=book.last_exit,
            busy=book.busy(),
        )

    def _state(self) -> str:
        return "halted" if self.ledger.book.halts else "running"

    def _out(self, fault: Unavailable, now: datetime) -> Report:
        outage = self.outages.begin(fault, now)
        self.ledger.flush()
        again = now + self.settings.loop_interval
        if self.flat:
            # Old figures of an account that holds nothing are good ones; any other is silent.
            self._share(now, again, self._state())
        return Report(again, watching=False, status=outage.status, outage=outage.why)

    def _report(self, truth: Truth, now: datetime, session: Session | None) -> Report:
        book, outage = self.ledger.book, self.outages.current
        ask = self.feed.next_ask(now, session, self.active())
        dues = [due for due in (self._due, ask) if due is not None]
        dues += [] if outage is None else [now + self.settings.loop_interval]
        dues += self.ahead.wishes(dues, now)
        next_at = next_instant(now, session, book, self.settings, dues, self.settler.doubtful)
        status = status_line(book, self.active(), self.symbols, next_at)
        return Report(
            next_at,
            watching=bool(book.live),
            status=status if outage is None else f"{outage.status}; {status}",
            finished=self._flat(truth) and any(h.policy == "flatten" for h in book.halts.values()),
            outage=None if outage is None else outage.why,
        )

    def _flat(self, truth: Truth) -> bool:
        """Neither the broker nor the book knows of a share or an order."""
        book = self.ledger.book
        return not (truth.positions or book.positions or book.live or self.settler.foreign)

    def halted_and_flat(self) -> bool:
        """After `recover`: a halt is on record and nothing is left to look after."""
        return bool(self.ledger.book.halts) and self.flat

    @property
    def flat(self) -> bool:
        """As of the broker's last word, nothing is held and no order is out."""
        return self._truth is not None and self._flat(self._truth)
