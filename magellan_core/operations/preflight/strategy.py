"""All checks of one strategy, from its configuration to its halts, as far as each can go."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from magellan_core.addresses import is_loopback
from magellan_core.alpaca.broker import AlpacaBroker
from magellan_core.book import Book
from magellan_core.config import PENDING, Config, load
from magellan_core.environment import Environment, hosts_of, read
from magellan_core.errors import ExitCode, MagellanError
from magellan_core.fold import apply
from magellan_core.model import Account
from magellan_core.operations.open_stations import exchange_now
from magellan_core.operations.preflight import account as ask_account
from magellan_core.operations.preflight.account import asked
from magellan_core.operations.preflight.findings import Colour, Finding
from magellan_core.operations.preflight.freshness import judge_data
from magellan_core.operations.services import ServiceLook
from magellan_core.ports import MarketData
from magellan_core.store.journal import read_only


class Link(Protocol):
    """A way to a strategy's broker and data with its own keys."""

    def broker(self) -> AlpacaBroker: ...

    def data(self) -> MarketData: ...

    def check(self, account: Account) -> None:
        """Raise unless it is the account that the config names."""
        ...


# Open a link and say where its keys are from. Raises CredentialsError or Unavailable without keys.
Connect = Callable[[Config, Path, Environment, Mapping[str, str]], tuple[Link, str]]


class StrategyCheck:
    """One strategy. `now` is the wall clock; an exchange is asked for its own where followed."""

    def __init__(
        self,
        strategy: str,
        beside: Path,
        environ: Mapping[str, str],
        state: Path,
        now: Callable[[], datetime],
        connect: Connect,
        halts: Colour = Colour.RED,
    ) -> None:
        self.strategy, self.environ, self.now, self.halts = strategy, environ, now, halts
        self.connect = connect
        self.journal = state / f"{strategy}.sqlite3"
        self.environment: Environment = read(environ, strategy, beside)

    def run(self) -> Iterator[Finding]:
        """Every finding, config first: without a config, or without keys, the rest is not asked."""
        path = self.environment.config
        try:
            config = load(path)
        except MagellanError as fault:
            yield self._found("config", Colour.RED, str(fault))
            return
        if config.name != self.strategy:
            said = f"{path}: strategy.name is {config.name!r}, must be {self.strategy!r}"
            yield self._found("config", Colour.RED, said)
            return
        yield self._found("config", Colour.GREEN, f"{path} ({config.digest})")
        yield self._halts()
        try:
            base_url = hosts_of(self.environment, config).trading
        except MagellanError as fault:
            yield self._found("address", Colour.RED, str(fault))
            return
        if config.account_info.account_id == PENDING and not is_loopback(base_url):
            said = f"account id is {PENDING}: create the account and put its number into {path}"
            yield self._found("account id", Colour.RED, said)
            return
        yield from self._broker(config, path)

    def _broker(self, config: Config, path: Path) -> Iterator[Finding]:
        try:
            link, source = self.connect(config, path, self.environment, self.environ)
        except MagellanError as fault:
            yield self._found("credentials", Colour.RED, str(fault))
            return
        yield self._found("credentials", Colour.GREEN, f"readable, from {source}")
        broker, data = link.broker(), link.data()
        try:
            account = broker.account()
            link.check(account)
        except MagellanError as fault:
            yield self._found("account", Colour.RED, str(fault))
            return
        for check, (colour, text) in ask_account.judge_account(account, config):
            yield self._found(check, colour, text)
        exchange = self.environment.exchange
        now = self.now() if exchange is None else exchange_now(exchange)
        name = self.strategy
        yield asked(name, "symbols", lambda: ask_account.judge_symbols(broker, config))
        yield asked(name, "data", lambda: judge_data(data, config, now))
        yield asked(name, "calendar", lambda: ask_account.judge_calendar(broker, now))
        yield asked(name, "clock", lambda: ask_account.judge_clock(self._skew(broker.clock)))

    def _skew(self, broker_clock: Callable[[], datetime]) -> timedelta | None:
        if self.environment.exchange is not None:
            return None
        before = self.now()
        theirs = broker_clock()
        return theirs - before - (self.now() - before) / 2

    def _halts(self) -> Finding:
        if not self.journal.exists():
            return self._found("halts", Colour.GREEN, "no journal yet")
        book = Book()
        try:
            with read_only(self.journal) as journal:
                for event in journal.events():
                    apply(book, event)
        except (MagellanError, KeyError, ValueError) as fault:
            return self._found("halts", Colour.RED, f"{self.journal} cannot be read: {fault}")
        if book.halts:
            said = "; ".join(f"{h.limit}: {h.why}" for h in book.halts.values())
            remedy = f"scripts/resume_trading.py --strategy {self.strategy} --reason ..."
            return self._found("halts", self.halts, f"{said}: {remedy}")
        return self._found("halts", Colour.GREEN, "none")

    def _found(self, check: str, colour: Colour, text: str) -> Finding:
        return Finding(self.strategy, check, colour, text)


def judge_service(strategy: str, look: ServiceLook | None, why: str) -> Finding:
    """The unit as systemd sees it; a unit that is halted is for a person to start."""
    if look is None:
        return Finding(strategy, "unit", Colour.YELLOW, why)
    if look.failed:
        said = f"{look.unit} {look.state}: journalctl -u {look.unit}"
        code = f"; exit {int(ExitCode.HALTED)} is a halt" if not look.restarts else ""
        return Finding(strategy, "unit", Colour.RED, said + code)
    if not look.active:
        return Finding(strategy, "unit", Colour.YELLOW, f"{look.unit} {look.state}")
    restarts = f", {look.restarts} restarts" if look.restarts else ""
    return Finding(strategy, "unit", Colour.GREEN, f"{look.state}{restarts}: {look.status}")
