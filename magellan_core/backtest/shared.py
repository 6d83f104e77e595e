"""Every symbol on one account: the live engine over the paper exchange's core, nothing left out."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from magellan_core.backtest.curve import Curve
from magellan_core.backtest.drive import Seat, drive_all
from magellan_core.backtest.options import BacktestOptions
from magellan_core.backtest.result import AccountRun, Result
from magellan_core.backtest.strategies import maker
from magellan_core.backtest.trades import trades_of
from magellan_core.compose import settings_of
from magellan_core.engine.engine import Engine
from magellan_core.engine.source import stored
from magellan_core.errors import DataError
from magellan_core.lines import Line
from magellan_core.market_hours import Session, at_new_york, new_york_date, sessions_between
from magellan_core.model import Timeframe
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.broker import CoreBroker, CoreData
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.market_series import micros
from magellan_core.paper.rules import Rules
from magellan_core.ports import Level
from magellan_core.store.memory import MemoryJournal, MemoryPortfolioStore
from magellan_core.strategy import Strategy

# As a daemon on the stepped exchange: where the day begins, and how often the account is looked at.
PREMARKET_HOUR = 4
PATROL = timedelta(minutes=5)
AFTER_CLOSE = timedelta(minutes=30)
_BASIS_POINT = 10_000


class Told:
    """ports.Alerts that keeps what a person would have been told, each sentence once."""

    def __init__(self) -> None:
        self.said: dict[str, int] = {}

    def alert(self, level: Level, key: str, message: str) -> None:  # noqa: ARG002
        self.said[message] = self.said.get(message, 0) + 1


@dataclass(frozen=True, slots=True)
class Stage:
    """One engine on one account of an exchange that stands at the first morning."""

    exchange: Exchange
    seat: Seat
    journal: MemoryJournal
    alerts: Told
    until: datetime


def stage(options: BacktestOptions, market: Market) -> Stage:
    """Set everything up. Raise DataError, UnknownSymbol, ConfigError or UsageError."""
    sessions = sessions_between(options.first, options.last)
    if not sessions:
        raise DataError(f"no session from {options.first} to {options.last}: choose other days")
    config = options.config
    symbols = options.symbols or config.symbols
    make: Callable[[], Strategy] = partial(maker(options), symbols)
    number = config.account_info.account_id
    spec = AccountSpec(number, "key", "secret", stored(make().needs), cash=options.capital)
    rules = Rules(
        spread_bps=2 * options.spread_bps,
        fee_bps=options.cost_bps,
        price_ticks=options.price_ticks,
    )
    start = at_new_york(sessions[0].date, PREMARKET_HOUR)
    exchange = Exchange(market, [spec], start=start, rules=rules)
    journal, alerts = MemoryJournal(), Told()
    settings = settings_of(config, patrol=PATROL, patrol_closed=None)
    # Peers that do not take part cannot be late with their figures.
    alone = replace(settings, portfolio=replace(settings.portfolio, strategies=(config.name,)))
    engine = Engine(
        make,
        CoreBroker(exchange, number),
        CoreData(exchange, number),
        journal,
        MemoryPortfolioStore(),
        alerts,
        alone,
    )
    until = sessions[-1].close + AFTER_CLOSE
    return Stage(exchange, Seat(engine, number), journal, alerts, until)


def shared(options: BacktestOptions, tell: Callable[[int, int], None]) -> Result:
    """One account for all symbols. Raise DataError, UnknownSymbol, ConfigError or UsageError."""
    symbols = options.symbols or options.config.symbols
    market = Market.load(options.data, first=options.first, last=options.last, symbols=symbols)
    made = stage(options, market)
    exchange, seat = made.exchange, made.seat
    sessions = sessions_between(options.first, options.last)
    days = [session.date for session in sessions]
    ends, values = array("q"), array("d")
    today = days[0]

    def look(now: datetime) -> None:
        nonlocal today
        ends.append(micros(now))
        values.append(float(exchange.account(seat.account).equity))
        day = new_york_date(now)
        if day != today:
            today = day
            tell(sum(1 for d in days if d < day), len(days))

    drive_all([seat], exchange, made.until, look)
    cost = options.cost_bps / _BASIS_POINT
    closed, signals, still = trades_of(made.journal.events(), cost)
    timeframe = stored(seat.engine.feed.strategy.needs)
    closes = {
        symbol: _closes(market, symbol, timeframe, sessions, made.until)
        for symbol in market.symbols
    }
    account = AccountRun(
        name="shared",
        symbols=tuple(symbols),
        capital=options.capital,
        trades=tuple(closed),
        signal_times=tuple(signals),
        equity=Curve(ends, values),
        final=exchange.account(seat.account).equity,
        bars=sum(1 for _ in made.journal.since(0, kinds=(Line.BAR,))),
        costs=sum((trade.cost for trade in closed), Decimal(0)),
        closes=closes,
    )
    warnings = [*made.alerts.said]
    warnings += [f"{t.symbol}: {t.qty} shares since {t.entry_time} are still held" for t in still]
    return Result(
        strategy=options.config.name,
        options=options.assumptions(),
        first=options.first,
        last=options.last,
        capital=options.capital,
        accounts=(account,),
        warnings=tuple(warnings),
        cost_bps=options.cost_bps,
    )


def _closes(
    market: Market, symbol: str, timeframe: Timeframe, sessions: Sequence[Session], end: datetime
) -> list[tuple[datetime, float]]:
    """The last price of each session, in the shares of the run's end."""
    told = (
        (session.close, market.last_price(symbol, timeframe, session.close, as_of=end))
        for session in sessions
    )
    return [(at, float(price)) for at, price in told if price is not None]
