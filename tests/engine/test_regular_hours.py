"""Hourly Swing on hours of the regular session: the engine builds them from minutes."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import pytest

from deployable_strategies.hourly_swing.strategy import HourlySwing, HourlySwingRules
from magellan_core.bands import Band
from magellan_core.lines import Line, instant
from magellan_core.market_hours import Session, at_new_york, new_york, sessions_between
from magellan_core.model import Bar, Timeframe
from magellan_core.regular_hours import anchored
from tests.engine.rig import Rig

TSLA = "TSLA"
MINUTE = timedelta(minutes=1)
# Thanksgiving 2025: a full day, a holiday, a half day, a weekend.
FIRST, HALF, LAST = date(2025, 11, 24), date(2025, 11, 28), date(2025, 12, 2)
TURN = at_new_york(date(2025, 11, 25), 9, 30)
DOWN = at_new_york(HALF, 9, 30)


def minute_bars(session: Session, price: float) -> list[Bar]:
    """From an hour before the open to an hour after the close; only the session moves."""
    bars: list[Bar] = []
    at = session.open - timedelta(hours=1)
    while at < session.close + timedelta(hours=1):
        inside = session.open <= at < session.close
        opened = price
        # Before the open and after the close it trades higher: that must not be seen.
        price += (0.05 if TURN <= at < DOWN else -0.05) if inside else 0
        shown = (opened, price) if inside else (price + 3, price + 3)
        high, low = max(shown), min(shown)
        bars.append(Bar(TSLA, at, at + MINUTE, shown[0], high, low, shown[1], 100.0))
        at += MINUTE
    return bars


def market() -> Mapping[tuple[str, Timeframe], Sequence[Bar]]:
    bars: list[Bar] = []
    price = 500.0
    for session in sessions_between(date(2025, 11, 3), LAST):
        bars += minute_bars(session, price)
        price = next(b.close for b in reversed(bars) if b.end == session.close)
    return {(TSLA, Timeframe.MINUTE): bars}


BARS = market()


def swing(start: datetime) -> Rig:
    rules = HourlySwingRules(extended_hours=False)
    return Rig(
        lambda: HourlySwing({TSLA: Band(2, 60.0, 40.0)}, rules, warmup_bars=20), BARS, start=start
    )


def decided_on(rig: Rig) -> list[Bar]:
    """Each journaled bar."""
    return [
        Bar(
            TSLA,
            instant(line.data["start"]),
            instant(line.data["end"]),
            *(float(str(line.data[name])) for name in ("open", "high", "low", "close", "volume")),
        )
        for line in rig.lines(Line.BAR)
    ]


def wanted(first: datetime, last: datetime) -> list[Bar]:
    return [bar for bar in anchored(BARS[TSLA, Timeframe.MINUTE], last) if bar.end > first]


@pytest.mark.parametrize("restarts", [False, True])
def test_every_hour_is_decided_on_once_and_nothing_outside_the_session_is_seen(
    restarts: bool,
) -> None:
    start, end = at_new_york(FIRST, 9), at_new_york(LAST, 9)
    rig = swing(start)
    if restarts:
        for hours in (2, 20, 27, 60, 102):
            rig.run(start + timedelta(hours=hours))
            rig.restart()
    rig.run(end)
    assert decided_on(rig) == wanted(start, end)
    # By hand: each of the 390 minutes of a session, or 210 of the half day, is in one hour.
    held = {day.date: 0.0 for day in sessions_between(FIRST, LAST)}
    for bar in decided_on(rig):
        held[new_york(bar.start).date()] += bar.volume / 100
    assert list(held.values()) == [390, 390, 390, 210, 390, 0]


def test_it_trades_at_the_checks_on_the_half_hour_before() -> None:
    rig = swing(at_new_york(FIRST, 9))
    rig.run(at_new_york(LAST, 9))
    (bought, sold) = (new_york(f.at) for f in rig.core.fills(None))
    # Rises from Tuesday's open on: the hour to 10:30 says so, the check of 11:00 acts on it.
    assert (bought.date(), f"{bought:%H:%M}") == (date(2025, 11, 25), "11:00")
    # Falls from the half day's open on, likewise.
    assert (sold.date(), f"{sold:%H:%M}") == (HALF, "11:00")
    assert rig.settled()


def test_at_ten_only_exits_go_for_the_newest_hour_is_of_the_day_before() -> None:
    rig = swing(at_new_york(date(2025, 11, 25), 15, 59))
    rig.run(at_new_york(date(2025, 11, 26), 10, 30))
    (refused,) = (line.data["objections"] for line in rig.lines(Line.DECISION))
    assert isinstance(refused, list)
    assert [str(o).split(":")[0] for o in refused] == ["bar_fresh"]
    assert rig.fills() == []
    rig.run(at_new_york(date(2025, 11, 26), 11, 5))
    assert [side for side, _, _ in rig.fills()] == ["buy"]
