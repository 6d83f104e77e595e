"""Market data that is down, or tells nothing: exits go out, and nothing is decided on nothing."""

from datetime import date

import pytest

from magellan_core.lines import Line, line
from magellan_core.market_hours import at_new_york
from magellan_core.model import Side
from tests.engine.markets import (
    AMC,
    MINUTE,
    NEXT_OPEN,
    SPY,
    TRAP_END,
    TSLA,
    Row,
    at,
    bear_trap,
    daily_trend,
    hourly_swing,
)
from tests.engine.rig import TEN_SECONDS, Rig

FLAT: Row = (8.1, 8.1, 8.1, 8.1)
MONDAY_OPEN = at_new_york(date(2025, 1, 13), 9, 30)


def starts_anew(rig: Rig) -> None:
    """Started again and again without the data, for two minutes."""
    for _ in range(12):
        rig.restart()
        assert not rig.engine.ready
        rig.pause(rig.now + TEN_SECONDS)


def test_an_overdue_exit_does_not_wait_for_bars_at_the_start() -> None:
    rig = bear_trap(FLAT)
    rig.run(TRAP_END + 2 * MINUTE)
    assert rig.qty(AMC) > 0
    rig.pause(TRAP_END + 35 * MINUTE)
    rig.data.down = True
    starts_anew(rig)
    assert rig.qty(AMC) == 0
    rig.data.down = False
    rig.restart()
    rig.run(TRAP_END + 40 * MINUTE)
    assert rig.settled()
    assert len(rig.book.trades) == 1


def test_nothing_is_sold_at_the_start_that_is_not_due() -> None:
    rig = bear_trap(FLAT)
    rig.run(TRAP_END + 2 * MINUTE)
    held = rig.qty(AMC)
    rig.data.down = True
    starts_anew(rig)
    assert rig.qty(AMC) == held


@pytest.mark.parametrize("restarts", [False, True])
def test_a_signal_to_sell_is_executed_at_its_open_without_bars(restarts: bool) -> None:
    rig = daily_trend()
    rig.run(NEXT_OPEN + 10 * MINUTE)
    assert rig.qty(SPY) > 0
    sell = {"action": "exit", "reason": "rsi 12.00 < 40", "not_before": MONDAY_OPEN.isoformat()}
    rig.engine.ledger.write(line(rig.now, Line.SIGNAL, SPY, **sell))
    rig.data.down = True
    if restarts:
        rig.pause(MONDAY_OPEN + MINUTE)
        starts_anew(rig)
    else:
        rig.run(MONDAY_OPEN + 2 * MINUTE)
    entry, sale = rig.orders()
    assert (sale.side, sale.qty) == (Side.SELL, entry.qty)
    assert MONDAY_OPEN <= sale.submitted_at <= MONDAY_OPEN + 2 * MINUTE


def test_indicators_are_not_built_of_nothing() -> None:
    """An answer without bars is none, where bars are on record: see chaos, seed 1044."""
    rig = hourly_swing()
    rig.run(at(60))
    assert rig.qty(TSLA) > 0
    rig.data.empty = True
    rig.restart()
    assert rig.engine.outages.current is not None
    assert "no bars of TSLA to warm up on, which it had before" in rig.engine.outages.current.why
    rig.data.empty = False
    rig.restart()
    rig.run(at(70))
    assert rig.settled()
