"""Daily Trend: decides on the day's close what the next open does, from the position held."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployable_strategies.daily_trend_hysteresis.strategy import (
    DailyTrend,
    DailyTrendRules,
)
from magellan_core.bands import Band
from magellan_core.indicators import Rsi
from magellan_core.market_hours import at_new_york, sessions_between
from magellan_core.model import Bar, Enter, Exit, Intent, Timeframe, Withdraw
from tests.unit.strategies.support import bar, held, view

SPY = "SPY"
D = Decimal
SESSIONS = sessions_between(date(2024, 11, 1), date(2025, 3, 31))
UP, DOWN = 1.0, -1.0


def strategy(upper: float = 60.0, lower: float = 40.0, **rules: object) -> DailyTrend:
    return DailyTrend({SPY: Band(5, upper, lower)}, DailyTrendRules(**rules))  # type: ignore[arg-type]


def days(steps: Sequence[float], first: date = date(2024, 11, 1)) -> list[Bar]:
    """One bar a session, each close a step from the one before."""
    price, bars = 100.0, []
    sessions = (s for s in SESSIONS if s.date >= first)
    for step, session in zip(steps, sessions, strict=False):
        price += step
        bars.append(bar(SPY, Timeframe.DAY, session.open, price))
    return bars


def decide(s: DailyTrend, last: Bar, **more: object) -> Sequence[Intent]:
    return s.on_bar(last, view(last.end + timedelta(minutes=5), **more))  # type: ignore[arg-type]


def warmed(s: DailyTrend, steps: Sequence[float]) -> Bar:
    """All but the last bar folded; the last is to be decided on."""
    *earlier, last = days(steps)
    for each in earlier:
        s.warm(each)
    return last


def test_a_rise_buys_at_the_next_open_and_says_until_when() -> None:
    s = strategy(allocation=D(10000))
    last = warmed(s, [DOWN] * 10 + [UP] * 10)
    (entry,) = decide(s, last)
    assert isinstance(entry, Enter)
    following = next(x for x in SESSIONS if x.open > last.end)
    assert entry.symbol == SPY
    assert entry.dollars == 10000
    assert entry.tranches == ()
    assert entry.reference == D(str(last.close))
    assert entry.not_before == following.open
    assert entry.until == at_new_york(following.date, 10)
    assert entry.reason.startswith("rsi ")


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        (date(2025, 1, 8), datetime(2025, 1, 10, 14, 30, tzinfo=UTC)),  # closed on the 9th
        (date(2024, 11, 27), datetime(2024, 11, 29, 14, 30, tzinfo=UTC)),  # Thanksgiving
        (date(2024, 11, 29), datetime(2024, 12, 2, 14, 30, tzinfo=UTC)),  # a half day, a weekend
        (date(2025, 3, 7), datetime(2025, 3, 10, 13, 30, tzinfo=UTC)),  # summer time begins
    ],
)
def test_the_next_open_is_the_calendar_s(day: date, opens: datetime) -> None:
    s = strategy()
    bars = [b for b in days([UP] * 90) if b.start.date() <= day]
    for each in bars[:-1]:
        s.warm(each)
    assert bars[-1].start.date() == day
    (entry,) = decide(s, bars[-1])
    assert isinstance(entry, Enter)
    assert entry.not_before == opens


def test_a_fall_sells_what_is_held_at_the_next_open() -> None:
    s = strategy()
    last = warmed(s, [UP] * 10 + [DOWN] * 10)
    bought = held(SPY, last.start)
    assert decide(s, last) == ()
    s = strategy()
    last = warmed(s, [UP] * 10 + [DOWN] * 10)
    (out,) = s.on_bar(last, view(last.end, bought))
    assert isinstance(out, Exit)
    assert out.not_before == next(x for x in SESSIONS if x.open > last.end).open


@pytest.mark.parametrize(
    ("steps", "is_held", "waits", "decides"),
    [
        (UP, False, None, Enter),
        (UP, True, None, None),
        (UP, False, Enter, None),
        (UP, True, Exit, Withdraw),
        (DOWN, False, None, None),
        (DOWN, True, None, Exit),
        (DOWN, False, Enter, Withdraw),
        (DOWN, True, Exit, None),
    ],
)
def test_what_is_held_or_about_to_be_decides(
    steps: float, is_held: bool, waits: type | None, decides: type | None
) -> None:
    s = strategy()
    last = warmed(s, [-steps] * 10 + [steps] * 15)
    waiting: dict[type, Intent] = {
        Enter: Enter(SPY, "kept", D(100), dollars=D(1)),
        Exit: Exit(SPY, "kept"),
    }
    holdings = [held(SPY, last.start)] if is_held else []
    pending = {} if waits is None else {SPY: waiting[waits]}
    intents = s.on_bar(last, view(last.end, *holdings, pending=pending))
    assert [type(intent) for intent in intents] == ([] if decides is None else [decides])


def test_a_threshold_met_exactly_decides_nothing() -> None:
    last = warmed(strategy(), [UP] * 4 + [DOWN] * 3 + [UP] * 4)
    rsi = Rsi(5, "ema")
    *_, value = [rsi.update(b.close) for b in days([UP] * 4 + [DOWN] * 3 + [UP] * 4)]
    for upper, lower, bought in ((value, 1.0, False), (99.0, value, True)):
        s = strategy(upper, lower)
        assert warmed(s, [UP] * 4 + [DOWN] * 3 + [UP] * 4) == last
        holdings = [held(SPY, last.start)] if bought else []
        assert s.on_bar(last, view(last.end, *holdings)) == ()
        just = strategy(value - 1e-9, 1.0) if not bought else strategy(99.0, value + 1e-9)
        warmed(just, [UP] * 4 + [DOWN] * 3 + [UP] * 4)
        assert len(just.on_bar(last, view(last.end, *holdings))) == 1


def test_going_live_in_an_old_trend_buys_it() -> None:
    s = strategy()
    last = warmed(s, [UP] * 60)
    assert [type(i) for i in decide(s, last)] == [Enter]


def test_the_execution_delay_and_the_last_minute_are_the_rules() -> None:
    s = strategy(execution_delay=timedelta(seconds=90), execute_until=time(11, 15))
    (entry,) = decide(s, last := warmed(s, [UP] * 20))
    assert isinstance(entry, Enter)
    following = next(x for x in SESSIONS if x.open > last.end)
    assert entry.not_before == following.open + timedelta(seconds=90)
    assert entry.until == at_new_york(following.date, 11, 15)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2025, 1, 8, 15, 0, tzinfo=UTC), datetime(2025, 1, 8, 21, 5, tzinfo=UTC)),
        (datetime(2025, 1, 8, 21, 5, tzinfo=UTC), datetime(2025, 1, 10, 21, 5, tzinfo=UTC)),
        (datetime(2025, 1, 9, 15, 0, tzinfo=UTC), datetime(2025, 1, 10, 21, 5, tzinfo=UTC)),
        (datetime(2024, 11, 29, 15, 0, tzinfo=UTC), datetime(2024, 11, 29, 18, 5, tzinfo=UTC)),
        (datetime(2025, 3, 7, 22, 0, tzinfo=UTC), datetime(2025, 3, 10, 20, 5, tzinfo=UTC)),
    ],
)
def test_bars_are_asked_for_five_minutes_after_each_close(now: datetime, due: datetime) -> None:
    assert strategy().next_due(view(now)) == due


def test_it_explains_itself() -> None:
    s = strategy()
    assert s.explain(SPY)["rsi"] == "-"
    decide(s, warmed(s, [UP] * 20))
    assert s.explain(SPY) == {
        "rsi": "100.00",
        "band": "60/40",
        "waits for": "rsi > 60 to buy, < 40 to sell",
    }


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=60))
def test_same_bars_in_same_intents_out(steps: list[float]) -> None:
    bars = days(steps)
    runs = []
    for _ in range(2):
        s = strategy()
        runs.append([s.on_bar(b, view(b.end)) for b in bars])
    assert runs[0] == runs[1]


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=60), st.data())
def test_a_restart_decides_as_if_there_had_been_none(
    steps: list[float], data: st.DataObject
) -> None:
    """Warm-up to any bar, then on: the decisions after it are those of the unbroken run."""
    bars = days(steps)
    cut = data.draw(st.integers(0, len(bars) - 1))
    unbroken, restarted = strategy(), strategy()
    whole = [unbroken.on_bar(b, view(b.end)) for b in bars]
    for each in bars[:cut]:
        restarted.warm(each)
    restarted.recall(SPY, unbroken.memory(SPY))
    assert [restarted.on_bar(b, view(b.end)) for b in bars[cut:]] == whole[cut:]
