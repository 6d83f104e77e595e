"""A past live day traded again: the same engine, strategy and start, with a backtest's fills.

What the journal holds at the day's beginning (account, positions, signals, limits) is where the
second run starts; it sees the day's journaled bars, and the paper exchange's core fills its orders
at the bars' prices: no delay, no spread, no outage, no crash, and no operator.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from itertools import groupby

from magellan_core.backtest.drive import Seat, drive_all
from magellan_core.backtest.past import Past
from magellan_core.backtest.shared import AFTER_CLOSE, PREMARKET_HOUR, Told
from magellan_core.backtest.strategies import BUILDERS
from magellan_core.book import Book
from magellan_core.compose import settings_of
from magellan_core.config import Config
from magellan_core.engine.engine import AT_ONCE, Engine
from magellan_core.engine.settings import Settings
from magellan_core.engine.source import stored
from magellan_core.errors import DataError, MagellanError
from magellan_core.fold import apply
from magellan_core.lines import Event, Line, bar_of, instant
from magellan_core.market_hours import Session, at_new_york, new_york_date, session_on
from magellan_core.model import Bar, Fill, Timeframe
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.broker import CoreBroker, CoreData
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.rules import Rules
from magellan_core.risk.account import Transfer
from magellan_core.store.memory import MemoryJournal, MemoryPortfolioStore
from magellan_core.strategy import Strategy

NUMBER = "SAME-DAY"
# The model's fills are a bar's own prices; what the day paid beyond them is what is measured.
MODEL = Rules(spread_bps=Decimal(0), fee_bps=Decimal(0), price_ticks="venue")

# From the first of two instants up to the second.
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class SameDay:
    """One day's second run. `book` holds its orders, `events` its own lines.

    `doubted`: by symbol the stretches of the session in which the second run saw other indicator
    values than were journaled (it lacks the bars to warm up with), or which an operator's resume
    changed: in them it proves nothing about what the day should have traded.
    """

    day: date
    book: Book
    events: Sequence[Event]
    doubted: Mapping[str, Sequence[Span]]


@dataclass(frozen=True, slots=True)
class Trader:
    """How to trade again: fresh strategy, limits, and bars from before the journal's first."""

    make_strategy: Callable[[], Strategy]
    settings: Settings
    history: Mapping[str, Sequence[Bar]]


def trader_of(config: Config, history: Mapping[str, Sequence[Bar]]) -> Trader | None:
    """How a daemon with that config trades, without its peers; None: no builder knows it."""
    build = BUILDERS.get(config.name)
    if build is None:
        return None
    settings = settings_of(config, patrol=None, patrol_closed=None)
    alone = replace(settings.portfolio, strategies=(config.name,))
    again = replace(settings, portfolio=alone, whole_history=False)
    return Trader(partial(build, config), again, history)


def same_days(
    events: Iterable[Event], days: Collection[date], trader: Trader
) -> Iterator[SameDay | DataError]:
    """Those New York days of a journal, oldest first, each from how it really began.

    A day that cannot be traded again is told as the DataError that says why.
    """
    past: Past | None = None
    for day, group in groupby(events, key=lambda event: new_york_date(event.at)):
        if day > max(days):
            return
        if past is None:
            past = Past(trader.make_strategy().needs.warmup_bars, trader.history)
        lines = list(group)
        if day in days:
            try:
                yield trade_again(past, day, lines, trader)
            except MagellanError as fault:
                yield DataError(f"{day}: {fault}")
        past.take(lines)


def trade_again(past: Past, day: date, today: Sequence[Event], trader: Trader) -> SameDay:
    """Run one day again. Raise DataError where the journal does not tell how it began."""
    session = session_on(day)
    if session is None:
        raise DataError("no session")
    # Sessions that the daemon missed are told on the day on which it is back.
    began = (e for e in today if e.kind == Line.DAY and e.data["session"] == day.isoformat())
    equity = next((Decimal(str(e.data["day_start"])) for e in began), None)
    if equity is None:
        raise DataError("the journal has no figure of the account at the day's start")
    start = at_new_york(day, PREMARKET_HOUR) if past.live else today[0].at
    needs = trader.make_strategy().needs
    spec = AccountSpec(
        NUMBER,
        "key",
        "secret",
        stored(needs),
        cash=past.cash(equity),
        shares=past.shares(),
        last_equity=equity,
    )
    exchange = Exchange(_market(past, today, stored(needs)), [spec], start=start, rules=MODEL)
    journal = MemoryJournal()
    journal.append(past.lines(start))
    seen = journal.last_seq
    engine = Engine(
        trader.make_strategy,
        Fresh(exchange, NUMBER),
        CoreData(exchange, NUMBER),
        journal,
        MemoryPortfolioStore(),
        Told(),
        trader.settings,
    )
    # What the day wrote down last was done at that instant, which therefore belongs to it.
    until = min(session.close + AFTER_CLOSE, max(today[-1].at, session.open) + AT_ONCE)
    drive_all([Seat(engine, NUMBER)], exchange, until)
    book = Book()
    for event in journal.events():
        apply(book, event)
    events = [event for _, event in journal.since(seen)]
    return SameDay(day, book, events, _doubted(today, events, needs.symbols, session))


class Fresh(CoreBroker):
    """A broker that has the account but not its history: cursors into that mean "from now on"."""

    def fills(self, after: str | None) -> Sequence[Fill]:
        every = list(super().fills(None))
        ids = [fill.id for fill in every]
        return every[ids.index(after) + 1 :] if after in ids else every

    def transfers(self, after: str | None) -> Sequence[Transfer]:  # noqa: ARG002 - there are none
        return ()


def _market(past: Past, today: Sequence[Event], timeframe: Timeframe) -> Market:
    """The bars before the day, and the day's as they were journaled."""
    rows = {symbol: list(bars) for symbol, bars in past.bars.items()}
    for event in today:
        if event.kind == Line.BAR and event.symbol is not None:
            bar = bar_of(event)
            kept = rows.setdefault(event.symbol, [])
            if not kept or bar.start > kept[-1].start:
                kept.append(bar)
    return Market.from_bars({(symbol, timeframe): bars for symbol, bars in rows.items()})


def _doubted(
    today: Sequence[Event], again: Sequence[Event], symbols: Sequence[str], session: Session
) -> Mapping[str, Sequence[Span]]:
    """The stretches in which numbers or memory differ, or after a resume.

    What differs before the open alone is left out: nothing is decided on it.
    """
    seen = {(e.symbol, e.data["end"]): _told(e) for e in again if e.kind == Line.BAR}
    resumed = min((e.at for e in today if e.kind == Line.RESUME), default=None)
    doubted: dict[str, Sequence[Span]] = {}
    for symbol in symbols:
        spans: list[Span] = []
        since, last = None, session.open
        for event in today:
            if event.kind != Line.BAR or event.symbol != symbol:
                continue
            end = instant(event.data["end"])
            alike = seen.get((symbol, event.data["end"])) == _told(event)
            if not alike:
                since, last = since or end, end
            elif since is not None:
                if last > session.open:
                    spans.append((since, end))
                since = None
        if since is not None and session.open < last and since < session.close:
            spans.append((since, session.close))
        if resumed is not None:
            spans.append((resumed, session.close))
        if spans:
            doubted[symbol] = spans
    return doubted


def _told(bar: Event) -> object:
    return bar.data.get("numbers"), bar.data.get("memory")
