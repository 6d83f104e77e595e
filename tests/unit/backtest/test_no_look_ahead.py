"""Remove or scramble the future at random instants: what was decided before stays as it was."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random

import pytest

from magellan_core.backtest import bars as bars_module
from magellan_core.backtest.drive import drive_all
from magellan_core.backtest.fills import POLICIES
from magellan_core.backtest.judge import Judge
from magellan_core.backtest.options import DEFAULTS, BacktestOptions
from magellan_core.backtest.per_symbol import SymbolRun, Terms
from magellan_core.backtest.shared import stage
from magellan_core.backtest.strategies import maker
from magellan_core.compose import settings_of
from magellan_core.market_hours import sessions_between
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.market import Market
from magellan_core.paper.market_series import Series
from magellan_core.paper.synthetic import DEMO_FIRST, DEMO_LAST, DEMO_SEED, generate
from magellan_core.store.memory import MemoryJournal
from tests.parity import Lines, configs, told

STRATEGIES = ("bear_trap", "daily_trend", "hourly_swing")
Key = tuple[str, Timeframe]
Bars = Mapping[Key, Sequence[Bar]]
CUTS = 3


@cache
def market() -> Bars:
    return generate(seed=DEMO_SEED, first=DEMO_FIRST, last=DEMO_LAST)


def cuts(name: str) -> list[datetime]:
    """Whole minutes inside random sessions."""
    rng = Random(name)
    sessions = sessions_between(DEMO_FIRST, DEMO_LAST)[1:]
    return [
        session.open + timedelta(minutes=rng.randrange(5, 200))
        for session in rng.sample(sessions, CUTS)
    ]


def removed(bars: Bars, cut: datetime) -> Bars:
    """Nothing that starts from the cut on; of a bar under way its open alone."""
    return {
        key: [_opened(bar, cut, bar.open) for bar in rows if bar.start < cut]
        for key, rows in bars.items()
    }


def scrambled(bars: Bars, cut: datetime) -> Bars:
    """Other prices from the cut on: every later bar is another one's, three times as dear."""
    rng = Random(cut.isoformat())
    made: dict[Key, list[Bar]] = {}
    for key, rows in bars.items():
        past = [_opened(bar, cut, bar.open * 3) for bar in rows if bar.start < cut]
        future = [bar for bar in rows if bar.start >= cut]
        others = rng.sample(future, len(future))
        made[key] = past + [
            bar._replace(
                open=o.open * 3, high=o.high * 3, low=o.low * 3, close=o.close * 3, volume=o.volume
            )
            for bar, o in zip(future, others, strict=True)
        ]
    return made


def _opened(bar: Bar, cut: datetime, price: float) -> Bar:
    if bar.end <= cut:
        return bar
    return bar._replace(high=max(bar.open, price), low=bar.open, close=price)


def options(name: str, accounts: str) -> BacktestOptions:
    default = DEFAULTS[name]
    made = BacktestOptions(
        config=configs()[name],
        data=Path(),
        first=DEMO_FIRST,
        last=DEMO_LAST,
        fill=default.fill,
        bars=default.bars,
        cost_bps=Decimal(0),
    )
    return replace(made, accounts="shared" if accounts == "shared" else "per-symbol")


def live(name: str, bars: Bars, until: datetime) -> Lines:
    """The engine's lines strictly before an instant."""
    made = stage(options(name, "shared"), Market.from_bars(bars))
    drive_all([made.seat], made.exchange, until)
    return [row for row in told(made.journal.events()) if str(row[0]) < str(until)]


def alone(name: str, bars: Bars, until: datetime) -> list[object]:
    """Decisions and whole trades of each symbol's own account before an instant."""
    asked = options(name, "per-symbol")
    make = maker(asked)
    limits = settings_of(asked.config, patrol=None, patrol_closed=None).entry
    terms = Terms(
        Decimal(100_000), Decimal(0), POLICIES[asked.fill], 0, bars_module.midnight(DEMO_FIRST)
    )
    found: list[object] = []
    timeframe = make(asked.config.symbols).needs.timeframe
    for symbol in asked.config.symbols:
        rows = bars.get((symbol, timeframe), ())
        if not rows:
            continue
        journal = MemoryJournal()
        run = SymbolRun(make((symbol,)), Series.of(symbol, rows), terms, Judge(limits, journal))
        trades = run.run().trades
        found += [event for event in journal.events() if event.at <= until]
        # The end of the data, or of a session cut short, closes what is open: no decision.
        found += [
            trade
            for trade in trades
            if trade.exit_time < until and trade.exit_reason not in ("end_of_data", "session_end")
        ]
    return found


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", STRATEGIES)
def test_the_engine_decides_the_same_whatever_comes_later(name: str) -> None:
    for cut in cuts(name):
        whole = live(name, market(), cut)
        assert whole
        assert live(name, removed(market(), cut), cut) == whole
        assert live(name, scrambled(market(), cut), cut) == whole


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", STRATEGIES)
def test_accounts_of_one_symbol_decide_the_same_whatever_comes_later(name: str) -> None:
    seen = 0
    for cut in [*cuts(name), *cuts(f"more {name}")]:
        whole = alone(name, market(), cut)
        seen += len(whole)
        assert alone(name, removed(market(), cut), cut) == whole
        assert alone(name, scrambled(market(), cut), cut) == whole
    assert seen > 0


def test_the_test_itself_sees_a_future_that_leaks() -> None:
    """A decision taken on the bar under way would differ: the scrambled close is another."""
    last = date(2025, 11, 26)
    cut = sessions_between(last, last)[0].open + timedelta(minutes=45)
    key = ("TSLA", Timeframe.HOUR)
    under_way = [bar for bar in market()[key] if bar.start < cut < bar.end]
    other = [bar for bar in scrambled(market(), cut)[key] if bar.start < cut < bar.end]
    assert [bar.open for bar in under_way] == [bar.open for bar in other]
    assert [bar.close for bar in under_way] != [bar.close for bar in other]
