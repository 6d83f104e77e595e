"""Signals and checks at their instant, late, too late: what restarts and outages do to them."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from magellan_core.lines import Line
from magellan_core.market_hours import at_new_york
from magellan_core.paper.rules import Rules
from tests.engine.markets import (
    CLOSE,
    DAY,
    MINUTE,
    NEXT_DAY,
    NEXT_OPEN,
    SPY,
    TRAP_END,
    TSLA,
    bear_trap,
    daily_trend,
    hourly_swing,
)
from tests.engine.rig import Rig


def bought_at(rig: Rig) -> list[datetime]:
    return [order.submitted_at for order in rig.orders()]


@pytest.mark.parametrize(
    ("down_from", "up_at", "bought"),
    [
        # Down over 16:05: the bar is caught up, the signal waits for the open.
        (CLOSE - MINUTE, CLOSE + 60 * MINUTE, NEXT_OPEN),
        (CLOSE - MINUTE, NEXT_OPEN - MINUTE, NEXT_OPEN),
        # Down over the open too: executed late, up to 10:00.
        (CLOSE - MINUTE, NEXT_OPEN + 29 * MINUTE, NEXT_OPEN + 29 * MINUTE),
        (CLOSE - MINUTE, NEXT_OPEN + 30 * MINUTE, NEXT_OPEN + 30 * MINUTE),
        (CLOSE - MINUTE, NEXT_OPEN + 31 * MINUTE, None),
        # Down over the open only.
        (CLOSE + 10 * MINUTE, NEXT_OPEN + 20 * MINUTE, NEXT_OPEN + 20 * MINUTE),
        (CLOSE + 10 * MINUTE, NEXT_OPEN + 90 * MINUTE, None),
    ],
)
def test_a_signal_missed_is_caught_up_until_its_time_is_over(
    down_from: datetime, up_at: datetime, bought: datetime | None
) -> None:
    rig = daily_trend()
    rig.run(down_from)
    rig.pause(up_at)
    rig.restart()
    rig.run(at_new_york(NEXT_DAY, 15, 59))
    assert bought_at(rig) == ([] if bought is None else [bought])
    if bought is None:
        assert [e.data["why"] for e in rig.lines(Line.SIGNAL_GONE)] == ["not executed by 10:00 ET"]
    else:
        (decision,) = [e for e in rig.lines(Line.DECISION) if not e.data["objections"]]
        assert decision.data["late_seconds"] == (bought - NEXT_OPEN).total_seconds()


@pytest.mark.parametrize(
    "down_from",
    [
        CLOSE - MINUTE,  # both closes are caught up at once
        CLOSE + 60 * MINUTE,  # the first one's signal is on record already
    ],
)
def test_a_signal_that_was_missed_does_not_hide_that_of_the_next_close(down_from: datetime) -> None:
    rig = daily_trend()
    rig.run(down_from)
    rig.pause(at_new_york(NEXT_DAY, 17))
    rig.restart()
    rig.run(at_new_york(date(2025, 1, 15), 10, 30))
    assert bought_at(rig) == [at_new_york(date(2025, 1, 13), 9, 30)]


def test_an_entry_that_is_refused_at_the_open_is_tried_again_until_ten() -> None:
    rig = daily_trend()
    rig.run(NEXT_OPEN)
    rig.exchange.set_asset(SPY, tradable=False)
    rig.engine.prepare(rig.now)
    rig.run(NEXT_OPEN + 5 * MINUTE)
    assert bought_at(rig) == []
    rig.exchange.set_asset(SPY, tradable=True)
    rig.engine.prepare(rig.now)
    rig.run(NEXT_OPEN + 10 * MINUTE)
    assert len(bought_at(rig)) == 1
    assert NEXT_OPEN + 5 * MINUTE <= bought_at(rig)[0] <= NEXT_OPEN + 6 * MINUTE
    objections = [e.data["objections"] for e in rig.lines(Line.DECISION)]
    assert len(objections) == 2  # the same refusal is told once
    assert "symbol_tradable" in str(objections[0])


@pytest.mark.parametrize(
    ("market", "instant"),
    [
        (bear_trap, TRAP_END),
        (daily_trend, NEXT_OPEN),
        (hourly_swing, at_new_york(DAY, 10)),
    ],
)
@pytest.mark.parametrize(("age", "bought"), [(60, True), (61, False), (3600, False)])
def test_as_shipped_nothing_is_bought_on_a_quote_that_stands_still(
    market: Callable[..., Rig], instant: datetime, age: int, bought: bool
) -> None:
    """So a halted symbol is not bought either, whose quote is as old as its halt."""
    rig = market()
    rig.data.quote_age = timedelta(seconds=age)
    rig.run(instant + MINUTE)
    assert bool(rig.orders()) is bought
    if not bought:
        refused = str([e.data["objections"] for e in rig.lines(Line.DECISION)])
        assert f"quote_fresh: quote is {age} s old" in refused


def test_a_stale_quote_at_the_open_is_asked_for_again() -> None:
    rig = daily_trend()
    rig.data.quote_age = timedelta(hours=17)
    rig.run(NEXT_OPEN + 5 * MINUTE)
    assert rig.orders() == []
    refused = str([e.data["objections"] for e in rig.lines(Line.DECISION)])
    assert "symbol_trading: quote and bars stand still" in refused
    rig.data.quote_age = timedelta(0)
    rig.run(NEXT_OPEN + 6 * MINUTE)
    assert len(rig.orders()) == 1


def test_a_day_s_bar_is_not_taken_before_it_is_final() -> None:
    """A start at 16:02 waits for 16:05 as any other does."""
    rig = daily_trend()
    rig.run(CLOSE - MINUTE)
    rig.pause(CLOSE + 2 * MINUTE)
    rig.restart()
    rig.run(CLOSE + 10 * MINUTE)
    bars = [e for e in rig.lines(Line.BAR) if e.data["end"] == CLOSE.isoformat()]
    assert [e.at for e in bars] == [CLOSE + 5 * MINUTE]


def test_a_crash_after_the_order_and_before_the_signal_went_buys_once() -> None:
    rig = daily_trend()
    rig.run(NEXT_OPEN)
    rig.tick()
    # The journal as a crash right after the order's lines left it.
    rows = rig.disk.inner._rows
    gone = next(n for n, row in enumerate(rows) if row.kind == Line.SIGNAL_GONE)
    del rows[gone:]
    rig.restart()
    rig.run(NEXT_OPEN + 40 * MINUTE)
    assert len(bought_at(rig)) == 1
    assert [e.data["why"] for e in rig.lines(Line.SIGNAL_GONE)] == ["executed"]
    assert rig.settled()


def test_a_check_waits_for_the_bar_that_ends_with_it() -> None:
    """The hour's bar comes five seconds late: the check acts on it, not on the hour before."""
    check = at_new_york(DAY, 10)
    rig = hourly_swing()
    once, again, *_ = rig.settings.bar_retries
    rig.run(check)
    rig.data.late = {check}
    report = rig.tick()
    assert report.next_at == check + once
    assert rig.orders() == []
    rig.exchange.step(check + once)
    rig.tick()
    rig.exchange.step(check + again)
    rig.data.late = set()
    rig.run(check + MINUTE)
    (order,) = rig.orders()
    assert order.submitted_at == check + again
    # Named by the check, however late it was taken.
    assert order.client_order_id == f"hourly_swing-TSLA-{check:%Y%m%dT%H%M}-entry-1"


