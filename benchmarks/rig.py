"""A real engine over real HTTP and a real SQLite journal, with a strategy that always trades."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks.floor import ACCOUNT, names
from magellan_core.alpaca.broker import AlpacaBroker
from magellan_core.alpaca.data import AlpacaData
from magellan_core.alpaca.deadline import Limits
from magellan_core.alpaca.quotes_beside import QuotesBeside
from magellan_core.alpaca.transport import data_rest, trading_rest
from magellan_core.compose import settings_of
from magellan_core.config import load
from magellan_core.engine.engine import Engine
from magellan_core.engine.settings import Settings
from magellan_core.model import Bar, DataNeeds, Enter, Exit, Intent, Timeframe
from magellan_core.paper.accounts import AccountSpec
from magellan_core.ports import Level
from magellan_core.process.garbage import Garbage
from magellan_core.store.journal import SqliteJournal
from magellan_core.store.portfolio import SqlitePortfolioStore
from magellan_core.strategy import View

CONFIG = (
    Path(__file__).resolve().parents[1]
    / "deployable_strategies/bear_trap/aws_deployment/config.json"
)
PLENTY = 10**9
HUGE = Decimal(10**12)


class Flipper:
    """Buys each symbol on one bar and sells it on the next: every bar sends an order."""

    def __init__(self, symbols: int) -> None:
        self._needs = DataNeeds(
            tuple(names(symbols)),
            Timeframe.MINUTE,
            extended_hours=False,
            warmup_bars=1,
            split_adjusted=False,
        )

    @property
    def name(self) -> str:
        return "flipper"

    @property
    def needs(self) -> DataNeeds:
        return self._needs

    def warm(self, bar: Bar) -> None:
        """Nothing is learned."""

    def on_bar(self, bar: Bar, view: View) -> Sequence[Intent]:
        if bar.symbol in view.busy:
            return ()
        if bar.symbol in view.holdings:
            return (Exit(bar.symbol, "flip"),)
        price = Decimal(repr(bar.close))
        return (Enter(bar.symbol, "flip", price, dollars=Decimal(500)),)

    def on_time(self, view: View) -> Sequence[Intent]:
        return ()

    def next_due(self, view: View) -> datetime | None:
        return None

    def in_play(self, view: View) -> Sequence[str]:
        return [s for s in self.needs.symbols if s not in view.holdings and s not in view.busy]

    def explain(self, symbol: str) -> Mapping[str, str]:
        return {}

    def memory(self, symbol: str) -> Mapping[str, bool | float | str]:
        return {}

    def keep(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """Nothing is taken out of the configuration here."""

    def recall(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """Nothing was kept."""


class Idle(Flipper):
    """Sees every bar and never trades."""

    def on_bar(self, bar: Bar, view: View) -> Sequence[Intent]:
        return ()


class Last(Flipper):
    """Trades the last symbol alone: all others are decided on before its order leaves."""

    def on_bar(self, bar: Bar, view: View) -> Sequence[Intent]:
        return super().on_bar(bar, view) if bar.symbol == self.needs.symbols[-1] else ()

    def in_play(self, view: View) -> Sequence[str]:
        last = self.needs.symbols[-1]
        return [symbol for symbol in super().in_play(view) if symbol == last]


class Daemon(Engine):
    """An engine that rests between ticks as a daemon does."""

    files: Sequence[SqliteJournal | SqlitePortfolioStore] = ()
    garbage: Garbage | None = None

    def rest(self) -> None:
        """What is done while nothing waits: files folded back, garbage collected."""
        for file in self.files:
            file.between_ticks()
        if self.garbage is None:
            self.garbage = Garbage()
            self.garbage.begin()
        self.garbage.between_ticks(0.0)


class Nobody:
    """Alerts that go nowhere."""

    def alert(self, level: Level, key: str, message: str) -> None:
        """A benchmark has nobody to tell."""


def settings(look_ahead: timedelta | None = None) -> Settings:
    """Bear Trap's, with limits out of the way that an order a minute would meet."""
    patrol = timedelta(minutes=5)
    told = settings_of(load(CONFIG), patrol=patrol, patrol_closed=None, look_ahead=look_ahead)
    entry = replace(
        told.entry,
        max_open_positions=PLENTY,
        max_trades_per_day=PLENTY,
        max_orders_per_minute=PLENTY,
        max_position_dollars=Decimal(1000),
        risk_per_trade_pct=None,
    )
    account = replace(told.account, max_daily_loss_dollars=HUGE, min_win_rate_pct=Decimal(0))
    portfolio = replace(told.portfolio, strategies=("flipper",), max_daily_loss_dollars=HUGE)
    return replace(told, entry=entry, account=account, portfolio=portfolio)


@contextmanager
def engine(
    base_url: str,
    strategy: Flipper,
    folder: Path,
    account: AccountSpec = ACCOUNT,
    look_ahead: timedelta | None = None,
) -> Iterator[Daemon]:
    """The engine with a new journal in that folder."""
    limits = Limits(read=10.0, call=30.0)
    trading = trading_rest(account.key, account.secret, base_url, limits)
    data = data_rest(account.key, account.secret, base_url, limits)
    journal = SqliteJournal(folder / "journal.sqlite3")
    store = SqlitePortfolioStore(folder / "portfolio.sqlite3")
    beside = data_rest(account.key, account.secret, base_url, limits)
    # As a daemon's on the wall's clock: what this measures.
    market = QuotesBeside(
        AlpacaData(data, "sip"), AlpacaData(beside, "sip").quote_rows, lambda: made.in_play
    )
    try:
        made = Daemon(
            lambda: strategy,
            AlpacaBroker(trading),
            market,
            journal,
            store,
            Nobody(),
            settings(look_ahead),
        )
        made.files = journal, store
        yield made
    finally:
        market.close()
        beside.close()
        trading.close()
        data.close()
        journal.close()
        store.close()
