"""One daemon's lives on the in-process exchange: start, tick, die, start again.

Everything but the process is real: strategy, engine, book, journal, matching core; and, over the
socketless wire, the adapters and the exchange's routes.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from magellan_core.compose import settings_of
from magellan_core.config import Config
from magellan_core.engine.engine import Engine
from magellan_core.engine.settings import Settings
from magellan_core.engine.words import Report
from magellan_core.errors import Unavailable
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.broker import CoreBroker, CoreData
from magellan_core.paper.exchange import Exchange
from magellan_core.ports import Broker, Level, MarketData, PortfolioStore
from magellan_core.records import Role
from magellan_core.store.journal import SqliteJournal
from magellan_core.store.memory import MemoryJournal
from magellan_core.strategy import Strategy
from magellan_core.trials.faults import Call, Killed, Tally
from magellan_core.trials.interposer import InProcess, Interposer
from magellan_core.trials.invariants import Checker
from magellan_core.trials.socketless import Wire, adapters
from magellan_core.trials.watched import WatchedJournal

BETWEEN_TRIES = timedelta(seconds=5)


class Recorded:
    """ports.Alerts that keeps what was said."""

    def __init__(self) -> None:
        self.said: list[tuple[Level, str, str]] = []

    def alert(self, level: Level, key: str, message: str) -> None:
        self.said.append((level, key, message))


class Player:
    """A daemon on the stage. `turn` it when it is `due`; `watching` asks for updates to wake it.

    `journal`: a path for SQLite, None for memory. `alone`: no peers are waited for. `downtime`
    says how long it stays dead after a kill, `skew` by how much its clock is wrong.
    """

    def __init__(
        self,
        config: Config,
        build: Callable[[Config], Strategy],
        exchange: Exchange,
        account: AccountSpec,
        tally: Tally,
        store: PortfolioStore,
        *,
        adapter: bool = False,
        journal: Path | None = None,
        patrol: timedelta | None = None,
        alone: bool = False,
        look_ahead: timedelta | None = None,
    ) -> None:
        self.config, self.build, self.exchange, self.account = config, build, exchange, account
        self.tally, self.store, self.path = tally, store, journal
        self.patrol, self.alone, self.look_ahead = patrol, alone, look_ahead
        self.alerts, self.memory = Recorded(), MemoryJournal()
        self.disk: SqliteJournal | None = None
        self.watched = self._open()
        self.wire = Wire(exchange) if adapter else None
        self.checker = Checker(config, exchange, account, tally)
        tally.before = self._before
        self.engine: Engine | None = None
        self.report: Report | None = None
        self.due = exchange.now
        self.skew = timedelta(0)
        self.downtime: Callable[[], timedelta] = lambda: timedelta(0)
        self.ticks = 0

    @property
    def number(self) -> str:
        return self.account.number

    @property
    def watching(self) -> bool:
        return self.report is not None and self.report.watching

    @property
    def finished(self) -> bool:
        """Halted and flat: the process has ended, as its unit wants it."""
        return self.report is not None and self.report.finished

    @property
    def settled(self) -> bool:
        """Nothing is under way that a later tick would still change."""
        if self.engine is None:
            return False
        book = self.engine.ledger.book
        moving = any(o.role in (Role.ENTRY, Role.EXIT) for o in book.live.values())
        waiting = book.unsettled() or book.exits or book.blocked or self.engine.ledger.backlog
        return not (moving or waiting or self.engine.settler.doubtful)

    def turn(self) -> None:
        """One start or one tick, at the exchange's time; sets `due`."""
        self.report = None
        try:
            if self.engine is None:
                self._start()
                if self.engine is None:
                    self.due = self.exchange.now + BETWEEN_TRIES
                    return
            self.report = self.engine.tick(self._now())
            self.ticks += 1
        except Killed:
            self._die()
            return
        self.due = self.report.next_at - self.skew
        self.checker.after_step(self.watched, self.engine)

    def finish(self) -> None:
        """The last checks. Raise Broken."""
        self.checker.finish(self.watched, self.engine)
        if self.disk is not None:
            self.disk.close()

    def _now(self) -> datetime:
        return self.exchange.now + self.skew

    def _start(self) -> None:
        """A new process: nothing is left of the old one but journal, store and broker."""
        broker, data = self._adapters()
        interposer = Interposer(broker, data, self.wire or InProcess(), self.tally)
        self.checker.born(self.watched)
        engine = Engine(
            lambda: self.build(self.config),
            interposer,
            interposer,
            self.watched,
            self.store,
            self.alerts,
            self._settings(),
        )
        try:
            engine.recover(self._now(), {"life": self.tally.life})
        except Unavailable:
            return
        self.engine = engine

    def _die(self) -> None:
        if self.engine is not None:
            self.checker.died(self.engine)
        self.engine = None
        self.tally.life += 1
        self.tally.full_for, self.tally.doomed = 0, None
        self.watched = self._open()
        self.checker.after_step(self.watched, None)
        self.due = self.exchange.now + self.downtime()

    def _settings(self) -> Settings:
        made = settings_of(
            self.config, patrol=self.patrol, patrol_closed=None, look_ahead=self.look_ahead
        )
        if not self.alone:
            return made
        return replace(made, portfolio=replace(made.portfolio, strategies=(self.config.name,)))

    def _adapters(self) -> tuple[Broker, MarketData]:
        if self.wire is not None:
            return adapters(self.wire, self.account)
        return CoreBroker(self.exchange, self.number), CoreData(self.exchange, self.number)

    def _open(self) -> WatchedJournal:
        """The journal as a new process finds it: SQLite from its file, memory as it was left."""
        if self.path is None:
            return WatchedJournal(self.memory, self.tally)
        if self.disk is not None:
            self.disk.close()
        self.disk = SqliteJournal(self.path)
        return WatchedJournal(self.disk, self.tally)

    def _before(self, call: Call) -> None:
        self.checker.before_write(self.watched, call, self.engine)
