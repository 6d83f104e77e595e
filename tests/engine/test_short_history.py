"""An RSI of too few bars decides nothing; the bars that it lacks are asked for again."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from magellan_core.lines import Line
from magellan_core.market_hours import at_new_york, sessions_between
from magellan_core.paper.rules import Rules
from tests.engine.markets import (
    DAY,
    MINUTE,
    NEXT_DAY,
    NEXT_OPEN,
    OPEN,
    SPY,
    TSLA,
    daily_trend,
    hourly_swing,
)
from tests.engine.rig import Rig

LONG_AGO = date(2024, 6, 3)
MONDAY, TUESDAY = date(2025, 1, 13), date(2025, 1, 14)
BEFORE = sessions_between(LONG_AGO, DAY - timedelta(days=1))


def exits(rig: Rig) -> list[str]:
    return [str(e.data["reason"]) for e in rig.lines(Line.DECISION) if e.data["action"] == "exit"]


@pytest.mark.parametrize(
    ("bars", "bought_on"),
    [(0, None), (1, None), (83, MONDAY), (84, NEXT_DAY)],
)
def test_a_symbol_is_decided_on_from_its_eighty_fifth_bar_on(
    bars: int, bought_on: date | None
) -> None:
    """`bars` are there at the start; the eighty-fourth still warms, whatever it says."""
    rig = daily_trend(first=LONG_AGO, warmup=400)
    rig.data.since = OPEN if bars == 0 else BEFORE[-bars].open
    rig.restart()
    rig.run(at_new_york(TUESDAY, 9, 45))
    bought = [order.submitted_at for order in rig.orders()]
    assert bought == ([] if bought_on is None else [at_new_york(bought_on, 9, 30)])
    told = [message for _, key, message in rig.told.alerts if key == f"history-SPY-{DAY}"]
    assert [f"SPY has {bars} of the 84 bars" in m for m in told] == ([] if bars == 84 else [True])


def test_what_is_held_is_not_sold_for_want_of_history_and_is_decided_on_once_it_is_there() -> None:
    unbroken, rig = daily_trend(), daily_trend()
    rig.run(NEXT_OPEN + MINUTE)
    held = rig.qty(SPY)
    assert held
    rig.data.since = OPEN
    rig.restart()
    rig.run(at_new_york(NEXT_DAY, 16, 30))
    assert (exits(rig), rig.qty(SPY)) == ([], held)
    assert f"history-SPY-{NEXT_DAY}" in rig.told.matters()
    # The day's bar waits for the history, and is decided on when that has come.
    assert rig.book.cursor[SPY] == at_new_york(DAY, 16)
    rig.data.since = None
    rig.run(at_new_york(MONDAY, 9))
    assert rig.book.cursor[SPY] == at_new_york(NEXT_DAY, 16)
    unbroken.run(at_new_york(TUESDAY, 12))
    rig.run(at_new_york(TUESDAY, 12))
    assert rig.fills() == unbroken.fills()
    numbers = [[e.data["numbers"] for e in r.lines(Line.BAR)] for r in (rig, unbroken)]
    assert numbers[0] == numbers[1]


def test_an_hourly_check_buys_nothing_whose_history_is_too_short() -> None:
    """The fold of before the restart wants long; what came of it since nobody knows."""
    rig = hourly_swing(rules=Rules(spread_bps=Decimal(300)))
    rig.run(at_new_york(DAY, 10, 1))
    assert rig.book.memory[TSLA]["long"] is True
    rig.data.since = at_new_york(DAY, 8)
    rig.restart()
    rig.run(at_new_york(DAY, 11, 1))
    rig.data.since = None
    rig.run(at_new_york(DAY, 12, 1))
    refused = {e.at: str(e.data["objections"]) for e in rig.lines(Line.DECISION)}
    assert all("spread" in why for why in refused.values())
    assert "its history is 2 bars, too short" in refused[at_new_york(DAY, 11)]
    assert "its history is" not in refused[min(refused)]
    assert "its history is" not in refused[max(refused)]
