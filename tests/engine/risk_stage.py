"""One account under its limits, in this process: real engine, real core, a strategy that only buys.

Prices are made by the minute; a test says what they are and looks at what the limits did.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from magellan_core.backtest.drive import drive
from magellan_core.compose import settings_of
from magellan_core.config import Config, parse
from magellan_core.engine.engine import Engine
from magellan_core.engine.settings import Settings
from magellan_core.market_hours import Session, session_on, sessions_between
from magellan_core.model import Bar, DataNeeds, Enter, Exit, Intent, Timeframe
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.broker import CoreBroker, CoreData
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market, Splits
from magellan_core.paper.rules import Rules
from magellan_core.ports import Broker, Level, PortfolioStore
from magellan_core.store.memory import MemoryJournal, MemoryPortfolioStore
from magellan_core.strategy import View

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "deployable_strategies/bear_trap/aws_deployment/config.json"
ACME = "AMC"
MONDAY = datetime(2024, 7, 15, tzinfo=UTC).date()
LOOP = timedelta(seconds=10)


def day(n: int) -> Session:
    """The n-th session from Monday on."""
    return sessions_between(MONDAY, MONDAY + timedelta(days=60))[n]


NEEDS = DataNeeds((ACME,), Timeframe.MINUTE, False, 1, False)


@dataclass
class Buyer:
    """Wants to be long of its dollars at every minute's bar, until told to sell."""

    dollars: Decimal = Decimal(40_000)
    sell_at: Callable[[Bar], bool] = field(default=lambda _: False)
    reference: Decimal = Decimal(1)
    name: str = "bear_trap"
    needs: DataNeeds = NEEDS

    def warm(self, bar: Bar) -> None:
        """Nothing to warm."""

    def on_bar(self, bar: Bar, view: View) -> Sequence[Intent]:
        if bar.symbol in view.busy:
            return ()
        if bar.symbol in view.holdings:
            return (Exit(bar.symbol, "told to"),) if self.sell_at(bar) else ()
        price = Decimal(str(bar.close)) * self.reference
        return () if self.sell_at(bar) else (Enter(bar.symbol, "wants to", price, self.dollars),)

    def on_time(self, _view: View) -> Sequence[Intent]:
        return ()

    def next_due(self, _view: View) -> datetime | None:
        return None

    def in_play(self, view: View) -> Sequence[str]:
        return [symbol for symbol in self.needs.symbols if symbol not in view.holdings]

    def explain(self, _symbol: str) -> Mapping[str, str]:
        return {}

    def memory(self, _symbol: str) -> Mapping[str, bool | float | str]:
        return {}

    def keep(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """Nothing is taken out of the configuration here."""

    def recall(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """Nothing to recall."""


@dataclass
class Heard:
    """ports.Alerts that remembers."""

    told: list[tuple[Level, str, str]] = field(default_factory=list)

    def alert(self, level: Level, key: str, message: str) -> None:
        self.told.append((level, key, message))

    def subjects(self) -> list[str]:
        return [key for _, key, _ in self.told]


def config(**changes: object) -> Config:
    """Bear Trap's shipped config, loosened; keys are paths with __ for the dots."""
    told: dict[str, Any] = json.loads(SHIPPED.read_text())
    told["portfolio"]["strategies"] = ["bear_trap"]
    usual = {
        "risk_management__price_collar_pct": 100,
        "risk_management__max_trades_per_day": None,
        "risk_management__risk_per_trade_pct": None,
        "portfolio__max_daily_loss_dollars": 1_000_000,
        "portfolio__max_drawdown_pct": 100,
    }
    for path, value in {**usual, **changes}.items():
        *parents, last = path.split("__")
        part = told
        for name in parents:
            part = part[name]
        part[last] = value
    return parse(json.dumps(told), "a test")


def settings(**changes: object) -> Settings:
    return settings_of(config(**changes), patrol=LOOP, patrol_closed=None)


def bars(closes: Mapping[int, Sequence[float]], symbol: str = ACME) -> list[Bar]:
    """Minute bars: for the n-th session its minutes' prices, the last one held to the close."""
    made: list[Bar] = []
    for n, prices in closes.items():
        session = day(n)
        minutes = int((session.close - session.open).total_seconds() // 60)
        filled = [*prices, *[prices[-1]] * (minutes - len(prices))]
        for minute, price in enumerate(filled):
            start = session.open + timedelta(minutes=minute)
            end = start + timedelta(minutes=1)
            made.append(Bar(symbol, start, end, price, price, price, price, 50_000.0))
    return made


@dataclass
class Desk:
    """An account, its journal and the means to run its daemon for a while."""

    exchange: Exchange
    settings: Settings
    strategy: Buyer = field(default_factory=Buyer)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    store: PortfolioStore = field(default_factory=MemoryPortfolioStore)
    alerts: Heard = field(default_factory=Heard)
    broker: Broker | None = None
    number: str = "PA1"
    engine: Engine | None = None
    ended: bool = False

    def run(self, until: datetime) -> bool:
        """A fresh process from now to then; True: it ended by itself, halted and flat."""
        self.engine = Engine(
            lambda: self.strategy,
            self.broker or CoreBroker(self.exchange, self.number),
            CoreData(self.exchange, self.number),
            self.journal,
            self.store,
            self.alerts,
            self.settings,
        )
        report = drive(self.engine, self.exchange, self.number, until)
        self.ended = ended = report is None or report.finished
        self.engine.stop(self.exchange.now)
        if ended:
            self.exchange.step(until)
        return ended

    def lines(self, *kinds: str) -> list[dict[str, Any]]:
        return [dict(e.data) for e in self.journal.events() if e.kind in kinds]

    def halts(self) -> list[str]:
        return [line["limit"] for line in self.lines("halt")]

    def held(self) -> dict[str, int]:
        return {p.symbol: int(p.qty) for p in self.exchange.positions(self.number)}

    def equity(self) -> Decimal:
        return self.exchange.account(self.number).equity


def desk(
    closes: Mapping[int, Sequence[float]],
    *,
    strategy: Buyer | None = None,
    symbols: Sequence[str] = (ACME,),
    spread_bps: int = 0,
    rules: Rules | None = None,
    splits: Splits | None = None,
    **changes: Any,
) -> Desk:
    """An account of $100,000 an hour before Monday's open; Friday traded quietly at 10."""
    friday = session_on(MONDAY - timedelta(days=3))
    assert friday is not None
    minute = friday.open + timedelta(minutes=1)
    quiet = Bar(ACME, friday.open, minute, 10, 10, 10, 10, 50_000.0)
    market = Market.from_bars(
        {
            (name, Timeframe.MINUTE): [quiet._replace(symbol=name), *bars(closes, name)]
            for name in symbols
        },
        splits,
    )
    spec = AccountSpec("PA1", "key", "secret", Timeframe.MINUTE)
    kept = rules or Rules(spread_bps=Decimal(spread_bps))
    exchange = Exchange(market, [spec], start=day(0).open - timedelta(hours=1), rules=kept)
    buyer = strategy or Buyer()
    buyer.needs = replace(NEEDS, symbols=tuple(symbols))
    return Desk(exchange, settings(**changes), buyer)
