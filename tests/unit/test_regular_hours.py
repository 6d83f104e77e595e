"""Hours of the regular session, anchored at 09:30 New York time and built from shorter bars."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from magellan_core.market_hours import at_new_york, session_on
from magellan_core.model import Bar
from magellan_core.regular_hours import anchored, hour_of, newest_anchored

MINUTE = timedelta(minutes=1)
NEVER = datetime(2030, 1, 1, tzinfo=UTC)
WINTER, SUMMER = date(2025, 3, 7), date(2025, 3, 10)  # the clocks change on the Sunday between
AUTUMN = date(2025, 11, 3)  # ... and back on the Sunday before
HALF = date(2025, 11, 28)
HOLIDAY = date(2025, 11, 27)


def minutes(day: date, first: tuple[int, int], last: tuple[int, int], step: int = 1) -> list[Bar]:
    """Bars of so many minutes from the one time of day to the other; the n-th opens at n."""
    at, end = at_new_york(day, *first), at_new_york(day, *last)
    return list(_walk(at, end, step * MINUTE))


def _walk(at: datetime, end: datetime, step: timedelta) -> Iterator[Bar]:
    n = 0
    while at < end:
        yield Bar("TSLA", at, at + step, n, n + 0.5, n - 0.25, n + 0.25, 10.0)
        at, n = at + step, n + 1


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        # First and last start in UTC by hand: 09:30 is 14:30 in winter and 13:30 in summer.
        (WINTER, ("14:30", "20:30", "21:00", 7)),
        (SUMMER, ("13:30", "19:30", "20:00", 7)),
        (AUTUMN, ("14:30", "20:30", "21:00", 7)),
        (HALF, ("14:30", "17:30", "18:00", 4)),
    ],
)
@pytest.mark.parametrize("step", [1, 30])
def test_a_session_s_hours(day: date, hours: tuple[str, str, str, int], step: int) -> None:
    first, last, close, count = hours
    made = anchored(minutes(day, (4, 0), (20, 0), step), NEVER)
    assert len(made) == count
    assert (f"{made[0].start:%H:%M}", f"{made[-1].start:%H:%M}") == (first, last)
    assert f"{made[-1].end:%H:%M}" == close
    assert all(b.end - b.start == timedelta(hours=1) for b in made[:-1])
    assert made[-1].end - made[-1].start == timedelta(minutes=30)


def test_an_hour_s_prices_and_volume() -> None:
    made = anchored(minutes(SUMMER, (9, 0), (10, 45)), NEVER)
    # 09:30 is the 30th minute, counted from 0; 10:29 the 89th.
    assert made[0][3:] == (30, 89.5, 29.75, 89.25, 600.0)
    assert made[1][3:] == (90, 104.5, 89.75, 104.25, 150.0)


def test_minutes_and_half_hours_make_the_same_hours() -> None:
    by_minute = anchored(minutes(SUMMER, (9, 30), (16, 0)), NEVER)
    halves: list[Bar] = []
    for n, bar in enumerate(minutes(SUMMER, (9, 30), (16, 0))):
        if n % 30 == 0:
            halves.append(bar._replace(end=bar.start + 30 * MINUTE))
        else:
            kept = halves[-1]
            halves[-1] = kept._replace(
                high=max(kept.high, bar.high),
                low=min(kept.low, bar.low),
                close=bar.close,
                volume=kept.volume + bar.volume,
            )
    assert anchored(halves, NEVER) == by_minute


@pytest.mark.parametrize(
    ("until", "count"),
    [((10, 29), 0), ((10, 30), 1), ((11, 29), 1), ((11, 30), 2), ((15, 59), 6), ((16, 0), 7)],
)
def test_an_hour_that_is_not_over_is_none(until: tuple[int, int], count: int) -> None:
    told = minutes(SUMMER, (9, 30), (16, 0))
    assert len(anchored(told, at_new_york(SUMMER, *until))) == count


def test_minutes_without_a_trade_are_missing_from_their_hour_and_an_empty_hour_is_missing() -> None:
    told = [
        bar
        for bar in minutes(SUMMER, (9, 30), (16, 0))
        if not at_new_york(SUMMER, 10, 20) <= bar.start < at_new_york(SUMMER, 11, 40)
    ]
    starts = [f"{bar.start:%H:%M}" for bar in anchored(told, NEVER)]
    assert starts == ["13:30", "15:30", "16:30", "17:30", "18:30", "19:30"]
    assert anchored(told, NEVER)[0].volume == 500.0


def test_bars_across_the_edge_of_an_hour_belong_to_none() -> None:
    """The vendor's clock hours, should they get here: 10:00 to 11:00 lies in two of ours."""
    assert anchored(minutes(SUMMER, (9, 0), (16, 0), step=60), NEVER) == []


def test_days_without_a_session_have_no_hours() -> None:
    assert anchored(minutes(HOLIDAY, (9, 30), (16, 0)), NEVER) == []
    assert hour_of(at_new_york(HOLIDAY, 12)) is None


@pytest.mark.parametrize(
    ("day", "at", "end"),
    [
        (SUMMER, (9, 29), "2025-03-07 21:00"),
        (SUMMER, (10, 29), "2025-03-07 21:00"),
        (SUMMER, (10, 30), "2025-03-10 14:30"),
        (SUMMER, (11, 0), "2025-03-10 14:30"),
        (SUMMER, (15, 59), "2025-03-10 19:30"),
        (SUMMER, (16, 0), "2025-03-10 20:00"),
        (SUMMER, (23, 0), "2025-03-10 20:00"),
        (HALF, (12, 59), "2025-11-28 17:30"),
        (HALF, (13, 0), "2025-11-28 18:00"),
        (HOLIDAY, (12, 0), "2025-11-26 21:00"),
    ],
)
def test_the_newest_hour_that_can_be_there(day: date, at: tuple[int, int], end: str) -> None:
    found = newest_anchored(at_new_york(day, *at), session_on(day))
    assert f"{found:%Y-%m-%d %H:%M}" == end
