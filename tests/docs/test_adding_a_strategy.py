"""The strategy on the page "Adding a fourth strategy" runs, exactly as it stands there."""

import re
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from types import ModuleType

import pytest

from magellan_core.backtest.fills import POLICIES
from magellan_core.backtest.judge import Judge
from magellan_core.backtest.per_symbol import SymbolRun, Terms
from magellan_core.compose import settings_of
from magellan_core.config import load
from magellan_core.market_hours import sessions_between
from magellan_core.model import Bar
from magellan_core.paper.market_series import Series
from magellan_core.store.memory import MemoryJournal
from magellan_core.strategy import Strategy
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "adding_a_strategy.md"
CONFIG = ROOT / "deployable_strategies/daily_trend_hysteresis/aws_deployment/config.json"
SESSIONS = sessions_between(date(2025, 1, 2), date(2025, 3, 31))


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """The page's code as a module."""
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    made = ModuleType("mean_dip_of_the_page")
    sys.modules[made.__name__] = made
    exec(compile(code, str(PAGE), "exec"), made.__dict__)  # noqa: S102 - our own page
    yield made
    del sys.modules[made.__name__]


def series(closes: list[float]) -> Series:
    """Daily bars that open where the one before closed."""
    opens = [closes[0], *closes]
    bars = [
        Bar("SPY", s.open, s.close, o, max(o, c) + 1, min(o, c) - 1, c, 1000.0)
        for s, o, c in zip(SESSIONS, opens, closes, strict=False)
    ]
    return Series.of("SPY", bars)


def test_it_buys_the_dip_at_the_next_open_and_sells_back_at_the_mean(module: ModuleType) -> None:
    strategy: Strategy = module.MeanDip(["SPY"], module.MeanDipRules())
    told = series([100.0] * 25 + [90.0, 91.0, 92.0] + [101.0] * 5)
    terms = Terms(Decimal(100000), Decimal(0), POLICIES["next_open"], 0, SESSIONS[0].open)
    limits = settings_of(load(CONFIG), patrol=None, patrol_closed=None).entry
    run = SymbolRun(strategy, told, terms, Judge(limits, MemoryJournal())).run()
    [trade] = run.trades
    assert (trade.entry_time.date(), trade.entry_price) == (SESSIONS[26].date, Decimal(90))
    assert (trade.exit_time.date(), trade.exit_price) == (SESSIONS[29].date, Decimal(101))


def test_it_says_what_it_waits_for(module: ModuleType) -> None:
    strategy: Strategy = module.MeanDip(["SPY"], module.MeanDipRules(dip_pct=3))
    assert strategy.explain("SPY") == {"distance": "0.0 %", "waits for": "distance <= -3 %"}
    assert strategy.needs.warmup_bars == 20
