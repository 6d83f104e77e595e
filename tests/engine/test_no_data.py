"""Market data that cannot be asked: no entries, and no exit, halt or figure waits for it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from magellan_core.errors import Unavailable
from magellan_core.lines import Line
from magellan_core.market_hours import at_new_york
from magellan_core.model import Exit, Published, Side
from magellan_core.risk.notice import Action, Notice
from tests.engine.markets import (
    AMC,
    CLOSE,
    DAY,
    MINUTE,
    SPY,
    TRAP_END,
    TSLA,
    D,
    bear_trap,
    daily_trend,
    hourly_swing,
)
from tests.engine.rig import SECOND, TEN_SECONDS, Rig

FLAT = (8.1, 8.1, 8.1, 8.1)
HELD = TRAP_END + 2 * MINUTE
OVERDUE = TRAP_END + 42 * MINUTE
HOUR = timedelta(hours=1)


def told(rig: Rig) -> list[tuple[str, object]]:
    return [(e.kind, e.data["what"]) for e in rig.lines(Line.OUTAGE, Line.BACK)]


# -- at a start ------------------------------------------------------------------------------


def test_a_start_without_data_sells_what_is_overdue_before_it_asks_for_any() -> None:
    rig = bear_trap(FLAT)
    rig.run(HELD)
    assert rig.qty(AMC) > 0
    rig.pause(OVERDUE)
    rig.data.down = True
    rig.log.clear()
    rig.restart()
    assert not rig.engine.ready
    words = [word.split()[0] for word in rig.log]
    assert words.index("exit") < words.index("cancel") < words.index("bars")
    rig.run(OVERDUE + MINUTE)
    assert (rig.qty(AMC), rig.book.positions, rig.core.open_orders()) == (0, {}, [])
    assert [e.data["reason"] for e in rig.lines(Line.EXIT)] == ["time"]
    assert rig.report is not None
    assert rig.report.status.startswith(
        "market data unreachable: GET /stocks/bars: connection refused; "
    )


def test_a_hold_that_runs_out_after_a_start_without_data_ends_in_time() -> None:
    rig = bear_trap(FLAT)
    rig.run(HELD)
    rig.data.down = True
    rig.restart()
    rig.run(TRAP_END + 30 * MINUTE)
    assert rig.qty(AMC) > 0
    rig.run(TRAP_END + 31 * MINUTE)
    assert (rig.qty(AMC), rig.book.positions) == (0, {})


@pytest.mark.parametrize(
    ("make", "symbol", "held"),
    [(lambda: bear_trap(FLAT), AMC, HELD), (hourly_swing, TSLA, TRAP_END + 2 * HOUR)],
    ids=["bear_trap", "hourly_swing"],
)
def test_a_halt_that_was_posted_is_heard_and_flattens_without_data(
    make: Callable[[], Rig], symbol: str, held: datetime
) -> None:
    rig = make()
    rig.run(held)
    assert rig.qty(symbol) > 0
    rig.store.post(Notice(Action.HALT, "all", "manual", "the news", "a person", rig.now))
    rig.data.down = True
    rig.restart()
    assert [e.data["why"] for e in rig.lines(Line.HALT)] == ["the news"]
    began = rig.now
    rig.run(began + HOUR)
    assert rig.report is not None
    assert rig.report.finished
    assert (rig.qty(symbol), rig.core.open_orders()) == (0, [])
    # Fills wait for the market's next bar, orders for nothing.
    assert rig.orders()[-1].submitted_at - began <= 2 * TEN_SECONDS
    rig.restart()
    assert rig.engine.halted_and_flat()


def test_it_warms_up_when_the_data_is_back_and_trades_on_it() -> None:
    rig = bear_trap(FLAT)
    rig.run(TRAP_END - 5 * MINUTE)
    rig.data.down = True
    rig.restart()
    rig.run(TRAP_END - 2 * MINUTE)
    rig.data.down = False
    rig.run(HELD)
    assert rig.engine.ready
    assert rig.qty(AMC) > 0
    assert told(rig) == [("outage", "market data"), ("back", "market data")]


def test_a_broker_that_cannot_be_asked_fails_the_start_as_ever() -> None:
    rig = bear_trap(FLAT)
    rig.run(HELD)
    rig.broker.down = True
    with pytest.raises(Unavailable, match="connection refused"):
        rig.restart()


# -- in the day ------------------------------------------------------------------------------


def test_an_exit_that_waits_for_the_open_does_not_wait_for_data() -> None:
    rig = daily_trend(peak=date(2025, 1, 13))
    rig.run(at_new_york(date(2025, 1, 14), 8, 20))
    assert isinstance(rig.book.pending[SPY], Exit)
    assert rig.qty(SPY) > 0
    rig.data.down = True
    rig.run(at_new_york(date(2025, 1, 14), 9, 31))
    sale = rig.orders()[-1]
    assert (sale.side, sale.submitted_at) == (Side.SELL, at_new_york(date(2025, 1, 14), 9, 30))
    assert rig.book.pending == {}


def test_the_runners_stop_rises_after_the_second_target_without_data() -> None:
    rig = bear_trap(FLAT, (8.1, 10.2, 8.1, 9.5))
    rig.run(TRAP_END + MINUTE)
    rig.data.down = True
    rig.run(TRAP_END + 7 * MINUTE)
    position = rig.book.positions[AMC]
    (stop,) = rig.book.protecting(AMC, 3)
    assert rig.book.holdings()[AMC].targets_hit == 2
    assert stop.stop == position.support


# -- figures ---------------------------------------------------------------------------------


def test_figures_are_shared_and_the_portfolio_is_judged_without_data() -> None:
    falls = [(8.1, 8.1, 8.1, 8.1)] * 4 + [(7.9 - n / 100,) * 4 for n in range(5)]
    rig = bear_trap(*falls)
    limits = replace(
        rig.settings.portfolio,
        strategies=["bear_trap", "daily_trend"],
        max_daily_loss_dollars=D(1500),
    )
    rig.settings = replace(rig.settings, portfolio=limits)
    rig.store.publish(
        Published("daily_trend", rig.now, CLOSE, D(99_000), D(-1000), DAY, False, "running")
    )
    rig.restart()
    rig.run(HELD)
    assert rig.qty(AMC) > 0
    rig.data.down = True
    rig.run(HELD + 90 * SECOND)
    (mine,) = (row for row in rig.store.rows() if row.strategy == "bear_trap")
    assert rig.now - mine.at <= TEN_SECONDS
    assert rig.book.halts == {}
    rig.run(HELD + 5 * MINUTE)
    assert set(rig.book.halts) == {"portfolio"}
    assert [n.notice.limit for n in rig.store.notices(0)] == ["portfolio"]
    assert (rig.qty(AMC), rig.core.open_orders()) == (0, [])


def test_who_does_not_answer_is_told_apart_and_on_record() -> None:
    rig = bear_trap(FLAT)
    rig.run(HELD)
    rig.data.down = True
    rig.run(HELD + 2 * MINUTE)
    assert rig.report is not None
    assert rig.report.status.startswith(
        "market data unreachable: GET /stocks/bars: connection refused; trading"
    )
    assert "data-outage" in rig.told.matters()
    rig.broker.down = True
    rig.tick()
    assert rig.report.status == "broker unreachable: GET: connection refused"
    rig.broker.down = rig.data.down = False
    rig.run(HELD + 4 * MINUTE)
    assert told(rig) == [
        ("outage", "market data"),
        ("back", "market data"),
        ("outage", "the broker"),
        ("back", "the broker"),
    ]
