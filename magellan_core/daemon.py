"""Composition root of a strategy's daemon: environment, config, adapters, engine, loop.

Signals end naps, never ticks. Stopping never trades.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from types import FrameType

from magellan_core import __version__, reporting
from magellan_core.alpaca.broker import AlpacaBroker
from magellan_core.arguments import Parser
from magellan_core.clocks import DaemonClock, nap, open_bar_hints, open_clock
from magellan_core.compose import seconds, settings_of
from magellan_core.config import Config, load
from magellan_core.connections import Connections
from magellan_core.engine.engine import Engine
from magellan_core.engine.settings import Settings
from magellan_core.engine.words import Report
from magellan_core.environment import Environment, read
from magellan_core.errors import (
    ConfigError,
    ExitCode,
    MagellanError,
    Unavailable,
    UnknownSymbol,
)
from magellan_core.keyring import KeyRing
from magellan_core.lives import Lives, before, journaled
from magellan_core.market_hours import label
from magellan_core.ports import Level, MarketData, Woken
from magellan_core.process.alerts import LogAlerts
from magellan_core.process.garbage import Garbage
from magellan_core.process.last_words import prepare as prepare_last_words
from magellan_core.process.logs import log, set_level, setup
from magellan_core.process.metrics import Reporter
from magellan_core.process.notify import Notifier
from magellan_core.process.telling import TellingJournal
from magellan_core.provenance import source_hash
from magellan_core.reload import renew, take_over
from magellan_core.starting import Starting
from magellan_core.store.journal import SqliteJournal
from magellan_core.store.lock import hold
from magellan_core.store.portfolio import SqlitePortfolioStore
from magellan_core.strategy import Strategy

ROOT = Path(__file__).resolve().parents[1]
STEPPED_PATROL = timedelta(minutes=5)
# Enough for three requests to a broker far away.
LOOK_AHEAD = timedelta(seconds=1)

Build = Callable[[Config], Strategy]


def main(strategy: str, beside: Path, build: Build, argv: Sequence[str] | None = None) -> int:
    """Run until told to stop; return the exit code. `beside` is the shipped config.json."""
    parser = Parser(description=f"Magellan daemon: {strategy}")
    parser.add_argument("--config", type=Path, help="config file (default: the installed one)")
    parser.add_argument("--check", action="store_true", help="check the config and exit")
    args = parser.parse_args(argv)
    setup("INFO", strategy, environ=os.environ, stream=sys.stdout)
    prepare_last_words()
    try:
        environment = read(os.environ, strategy, beside)
        path = args.config or environment.config
        config = load(path)
        _check_strategy(config, strategy, path)
        if args.check:
            build(config)
            settings_of(config, patrol=None, patrol_closed=None)
            log(logging.INFO, "config", f"{path} is valid", hash=config.digest)
            return ExitCode.OK
        return Daemon(strategy, path, config, environment, build).run()
    except MagellanError as fault:
        log(logging.CRITICAL, "failed", str(fault), exit=int(fault.exit_code))
        return fault.exit_code


def _check_strategy(config: Config, strategy: str, path: Path) -> None:
    if config.name != strategy:
        fault = f"strategy.name: is {config.name!r}, this daemon runs {strategy!r}"
        raise ConfigError(str(path), [fault])


class Daemon:
    """One run of one strategy, from start line to stop line."""

    def __init__(
        self, strategy: str, path: Path, config: Config, environment: Environment, build: Build
    ) -> None:
        self.strategy, self.path, self.config, self.env = strategy, path, config, environment
        self.build = build
        self.notifier = Notifier.from_env(os.environ)
        self._stopping = False

    def run(self) -> int:
        with ExitStack() as stack:
            stack.enter_context(hold(self.env.state / f"{self.strategy}.lock"))
            connections = Connections(self.config, self.path, self.env, os.environ)
            level = self.config.monitoring.log_level
            formatter = setup(level, self.strategy, environ=os.environ, stream=sys.stdout)
            connections.ring.hide_by(formatter.hide_both)
            disk = SqliteJournal(self.env.state / f"{self.strategy}.sqlite3")
            stack.callback(disk.close)
            store = SqlitePortfolioStore(self.env.state / self.config.portfolio.store)
            stack.callback(store.close)
            clock = open_clock(
                self.strategy, self.env.exchange, connections.stream_url, connections.ring, stack
            )
            self._heed_signals(clock)
            broker = connections.broker()
            interval = seconds(self.config.monitoring.report_interval_seconds)
            reporter = Reporter(self.strategy, interval, lambda: datetime.now(UTC))
            stack.callback(reporter.close)
            earlier = before(disk, store, self.strategy)
            alerts = LogAlerts(
                clock.now,
                earlier=earlier.alerts,
                sinks=[lambda *told: journaled(engine.ledger, clock.now(), *told)],
            )
            data: MarketData = connections.data()
            if self.env.exchange is None:
                # In stepped time, what is asked when must not depend on a thread.
                data = connections.data_with_quotes_beside(lambda: engine.in_play, stack)
            engine = Engine(
                partial(self.build, self.config),
                broker,
                data,
                TellingJournal(disk),
                store,
                alerts,
                self._settings(self.config),
            )
            open_bar_hints(engine, clock, connections, stack)
            lives = Lives(self.strategy, engine, earlier, self._say_start(connections.base_url))
            # Bad keys open no stream, which a stepped exchange waits for: tell of them before.
            with suppress(Unavailable):
                connections.check(broker.account())
            try:
                files = [lambda _: disk.between_ticks(), lambda _: store.between_ticks()]
                return self._serve(engine, broker, clock, connections, reporter, lives, files)
            except MagellanError as fault:
                lives.give_up(fault, clock.now())
                raise

    # -- parts -------------------------------------------------------------------------------

    def _heed_signals(self, clock: DaemonClock) -> None:
        def stop(_number: int, _frame: FrameType | None) -> None:
            self._stopping = True
            clock.inbox.put(Woken.STOP)

        def reload(_number: int, _frame: FrameType | None) -> None:
            clock.inbox.put(Woken.RELOAD)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, reload)

    def _settings(self, config: Config) -> Settings:
        stepped = self.env.exchange is not None
        patrol = STEPPED_PATROL if stepped else seconds(config.execution.loop_interval_seconds)
        if self.env.patrol_seconds is not None:
            patrol = seconds(self.env.patrol_seconds)
        closed = seconds(config.monitoring.health_check_interval_seconds)
        return settings_of(
            config,
            patrol=patrol,
            patrol_closed=None if stepped else closed,
            look_ahead=None if stepped else LOOK_AHEAD,
        )

    def _say_start(self, base_url: str) -> dict[str, object]:
        facts: dict[str, object] = {
            "config_hash": self.config.digest,
            "source_hash": source_hash(ROOT),
            "account": self.config.account_info.account_id,
        }
        said = f"Magellan {__version__} {self.strategy}"
        log(logging.INFO, "start", said, config=self.path, broker=base_url, **facts)
        return {"version": __version__, **facts}

    # -- running -----------------------------------------------------------------------------

    def _serve(
        self,
        engine: Engine,
        broker: AlpacaBroker,
        clock: DaemonClock,
        connections: Connections,
        reporter: Reporter,
        lives: Lives,
        chores: Sequence[Callable[[float], None]],
    ) -> int:
        patience = seconds(self.env.start_patience_seconds)
        start = Starting(engine, broker, connections, lives, self.notifier, patience)
        if not start.run(clock, lambda: self._stopping):
            return self._stop(lives, clock)
        if engine.halted_and_flat():
            return self._halted(lives, clock)
        if not engine.active():
            raise UnknownSymbol(
                f"none of {', '.join(engine.symbols)} can be traded at {connections.base_url}: "
                "check `symbols` in the config, and the market data of a paper exchange"
            )
        self.notifier.ready("recovered")
        lives.go_on(clock.now())
        garbage = Garbage()
        garbage.begin()
        while True:
            now, began = clock.now(), monotonic()
            report = engine.tick(now)
            self._tell(report, writable=engine.ledger.writable)
            reporter.ticked(monotonic() - began)
            reporting.report(reporter, engine, self.config, now, report.status)
            if report.finished:
                return self._halted(lives, clock)
            woken = nap(engine, clock, report, [*chores, garbage.between_ticks])
            if woken is Woken.STOP:
                return self._stop(lives, clock)
            if woken is Woken.RELOAD:
                self._reload(engine, connections.ring, clock.now())

    def _reload(self, engine: Engine, ring: KeyRing, now: datetime) -> None:
        """New keys, then the changed file; whatever is wrong with one, its old state stays."""
        self.notifier.reloading()
        keys = self._attempt(engine, now, "keys", partial(renew, ring))
        config = self._attempt(engine, now, "configuration", partial(self._adopt, engine, now))
        said = f"{config}; {keys}"
        log(logging.INFO, "reload", said)
        self.notifier.ready(said)

    def _attempt(self, engine: Engine, now: datetime, what: str, adopt: Callable[[], str]) -> str:
        try:
            return adopt()
        except MagellanError as fault:
            said = f"reload refused, the old {what} stay in use: {fault}"
            engine.alerts.alert(Level.CRITICAL, f"reload-{what}-{now.isoformat()}", said)
            return said

    def _adopt(self, engine: Engine, now: datetime) -> str:
        """Take the changed file over whole. Raise MagellanError, having changed nothing."""
        config = load(self.path)
        _check_strategy(config, self.strategy, self.path)
        settings = self._settings(config)
        said = take_over(engine, self.config, config, self.path, self.build, settings, now)
        self.config = config
        set_level(config.monitoring.log_level)
        return said

    def _tell(self, report: Report, *, writable: bool) -> None:
        full = "" if writable else "JOURNAL NOT WRITABLE (disk full?), no entries; "
        self.notifier.alive(f"{full}{report.status}")
        log(logging.DEBUG, "tick", report.status, next=label(report.next_at))

    def _halted(self, lives: Lives, clock: DaemonClock) -> int:
        said = lives.end_halted(clock.now())
        log(logging.CRITICAL, "halted", said)
        self.notifier.stopping(said)
        return ExitCode.HALTED

    def _stop(self, lives: Lives, clock: DaemonClock) -> int:
        self.notifier.stopping("stopping")
        log(logging.INFO, "stop", lives.stop(clock.now()))
        return ExitCode.OK
