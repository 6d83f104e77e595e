"""A held symbol that a person takes out of the configuration: exits go on, entries do not."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

import pytest

from deployable_strategies.bear_trap.strategy import BearTrap, BearTrapRules, BearTrapSizing
from deployable_strategies.daily_trend_hysteresis.strategy import DailyTrend, DailyTrendRules
from deployable_strategies.hourly_swing.strategy import HourlySwing, HourlySwingRules
from magellan_core.bands import Band
from magellan_core.lines import Line
from magellan_core.market_hours import at_new_york
from magellan_core.model import Side
from magellan_core.ports import Level
from magellan_core.strategy import Strategy
from tests.engine.markets import (
    AMC,
    CLOSE,
    MINUTE,
    NEXT_OPEN,
    SPY,
    TRAP_END,
    TSLA,
    bear_trap,
    daily_trend,
    hourly_swing,
)
from tests.engine.rig import Rig

SIZING = BearTrapSizing(Decimal(2), Decimal(50000), Decimal(1))


def traps() -> Strategy:
    return BearTrap(["WKHS"], BearTrapRules(), SIZING, warmup_bars=60)


def trends() -> Strategy:
    # The band of the symbol that is held is another one: it must come from the record.
    return DailyTrend({"QQQ": Band(14, 99.0, 1.0)}, DailyTrendRules(), warmup_bars=20)


def swings() -> Strategy:
    return HourlySwing({"NVDA": Band(14, 99.0, 1.0)}, HourlySwingRules(), warmup_bars=50)


CASES = [
    (
        lambda: bear_trap((8.1, 8.1, 8.1, 8.1)),
        AMC,
        traps,
        TRAP_END + 2 * MINUTE,
        TRAP_END + 32 * MINUTE,
    ),
    (
        lambda: daily_trend(peak=date(2025, 1, 13)),
        SPY,
        trends,
        at_new_york(date(2025, 1, 13), 12),
        at_new_york(date(2025, 1, 14), 9, 35),
    ),
    (hourly_swing, TSLA, swings, CLOSE + 30 * MINUTE, NEXT_OPEN + 95 * MINUTE),
]


@pytest.mark.parametrize(("make", "symbol", "others", "held", "over"), CASES, ids=[AMC, SPY, TSLA])
def test_its_exits_happen_by_the_rules(
    make: Callable[[], Rig],
    symbol: str,
    others: Callable[[], Strategy],
    held: datetime,
    over: datetime,
) -> None:
    rig = make()
    rig.run(held)
    assert rig.qty(symbol) > 0
    rig.make_strategy = others
    rig.restart()
    alerts = [(level, key) for level, key, _ in rig.told.alerts]
    assert (Level.CRITICAL, f"unconfigured-{symbol}") in alerts
    status = rig.tick().status
    assert status.startswith("trading 0/1 symbols, 1 position (1 not configured: exits only), next")
    rig.run(over)
    sale = rig.orders()[-1]
    assert (sale.side, sale.symbol) == (Side.SELL, symbol)
    assert [e.symbol for e in rig.lines(Line.EXIT)] == [symbol]
