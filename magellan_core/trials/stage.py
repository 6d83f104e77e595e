"""One daemon's life, or lives, on the in-process exchange: recover, tick, die, start again.

Everything but the process is real: strategy, engine, book, journal, matching core; and, over the
socketless wire, the adapters and the exchange's routes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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
from magellan_core.paper.market import Market
from magellan_core.paper.rules import Rules
from magellan_core.ports import Broker, Level, MarketData
from magellan_core.records import Role
from magellan_core.store.journal import SqliteJournal
from magellan_core.store.memory import MemoryJournal, MemoryPortfolioStore
from magellan_core.strategy import Strategy
from magellan_core.trials.interposer import (
    Call,
    Fault,
    InProcess,
    Interposer,
    Killed,
    Tally,
    WatchedJournal,
)
from magellan_core.trials.invariants import Checker
from magellan_core.trials.socketless import Wire, adapters

BETWEEN_TRIES = timedelta(seconds=5)
# What a run may need after its end to learn of everything that is under way.
SETTLING_TICKS = 40


@dataclass(frozen=True, slots=True)
class Scenario:
    """A strategy, a market and the stretch of time that is played. `patrol`: see Settings."""

    name: str
    config: Config
    build: Callable[[Config], Strategy]
    market: Market
    account: AccountSpec
    start: datetime
    end: datetime
    rules: Rules = field(default_factory=Rules)
    patrol: timedelta | None = None

    def settings(self) -> Settings:
        """As configured, but alone in its portfolio: its peers are not on this stage."""
        made = settings_of(self.config, patrol=self.patrol, patrol_closed=None)
        alone = replace(made.portfolio, strategies=(self.config.name,))
        return replace(made, portfolio=alone)


class Recorded:
    """ports.Alerts that keeps what was said."""

    def __init__(self) -> None:
        self.said: list[tuple[Level, str, str]] = []

    def alert(self, level: Level, key: str, message: str) -> None:
        self.said.append((level, key, message))


class Stage:
    """One run of one scenario. `journal`: a path for SQLite, None for memory.

    `downtime` is how long the daemon stays dead after each kill.
    """

    def __init__(
        self,
        scenario: Scenario,
        faults: Sequence[Fault] = (),
        *,
        adapter: bool = False,
        journal: Path | None = None,
        downtime: timedelta = timedelta(0),
    ) -> None:
        self.scenario, self.downtime, self.path = scenario, downtime, journal
        self.exchange = Exchange(
            scenario.market, [scenario.account], start=scenario.start, rules=scenario.rules
        )
        self.tally = Tally(lambda: self.exchange.now, faults, before=self._before)
        self.store, self.alerts = MemoryPortfolioStore(), Recorded()
        self.memory = MemoryJournal()
        self.wire = Wire(self.exchange) if adapter else None
        self.disk: SqliteJournal | None = None
        self.watched = self._open()
        self.checker = Checker(scenario.config, self.exchange, scenario.account, self.tally)
        self.engine: Engine | None = None
        self.ticks = 0

    @property
    def number(self) -> str:
        return self.scenario.account.number

    def play(self) -> None:
        """From start to end, and on until all is settled; then the last checks."""
        while self.exchange.now < self.scenario.end:
            report = self._step()
            if report is not None and report.finished:
                break
        for _ in range(SETTLING_TICKS):
            if self.engine is not None and not self._unsettled(self.engine):
                break
            self._step()
        self.checker.finish(self.watched, self.engine)
        if self.disk is not None:
            self.disk.close()

    def _step(self) -> Report | None:
        """One start or one tick, and time up to the next. None: dead, or not started yet."""
        try:
            if self.engine is None:
                self._start()
                if self.engine is None:
                    self._pass_time(BETWEEN_TRIES)
                    return None
            report = self.engine.tick(self.exchange.now)
            self.ticks += 1
        except Killed:
            self._die()
            return None
        self.checker.after_step(self.watched, self.engine)
        if not report.finished:
            wake = (self.number,) if report.watching else ()
            until = report.next_at
            if self.exchange.now < self.scenario.end:
                until = min(until, self.scenario.end)
            self.exchange.step(until, wake)
        return report

    def _start(self) -> None:
        """A new process: nothing is left of the old one but journal, store and broker."""
        broker, data = self._adapters()
        interposer = Interposer(broker, data, self.wire or InProcess(), self.tally)
        self.checker.born(self.watched)
        engine = Engine(
            lambda: self.scenario.build(self.scenario.config),
            interposer,
            interposer,
            self.watched,
            self.store,
            self.alerts,
            self.scenario.settings(),
        )
        try:
            engine.recover(self.exchange.now, {"life": self.tally.life})
        except Unavailable:
            return
        self.engine = engine

    def _die(self) -> None:
        self.engine = None
        self.tally.life += 1
        self.tally.full_for, self.tally.doomed = 0, None
        self.watched = self._open()
        self.checker.after_step(self.watched, None)
        self._pass_time(self.downtime)

    def _pass_time(self, span: timedelta) -> None:
        self.exchange.step(self.exchange.now + span)

    def _adapters(self) -> tuple[Broker, MarketData]:
        if self.wire is not None:
            return adapters(self.wire, self.scenario.account)
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
        self.checker.before_write(self.watched, call)

    def _unsettled(self, engine: Engine) -> bool:
        book = engine.ledger.book
        moving = any(o.role in (Role.ENTRY, Role.EXIT) for o in book.live.values())
        waiting = book.unsettled() or book.exits or book.blocked or not engine.ledger.writable
        return bool(moving or waiting or engine.settler.doubtful)
