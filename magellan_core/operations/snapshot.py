"""Take a snapshot of every strategy: its account, its journal, and what follows from both."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from magellan_core.compose import settings_of
from magellan_core.config import PENDING
from magellan_core.engine.words import crashed
from magellan_core.errors import Unavailable
from magellan_core.lines import Line
from magellan_core.market_hours import Session, new_york_date, previous_session, session_on
from magellan_core.model import Published
from magellan_core.operations.broker_eye import BrokerEye
from magellan_core.operations.holdings import open_orders, positions
from magellan_core.operations.journal_eye import JournalEye
from magellan_core.operations.looks import (
    BROKER,
    CONFIG,
    JOURNAL,
    STORE,
    AccountLook,
    DaemonLook,
    Figure,
    HaltLook,
    Origin,
    Run,
    Snapshot,
    StrategyLook,
    market_clock,
)
from magellan_core.operations.problems import problems
from magellan_core.operations.reasons import symbol_look
from magellan_core.operations.services import ServiceEye, ServiceLook
from magellan_core.operations.stations import Station
from magellan_core.operations.totals import totals
from magellan_core.operations.unsent import unsent
from magellan_core.operations.usage import account_usages, portfolio_usages
from magellan_core.risk.account import fall
from magellan_core.store.portfolio import SqlitePortfolioStore

BOTH = f"{BROKER}, {JOURNAL}"


def take(stations: Sequence[Station], now: datetime) -> Snapshot:
    """One look, from scratch. Whoever looks again and again keeps a Lookout."""
    return Lookout(stations).take(now)


class Lookout:
    """Looks at the same stations again and again: cheap journals, budgeted brokers."""

    def __init__(
        self, stations: Sequence[Station], wall: Callable[[], datetime] | None = None
    ) -> None:
        """`wall`: the host's time, where `take` is told another one; systemd lives by it."""
        self._posts = [_Post(station) for station in stations]
        self._services = ServiceEye([station.strategy for station in stations])
        self._wall = wall

    def take(self, now: datetime) -> Snapshot:
        """Everything as of `now`. One station's failure is shown there, and hides no other.

        Raise DataError beyond the session table.
        """
        clock = market_clock(now)
        self._services.look(now if self._wall is None else self._wall())
        published = self._published()
        # A mute broker takes its time-out: side by side, the slowest account is waited for once.
        with ThreadPoolExecutor(max_workers=max(1, len(self._posts))) as pool:
            looks = tuple(pool.map(lambda post: self._look(post, now, published), self._posts))
        configs = [post.station.config for post in self._posts]
        rows = next(iter(published.values()), "no strategy is looked at")
        usages = portfolio_usages(rows, self._mark(), configs, latest_session(now).date)
        return Snapshot(now, clock, totals(looks, configs, usages), looks)

    def _look(
        self, post: "_Post", now: datetime, published: Mapping[Path, Mapping[str, Published] | str]
    ) -> StrategyLook:
        service = self._services.services.get(post.station.strategy)
        return post.look(now, published, service, self._services.why)

    def refusals(self) -> list[tuple[str, bool]]:
        """Why accounts have never been read: the fault, and whether their keys are to blame.

        Empty as soon as one account has been.
        """
        eyes = [post.broker for post in self._posts]
        if any(eye.reading is not None for eye in eyes):
            return []
        return [(eye.fault, eye.refused) for eye in eyes]

    def _published(self) -> Mapping[Path, Mapping[str, Published] | str]:
        """The daemons' own words, by store file; a text: why they cannot be read."""
        told: dict[Path, Mapping[str, Published] | str] = {}
        for path in {post.station.portfolio for post in self._posts}:
            if not path.exists():
                told[path] = f"{path}: there is no portfolio store yet"
                continue
            store = SqlitePortfolioStore(path, patience=0.5)
            try:
                told[path] = {row.strategy: row for row in store.rows()}
            except Unavailable as fault:
                told[path] = str(fault)
            finally:
                store.close()
        return told

    def _mark(self) -> Figure:
        """The portfolio's high-water mark, as the daemons' store has it."""
        path = next(iter(self._posts)).station.portfolio if self._posts else None
        if path is None or not path.exists():
            return Figure(None, Origin(STORE), "there is no portfolio store yet")
        store = SqlitePortfolioStore(path, patience=0.5)
        try:
            return Figure(store.mark(), Origin(STORE), "no mark in the portfolio store yet")
        except Unavailable as fault:
            return Figure(None, Origin(STORE), str(fault))
        finally:
            store.close()