def test_a_check_goes_on_without_a_bar_that_does_not_come() -> None:
    first = at_new_york(DAY, 10)
    rig = hourly_swing()
    rig.data.late = {first + timedelta(hours=1)}
    rig.run(first + timedelta(hours=1, minutes=1))
    assert bought_at(rig) == [first]
    rig.run(first + timedelta(hours=2, minutes=1))
    ends = [str(e.data["end"]) for e in rig.lines(Line.BAR)]
    assert (first + timedelta(hours=2)).isoformat() in ends


def test_a_check_without_its_bar_buys_nothing_and_still_sells() -> None:
    """The hour before wanted long; what the missing hour says nobody knows."""
    missing = at_new_york(DAY, 11)
    rig = hourly_swing(rules=Rules(spread_bps=Decimal(300)))
    rig.run(at_new_york(DAY, 10, 59))
    rig.exchange.rules = Rules(spread_bps=Decimal(0))
    rig.data.late = {missing}
    rig.run(missing + 30 * MINUTE)
    assert rig.orders() == []
    refused = rig.lines(Line.DECISION)[-1]
    assert refused.at == missing + rig.settings.bar_retries[-1]
    assert refused.data["objections"] == [
        "bar_fresh: the bar up to 11:00 ET is missing, the newest ended 10:00 ET"
    ]
    rig.data.late = set()
    rig.run(missing + 61 * MINUTE)
    assert bought_at(rig) == [missing + timedelta(hours=1)]
    # On the 10th all falls, and is sold at 10:00; without the bar of 11:00 as with it.
    other = hourly_swing()
    other.data.late = {at_new_york(NEXT_DAY, 10)}
    other.run(at_new_york(NEXT_DAY, 12))
    assert other.qty(TSLA) == 0


def test_bars_missed_by_hourly_swing_are_folded_in_at_the_start() -> None:
    unbroken, restarted = hourly_swing(), hourly_swing()
    until = at_new_york(NEXT_DAY, 9, 45)
    unbroken.run(until)
    restarted.run(at_new_york(DAY, 12, 30))
    restarted.pause(at_new_york(NEXT_DAY, 9, 40))
    restarted.restart()
    restarted.run(until)
    restarted.tick()
    assert restarted.engine.feed.strategy.explain(TSLA) is not None
    unbroken.run(at_new_york(NEXT_DAY, 12))
    restarted.run(at_new_york(NEXT_DAY, 12))
    assert restarted.fills() == unbroken.fills()


def test_a_start_in_the_night_prepares_the_session_again_in_the_morning() -> None:
    rig = daily_trend(start=at_new_york(DAY, 2))
    rig.log.clear()
    rig.run(at_new_york(DAY, 8, 29))
    assert "calendar" not in rig.log
    rig.run(at_new_york(DAY, 8, 31))
    assert rig.log.count("calendar") == 1
    rig.run(at_new_york(DAY, 15))
    assert rig.log.count("calendar") == 1
