"""An engine over the in-process exchange, with a broker, a disk and a restart that tests rule.

Nothing is mocked: the broker is the paper exchange's core, and `Weather` only loses what passes
between it and the engine.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from magellan_core.compose import settings_of
from magellan_core.config import load
from magellan_core.engine.engine import Engine
from magellan_core.engine.settings import Settings
from magellan_core.engine.source import stored
from magellan_core.engine.words import Report
from magellan_core.errors import JournalUnwritable, Unavailable
from magellan_core.lines import Event, Line
from magellan_core.market_hours import Session
from magellan_core.model import (
    Account,
    Asset,
    Bar,
    BrokerOrder,
    Fill,
    OrderRequest,
    Outcome,
    Position,
    Quote,
    Refused,
    Timeframe,
    Unknown,
)
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.broker import CoreBroker, CoreData
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market, Splits
from magellan_core.paper.rules import Rules
from magellan_core.ports import Broker, Level, Told
from magellan_core.risk.account import Transfer
from magellan_core.store.memory import MemoryJournal, MemoryPortfolioStore
from magellan_core.strategy import Strategy

ROOT = Path(__file__).resolve().parents[2]
PA = "PA1"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
TEN_SECONDS = timedelta(seconds=10)


class Weather:
    """ports.Broker between engine and exchange. `down`: nothing passes. `log`: what was called.

    `fates` of the next writes, first one first: "deliver", "lose" (it never arrives) or "silent"
    (it arrives, the answer does not). `blind`: the broker answers as if it held nothing of ours.
    `retell` changes what it says of its open orders; of `unlisted` orders it tells no fills yet.
    """

    def __init__(self, inner: Broker, log: list[str]) -> None:
        self.inner, self.log = inner, log
        self.down = False
        self.fates: list[str] = []
        self.calendar_lies = False
        self.blind = False
        self.unlisted: set[str] = set()
        self.retell: Callable[[BrokerOrder], BrokerOrder] = lambda order: order

    def _read(self, what: str) -> None:
        self.log.append(what)
        if self.down:
            raise Unavailable("GET: connection refused")

    def account(self) -> Account:
        self._read("account")
        return self.inner.account()

    def positions(self) -> Sequence[Position]:
        self._read("positions")
        return [] if self.blind else self.inner.positions()

    def open_orders(self) -> Sequence[BrokerOrder]:
        self._read("open_orders")
        return [] if self.blind else [self.retell(o) for o in self.inner.open_orders()]

    def order(self, order_id: str) -> BrokerOrder | None:
        self._read("order")
        return self.inner.order(order_id)

    def find(self, client_order_id: str) -> BrokerOrder | None:
        self._read("find")
        return None if self.blind else self.inner.find(client_order_id)

    def fills(self, after: str | None) -> Sequence[Fill]:
        self._read("fills")
        return [f for f in self.inner.fills(after) if f.order_id not in self.unlisted]

    def transfers(self, after: str | None) -> Sequence[Transfer]:
        self._read("transfers")
        return self.inner.transfers(after)

    def closing_equities(self, first: date, last: date) -> Mapping[date, Decimal]:
        self._read("closing_equities")
        return self.inner.closing_equities(first, last)

    def asset(self, symbol: str) -> Asset | None:
        self._read("asset")
        return self.inner.asset(symbol)

    def calendar(self, first: date, last: date) -> Sequence[Session]:
        self._read("calendar")
        told = self.inner.calendar(first, last)
        return [s._replace(close=s.close - MINUTE) for s in told] if self.calendar_lies else told

    def submit(self, request: OrderRequest) -> Outcome:
        self.log.append(f"submit {request.client_order_id}")
        return self._write(lambda: self.inner.submit(request))

    def replace_stop(self, order_id: str, client_order_id: str, stop: Decimal) -> Outcome:
        self.log.append(f"replace {client_order_id}")
        return self._write(lambda: self.inner.replace_stop(order_id, client_order_id, stop))

    def cancel(self, order_id: str) -> Refused | Unknown | None:
        self.log.append("cancel")
        if self.down:
            return Unknown("DELETE: connection refused")
        return self.inner.cancel(order_id)

    def _write(self, send: Callable[[], Outcome]) -> Outcome:
        fate = self.fates.pop(0) if self.fates else "deliver"
        if self.down or fate == "lose":
            return Unknown("POST: connection reset")
        answer = send()
        return Unknown("POST: no answer in time") if fate == "silent" else answer


class LoggedData:
    """ports.MarketData that notes what was asked. `late`: bars that end then are not told yet.

    `down`: nothing is told. `empty`: nothing is told of bars, and that is said to be all. `since`:
    bars that began before are not told. `quote_age`: how old quotes are.
    """

    def __init__(self, inner: CoreData, log: list[str]) -> None:
        self.inner, self.log = inner, log
        self.late: set[datetime] = set()
        self.down = self.empty = False
        self.since: datetime | None = None
        self.quote_age = timedelta(0)

    def bars(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        start: datetime,
        end: datetime,
        *,
        split_adjusted: bool,
    ) -> Mapping[str, Sequence[Bar]]:
        self.log.append("bars")
        self._answer()
        if self.empty:
            return {}
        told = self.inner.bars(symbols, timeframe, start, end, split_adjusted=split_adjusted)
        since = self.since or start - timedelta(days=1)
        return {
            s: [b for b in bars if b.end not in self.late and b.start >= since]
            for s, bars in told.items()
        }

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        self.log.append("quotes")
        self._answer()
        told = self.inner.quotes(symbols)
        return {s: quote._replace(at=quote.at - self.quote_age) for s, quote in told.items()}

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("GET /stocks/bars: connection refused")


class Disk:
    """ports.Journal in memory. `full`: it takes no line."""

    def __init__(self, log: list[str]) -> None:
        self.inner, self.log, self.full = MemoryJournal(), log, False

    def append(self, events: Sequence[Event]) -> None:
        if self.full:
            raise JournalUnwritable("no space left on device")
        self.log.extend(event.kind for event in events)
        self.inner.append(events)

    def events(self) -> Iterator[Event]:
        return self.inner.events()

    def condensed(
        self, *, only_last: Collection[str], without: Collection[str]
    ) -> Iterator[tuple[int, Event]]:
        return self.inner.condensed(only_last=only_last, without=without)


class Alerted:
    """ports.Alerts that keeps what was told."""

    def __init__(self) -> None:
        self.alerts: list[tuple[Level, str, str]] = []

    def alert(self, level: Level, key: str, message: str) -> None:
        self.alerts.append((level, key, message))

    def matters(self) -> set[str]:
        return {key for _, key, _ in self.alerts}


class Said:
    """ports.BarNews that says what it is given."""

    def __init__(self) -> None:
        self.next: list[Told] = []
        self.watched: list[Sequence[str]] = []

    def follow(self, symbols: Sequence[str]) -> None:
        """It says what it is given."""

    def watch(self, symbols: Sequence[str]) -> None:
        self.watched.append(symbols)

    def told(self) -> Sequence[Told]:
        told, self.next = self.next, []
        return told


class Rig:
    """One strategy on one account of an exchange of its own."""

    def __init__(
        self,
        make_strategy: Callable[[], Strategy],
        bars: Mapping[tuple[str, Timeframe], Sequence[Bar]],
        *,
        start: datetime,
        splits: Splits | None = None,
        rules: Rules | None = None,
        **changes: Any,
    ) -> None:
        self.make_strategy = make_strategy
        needs, name = make_strategy().needs, make_strategy().name
        self.exchange = Exchange(
            Market.from_bars(bars, splits),
            [AccountSpec(PA, "key", "secret", stored(needs))],
            start=start,
            rules=rules or Rules(spread_bps=Decimal(0)),
        )
        self.log: list[str] = []
        self.core = CoreBroker(self.exchange, PA)
        self.broker = Weather(self.core, self.log)
        self.data = LoggedData(CoreData(self.exchange, PA), self.log)
        self.disk, self.store, self.told = Disk(self.log), MemoryPortfolioStore(), Alerted()
        self.settings = replace(settings_for(name), **changes)
        self.report: Report | None = None
        self.engine = self._start()

    def _start(self) -> Engine:
        engine = Engine(
            self.make_strategy,
            self.broker,
            self.data,
            self.disk,
            self.store,
            self.told,
            self.settings,
        )
        engine.recover(self.exchange.now, {})
        return engine

    @property
    def now(self) -> datetime:
        return self.exchange.now

    @property
    def book(self) -> Any:
        return self.engine.ledger.book

    def restart(self) -> None:
        """Forget everything but the journal, as a killed process does."""
        self.engine = self._start()

    def tick(self) -> Report:
        self.report = self.engine.tick(self.now)
        return self.report

    def run(self, until: datetime) -> None:
        """Tick whenever a daemon would, up to that instant, and not at it."""
        while self.now < until:
            report = self.tick()
            if report.finished:
                return
            wake = (PA,) if report.watching else ()
            self.exchange.step(min(report.next_at, until), wake)

    def pause(self, until: datetime) -> None:
        """Let the exchange go on without the daemon."""
        self.exchange.step(until)

    def lines(self, *kinds: Line) -> list[Event]:
        return [e for e in self.disk.events() if not kinds or Line(e.kind) in kinds]

    def orders(self) -> list[BrokerOrder]:
        """Every order the broker was told of in this run, legs not included."""
        ids = dict.fromkeys(n.split()[1] for n in self.log if n.startswith("submit "))
        found = (self.core.find(order_id) for order_id in ids)
        return [order for order in found if order is not None]

    def fills(self) -> list[tuple[str, int, str]]:
        return [
            (f.side.value, int(f.qty), f"{f.price.normalize():f}") for f in self.core.fills(None)
        ]

    def qty(self, symbol: str) -> int:
        return int(sum((p.qty for p in self.core.positions() if p.symbol == symbol), Decimal(0)))

    def settled(self) -> bool:
        """The book holds what the broker holds."""
        ours = {s: int(p.qty) for s, p in self.book.positions.items() if p.qty}
        return ours == {p.symbol: int(p.qty) for p in self.core.positions()}


FOLDER = {
    "bear_trap": "bear_trap",
    "daily_trend": "daily_trend_hysteresis",
    "hourly_swing": "hourly_swing",
}


def settings_for(name: str) -> Settings:
    """The shipped settings, for a portfolio of this strategy alone."""
    config = load(ROOT / "deployable_strategies" / FOLDER[name] / "aws_deployment/config.json")
    settings = settings_of(config, patrol=MINUTE * 5, patrol_closed=None)
    return replace(settings, portfolio=replace(settings.portfolio, strategies=[name]))