class _Post:
    """One station with what has been seen of it."""

    def __init__(self, station: Station) -> None:
        self.station = station
        symbols = tuple(station.config.symbols)
        self.settings = settings_of(station.config, patrol=None, patrol_closed=None)
        self.journal = JournalEye(station.journal, symbols)
        self.broker = BrokerEye(station.broker, station.why, symbols, refused=station.refused)

    def look(
        self,
        now: datetime,
        published: Mapping[Path, Mapping[str, Published] | str],
        service: ServiceLook | None,
        no_service: str,
    ) -> StrategyLook:
        self.journal.look()
        self.broker.look(now)
        rows = published[self.station.portfolio]
        row = rows.get(self.station.strategy) if isinstance(rows, Mapping) else None
        journal, reading, config = self.journal, self.broker.reading, self.station.config
        book = journal.book
        said = Origin(JOURNAL, None if journal.newest is None else journal.newest.at)
        account = account_look(
            self.broker, journal, config.account_info.initial_capital_dollars, now
        )
        held, orders = positions(reading, book, said), open_orders(reading, book, said)
        symbols = tuple(
            symbol_look(s, journal, self.broker.untradable(s), now) for s in config.symbols
        )
        halts = tuple(
            HaltLook(h.limit, h.why, h.policy, h.at, Origin(JOURNAL, h.at))
            for h in book.halts.values()
        )
        daemon = daemon_look(row, journal, now, float(config.portfolio.stale_after_seconds))
        look = StrategyLook(
            name=self.station.strategy,
            account=account,
            daemon=daemon,
            usages=account_usages(
                account, book, said, self.settings.entry, self.settings.account, now
            ),
            symbols=symbols,
            positions=held,
            orders=orders,
            halts=halts,
            alerts=tuple(str(a.data.get("message", "")) for a in journal.alerts),
            newest_line=said.at,
            journal_fault=journal.fault,
            problems=(),
            service=service,
            no_service="" if service is not None else no_service,
            curve=tuple(self.broker.curve),
        )
        named = config.account_info.account_id
        found = problems(look, None if named == PENDING else named, now)
        told = unsent(self.station.journal.parent, look.name, now)
        return replace(look, problems=(*told, *found))


def account_look(
    eye: BrokerEye, journal: JournalEye, capital: Decimal, now: datetime
) -> AccountLook:
    """The account's figures; without a reading none of them is known."""
    reading = eye.reading
    if reading is None:
        missing = Figure(None, Origin(BROKER), eye.fault or "not asked yet")
        return AccountLook("", "", missing, missing, missing, missing, missing, eye.fault)
    account, at = reading.account, reading.at
    start, source = day_start(journal, now)
    if start is None:
        start, source = account.last_equity, BROKER
    equity, paid_in = account.equity, journal.book.paid_in
    below = None if equity is None else fall(equity, journal.book.high_water)
    null = "" if equity is not None else "the broker does not tell the equity"
    return AccountLook(
        number=account.number,
        status="trading blocked" if account.trading_blocked else account.status,
        equity=Figure(equity, Origin(BROKER, at), null),
        cash=Figure(account.cash, Origin(BROKER, at)),
        today=Figure(
            None if equity is None or start is None else equity - start, Origin(source, at), null
        ),
        total=Figure(
            None if equity is None else equity - capital - paid_in,
            Origin(f"{BOTH}, {CONFIG}", at),
            null,
        ),
        drawdown=Figure(
            None if below is None else max(below, Decimal(0)),
            Origin(BOTH, at),
            "" if below is not None else null or "no high-water mark in the journal yet",
        ),
        fault=eye.fault,
    )


def day_start(journal: JournalEye, now: datetime) -> tuple[Decimal | None, str]:
    """The equity that today's P&L counts from, if the journal's is of the session in question."""
    if journal.day is None or journal.book.session != latest_session(now).date:
        return None, BROKER
    return journal.book.day_base, BOTH


def latest_session(now: datetime) -> Session:
    """Today's session from midnight on, or the one before on days without."""
    today = new_york_date(now)
    return session_on(today) or previous_session(today)


def daemon_look(
    row: Published | None, journal: JournalEye, now: datetime, stale_after: float
) -> DaemonLook:
    """Alive as long as it keeps its promise of when to publish next."""
    start, stop = journal.latest.get(Line.START), journal.latest.get(Line.STOP)
    outage, back = journal.latest.get(Line.OUTAGE), journal.latest.get(Line.BACK)
    origin = Origin(JOURNAL, None if start is None else start.at)
    if row is not None:
        origin = Origin(STORE, row.at)
        late = (now - row.next_by).total_seconds() > stale_after
        run = Run(row.state) if row.state in set(Run) else Run.UNKNOWN
        # A daemon that is halted and flat has ended, as it should.
        ended = run is Run.STOPPED or (run is Run.HALTED and row.flat)
        run = Run.SILENT if late and not ended else run
        if run is Run.STOPPED and journal.book.halts:
            # Halted and flat, it ended by itself: nobody stopped it.
            run = Run.HALTED
    elif start is None:
        run = Run.UNKNOWN if journal.fault else Run.NEVER
    elif stop is not None and stop.at >= start.at:
        run, origin = Run.STOPPED, Origin(JOURNAL, stop.at)
    else:
        run = Run.STARTED
    return DaemonLook(
        run=run,
        origin=origin,
        started=None if start is None else start.at,
        stopped=None if stop is None else stop.at,
        version="" if start is None else str(start.data.get("version", "")),
        outage="" if outage is None else str(outage.data.get("why", "")),
        outage_of=str("the broker" if outage is None else outage.data.get("what", "the broker")),
        outage_at=None if outage is None else outage.at,
        crashed="" if start is None else crashed(start.data, start.at),
        back_at=None if back is None else back.at,
    )
