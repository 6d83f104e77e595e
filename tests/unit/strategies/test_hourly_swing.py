"""Hourly Swing: folds every hourly bar, and acts at the checks inside the session."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployable_strategies.hourly_swing.strategy import HourlySwing, HourlySwingRules
from magellan_core.bands import Band
from magellan_core.indicators import Rsi
from magellan_core.market_hours import at_new_york
from magellan_core.model import Bar, Enter, Exit, Intent, Timeframe
from tests.unit.strategies.support import bar, held, view

TSLA = "TSLA"
D = Decimal
DAY = date(2025, 1, 8)
HOUR = timedelta(hours=1)
UP, DOWN = 1.0, -1.0


def strategy(upper: float = 60.0, lower: float = 40.0) -> HourlySwing:
    return HourlySwing({TSLA: Band(5, upper, lower)}, HourlySwingRules())


def hours(steps: Sequence[float], end: datetime) -> list[Bar]:
    """Bars of which the last ends at `end`."""
    price, bars = 100.0, []
    for n, step in enumerate(steps):
        price += step
        bars.append(bar(TSLA, Timeframe.HOUR, end - (len(steps) - n) * HOUR, price))
    return bars


def fold(s: HourlySwing, bars: Sequence[Bar]) -> None:
    for each in bars:
        assert s.on_bar(each, view(each.end)) == ()


def at(hour: int, minute: int = 0, day: date = DAY) -> datetime:
    return at_new_york(day, hour, minute)


def test_a_rise_is_bought_at_the_check_with_the_bar_that_ends_then() -> None:
    s = strategy()
    fold(s, bars := hours([DOWN] * 10 + [UP] * 10, at(10)))
    (entry,) = s.on_time(view(at(10)))
    assert isinstance(entry, Enter)
    assert (entry.symbol, entry.dollars, entry.tranches) == (TSLA, D(50000), ())
    assert entry.reference == D(str(bars[-1].close))
    assert entry.not_before is None


def test_a_fall_sells_what_is_held_and_holds_over_night_in_between() -> None:
    s = strategy()
    fold(s, hours([UP] * 10, at(15)))
    bought = held(TSLA, at(15))
    assert list(s.on_time(view(at(15), bought))) == []
    fold(s, hours([0.0], at(20)))
    assert s.on_time(view(at(20), bought)) == ()  # outside the session
    following = date(2025, 1, 10)
    fold(s, hours([DOWN] * 10, at(10, 0, following)))
    assert [type(i) for i in s.on_time(view(at(10, 0, following), bought))] == [Exit]


@pytest.mark.parametrize(
    ("wants", "is_held", "busy", "decides"),
    [
        (UP, False, False, Enter),
        (UP, False, True, None),
        (UP, True, False, None),
        (DOWN, True, False, Exit),
        (DOWN, True, True, Exit),
        (DOWN, False, False, None),
    ],
)
def test_the_position_is_brought_to_what_the_fold_wants(
    wants: float, is_held: bool, busy: bool, decides: type | None
) -> None:
    s = strategy()
    fold(s, hours([-wants] * 10 + [wants] * 10, at(11)))
    holdings = [held(TSLA, at(10))] if is_held else []
    intents = s.on_time(view(at(11), *holdings, busy=[TSLA] if busy else []))
    assert [type(i) for i in intents] == ([] if decides is None else [decides])


@pytest.mark.parametrize(
    ("now", "acts"),
    [
        (at(9, 30), False),
        (at(9, 59), False),
        (at(10), True),
        (at(10, 37), True),  # late: the tick of 10:00 was missed
        (at(15), True),
        (at(15, 59), True),
        (at(16), False),
        (at(12, 59, date(2024, 11, 29)), True),  # a half day ends at 13:00
        (at(13, 0, date(2024, 11, 29)), False),
        (at(12, 0, date(2025, 1, 9)), False),  # a closing day
        (at(12, 0, date(2025, 1, 11)), False),  # a Saturday
    ],
)
def test_orders_go_only_inside_the_session(now: datetime, acts: bool) -> None:
    s = strategy()
    fold(s, hours([UP] * 10, now.replace(minute=0)))
    assert bool(s.on_time(view(now))) is acts


def test_a_check_acts_once() -> None:
    s = strategy()
    fold(s, hours([UP] * 10, at(10)))
    assert len(s.on_time(view(at(10)))) == 1
    assert s.on_time(view(at(10))) == s.on_time(view(at(10, 59))) == ()
    assert len(s.on_time(view(at(11)))) == 1


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (at(4), at(10)),
        (at(10), at(11)),
        (at(14, 59), at(15)),
        (at(15), at(10, 0, date(2025, 1, 10))),  # over the closing day
        (at(12, 0, date(2024, 11, 29)), at(10, 0, date(2024, 12, 2))),  # a half day
        (at(15, 0, date(2025, 3, 7)), datetime(2025, 3, 10, 14, 0, tzinfo=UTC)),  # summer time
    ],
)
def test_checks_are_hourly_from_ten_to_the_last_whole_hour(now: datetime, due: datetime) -> None:
    assert strategy().next_due(view(now)) == due


@pytest.mark.parametrize(
    ("upper", "wants", "counts"), [(60.0, True, True), (2.9, False, True), (3.1, False, False)]
)
def test_in_play_is_what_is_wanted_or_within_three_points_of_it(
    upper: float, wants: bool, counts: bool
) -> None:
    """Bars that fell only have an RSI of 0, bars that rose only one of 100."""
    s = strategy(upper, 1.0)
    fold(s, hours([UP if wants else DOWN] * 10, at(10)))
    assert s.in_play(view(at(10))) == ([TSLA] if counts else [])
    assert s.in_play(view(at(10), held(TSLA, at(10)))) == []
    assert s.in_play(view(at(10), busy=[TSLA])) == []


def test_thresholds_met_exactly_change_nothing() -> None:
    steps = [UP] * 4 + [DOWN] * 3 + [UP] * 4
    rsi, bars = Rsi(5, "ema"), hours(steps, at(10))
    *_, exactly = [rsi.update(each.close) for each in bars]
    for upper, wanted in ((exactly, False), (exactly - 1e-9, True)):
        s = strategy(upper, 1.0)
        for each in bars[:-1]:
            s.warm(each)
        fold(s, bars[-1:])
        assert (s.explain(TSLA)["wants"] == "long") is wanted


def test_going_live_the_trigger_is_flat_and_an_old_trend_is_bought_with_the_first_bar() -> None:
    s = strategy()
    *earlier, last = hours([UP] * 30, at(11))
    for each in earlier:
        s.warm(each)
    assert list(s.on_time(view(at(10)))) == []
    fold(s, [last])
    assert [type(i) for i in s.on_time(view(at(11)))] == [Enter]


def test_what_the_fold_wants_outlives_a_restart() -> None:
    """Long was wanted, then the RSI fell back into the band: bars alone would not tell."""
    s = strategy()
    fold(s, bars := hours([UP] * 10 + [DOWN, UP] * 4 + [DOWN], at(12)))
    assert 40 < float(s.explain(TSLA)["rsi"]) < 60
    again = strategy()
    for each in bars:
        again.warm(each)
    assert again.explain(TSLA)["wants"] == "flat"
    again.recall(TSLA, s.memory(TSLA))
    assert again.explain(TSLA) == s.explain(TSLA)
    assert s.memory(TSLA)["long"] is True


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=60), st.data())
def test_a_restart_at_any_bar_wants_what_the_unbroken_run_wants(
    steps: list[float], data: st.DataObject
) -> None:
    bars = hours(steps, at(15))
    cut = data.draw(st.integers(0, len(bars) - 1))
    unbroken, restarted = strategy(), strategy()
    fold(unbroken, bars[:cut])
    for each in bars[:cut]:
        restarted.warm(each)
    restarted.recall(TSLA, unbroken.memory(TSLA))
    for each in bars[cut:]:
        fold(unbroken, [each])
        fold(restarted, [each])
        assert restarted.explain(TSLA) == unbroken.explain(TSLA)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=60))
def test_same_bars_in_same_intents_out(steps: list[float]) -> None:
    bars = hours(steps, at(15))

    def run() -> list[Sequence[Intent]]:
        s = strategy()
        told: list[Sequence[Intent]] = []
        for each in bars:
            fold(s, [each])
            told.append(s.on_time(view(each.end)))
        return told

    assert run() == run()


@pytest.mark.parametrize(
    ("first", "now", "due"),
    [
        # The day after Thanksgiving ends at 13:00: no check of it is left, or it has none.
        (time(13), at(13, 30, date(2025, 11, 26)), at(14, 0, date(2025, 11, 26))),
        (time(13), at(15, 30, date(2025, 11, 26)), at(13, 0, date(2025, 12, 1))),
    ],
)
def test_the_next_check_is_looked_for_beyond_a_session_without_one(
    first: time, now: datetime, due: datetime
) -> None:
    s = HourlySwing({TSLA: Band(5, 60.0, 40.0)}, HourlySwingRules(first_check=first))
    assert s.next_due(view(now)) == due
