"""Sessions and New York time, against an answer key typed by hand and the calendar library."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magellan_core import market_hours
from magellan_core.errors import DataError
from magellan_core.market_hours import (
    FIRST_DAY,
    LAST_DAY,
    at_new_york,
    label,
    new_york,
    new_york_date,
    next_session,
    previous_session,
    session_on,
    sessions_between,
)
from scripts import make_session_table


def days_of(year: int, days: str) -> list[str]:
    return [f"{year}-{day}" for day in days.split()]


# Typed from the NYSE's published holiday pages; 2025-01-09 is the day of mourning for J. Carter.
HOLIDAYS = [
    *days_of(2024, "01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25"),
    *days_of(2025, "01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25"),
    *days_of(2026, "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25"),
    *days_of(2027, "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24"),
]
HALF_DAYS = [
    *days_of(2024, "07-03 11-29 12-24"),
    *days_of(2025, "07-03 11-28 12-24"),
    *days_of(2026, "11-27 12-24"),
    *days_of(2027, "11-26"),
]

covered_days = st.dates(FIRST_DAY, LAST_DAY)
inner_days = st.dates(FIRST_DAY + timedelta(14), LAST_DAY - timedelta(14))
instants = st.datetimes(
    datetime.fromisoformat("2010-01-01"),
    datetime.fromisoformat("2035-01-01"),
    timezones=st.just(UTC),
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("day", HOLIDAYS)
def test_no_session_on_a_holiday(day: str) -> None:
    assert session_on(date.fromisoformat(day)) is None


@pytest.mark.parametrize("day", HALF_DAYS)
def test_a_half_day_closes_at_13_00_new_york_time(day: str) -> None:
    session = session_on(date.fromisoformat(day))
    assert session is not None
    assert session.is_half_day
    assert label(session.open) == "09:30 ET"
    assert label(session.close) == "13:00 ET"


def test_every_other_weekday_of_2024_to_2027_is_a_full_session() -> None:
    days = [date(2024, 1, 1) + timedelta(n) for n in range(366 + 3 * 365)]
    for day in days:
        if f"{day}" in HOLIDAYS + HALF_DAYS:
            continue
        session = session_on(day)
        if day.weekday() >= 5:
            assert session is None
            continue
        assert session is not None, day
        assert (label(session.open), label(session.close)) == ("09:30 ET", "16:00 ET")
        assert not session.is_half_day
        assert session.date == day


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        ("2025-03-07", "2025-03-07 14:30", "2025-03-07 21:00"),  # the last winter session
        ("2025-03-10", "2025-03-10 13:30", "2025-03-10 20:00"),  # the first in summer time
        ("2025-10-31", "2025-10-31 13:30", "2025-10-31 20:00"),
        ("2025-11-03", "2025-11-03 14:30", "2025-11-03 21:00"),
        ("2025-07-03", "2025-07-03 13:30", "2025-07-03 17:00"),
        ("2025-11-28", "2025-11-28 14:30", "2025-11-28 18:00"),
    ],
)
def test_session_hours_in_utc_follow_summer_time(day: str, opens: str, closes: str) -> None:
    expected = (date.fromisoformat(day), utc(opens), utc(closes))
    assert session_on(date.fromisoformat(day)) == expected


def test_the_table_equals_the_calendar_library_day_by_day() -> None:
    library = make_session_table.library_hours()
    ours = {
        session.date: (f"{new_york(session.open):%H:%M}", f"{new_york(session.close):%H:%M}")
        for session in sessions_between(FIRST_DAY, LAST_DAY)
    }
    assert ours == library


def test_the_committed_table_is_what_its_script_writes() -> None:
    assert make_session_table.TABLE.read_text(encoding="utf-8") == make_session_table.render()


def test_the_script_refuses_hours_that_the_table_cannot_express() -> None:
    with pytest.raises(ValueError, match="neither full nor half"):
        make_session_table.exceptions({date(2025, 1, 8): ("10:30", "16:00")})


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2025-01-08", "2025-01-10"),  # over the day of mourning
        ("2025-07-03", "2025-07-07"),
        ("2025-07-05", "2025-07-07"),
        ("2026-12-31", "2027-01-04"),
    ],
)
def test_next_session_is_strictly_after(day: str, expected: str) -> None:
    assert next_session(date.fromisoformat(day)).date == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2025-01-10", "2025-01-08"),
        ("2025-07-07", "2025-07-03"),
        ("2025-07-05", "2025-07-03"),
        ("2027-01-04", "2026-12-31"),
    ],
)
def test_previous_session_is_strictly_before(day: str, expected: str) -> None:
    assert previous_session(date.fromisoformat(day)).date == date.fromisoformat(expected)


@given(inner_days)
def test_next_and_previous_leave_no_session_out(day: date) -> None:
    before, after = previous_session(day), next_session(day)
    between = [session.date for session in sessions_between(before.date, after.date)]
    own = [day] if session_on(day) else []
    assert between == [before.date, *own, after.date]


@given(covered_days)
def test_a_session_lies_on_its_own_new_york_date(day: date) -> None:
    session = session_on(day)
    if session is not None:
        assert new_york_date(session.open) == new_york_date(session.close) == day
        assert session.open < session.close
        assert session.open.tzinfo is UTC


def test_sessions_between_includes_both_ends_and_may_be_empty() -> None:
    week = sessions_between(date(2025, 1, 6), date(2025, 1, 10))
    assert [session.date.day for session in week] == [6, 7, 8, 10]
    assert sessions_between(date(2025, 1, 10), date(2025, 1, 6)) == []
    assert sessions_between(date(2025, 1, 9), date(2025, 1, 9)) == []


@pytest.mark.parametrize("day", [FIRST_DAY - timedelta(1), LAST_DAY + timedelta(1)])
def test_asking_outside_the_table_names_its_bounds(day: date) -> None:
    for ask in (session_on, next_session, previous_session):
        with pytest.raises(DataError, match="2015-01-01 to 2029-12-31"):
            ask(day)
    with pytest.raises(DataError, match="2015-01-01 to 2029-12-31"):
        sessions_between(day, date(2025, 1, 6))
    with pytest.raises(DataError, match="2015-01-01 to 2029-12-31"):
        sessions_between(date(2025, 1, 6), day)


def test_the_table_ends_rather_than_guess_the_next_session() -> None:
    with pytest.raises(DataError, match="make_session_table"):
        next_session(LAST_DAY)
    with pytest.raises(DataError, match="make_session_table"):
        previous_session(FIRST_DAY)


@given(instants)
def test_new_york_time_equals_the_standard_library_zone(at: datetime) -> None:
    oracle = at.astimezone(ZoneInfo("America/New_York"))
    assert new_york_date(at) == oracle.date()
    assert new_york(at) == at
    assert f"{new_york(at):%Y-%m-%d %H:%M:%S}" == f"{oracle:%Y-%m-%d %H:%M:%S}"


@given(instants, st.integers(-12, 14))
def test_the_date_does_not_depend_on_the_zone_it_is_asked_in(at: datetime, hours: int) -> None:
    elsewhere = at.astimezone(timezone(timedelta(hours=hours)))
    assert new_york_date(elsewhere) == new_york_date(at)


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2025-01-08 04:59:59", "2025-01-07"),  # winter: midnight is 05:00 UTC
        ("2025-01-08 05:00:00", "2025-01-08"),
        ("2025-07-08 03:59:59", "2025-07-07"),  # summer: midnight is 04:00 UTC
        ("2025-07-08 04:00:00", "2025-07-08"),
    ],
)
def test_new_york_midnight(instant: str, expected: str) -> None:
    assert new_york_date(utc(instant)) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("day", "hour", "minute", "expected"),
    [
        ("2025-01-08", 10, 31, "2025-01-08 15:31"),
        ("2025-07-08", 10, 31, "2025-07-08 14:31"),
        ("2025-01-08", 20, 0, "2025-01-09 01:00"),
    ],
)
def test_at_new_york_is_the_utc_instant(day: str, hour: int, minute: int, expected: str) -> None:
    at = at_new_york(date.fromisoformat(day), hour, minute)
    assert at == utc(expected)
    assert at.tzinfo is UTC
    assert label(at) == f"{hour:02}:{minute:02} ET"


@pytest.mark.parametrize("day", ["2025-03-09 02:30", "2025-11-02 01:30"])
def test_a_time_that_summer_time_skips_or_repeats_is_refused(day: str) -> None:
    wall = datetime.fromisoformat(day)
    with pytest.raises(ValueError, match="not one instant"):
        at_new_york(wall.date(), wall.hour, wall.minute)


@pytest.mark.parametrize("ask", [new_york, new_york_date, label])
def test_a_naive_datetime_is_refused(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(ValueError, match="no time zone"):
        ask(datetime.fromisoformat("2025-01-08 10:31"))


def test_a_datetime_is_refused_where_a_date_is_asked_for() -> None:
    with pytest.raises(ValueError, match="new_york_date"):
        session_on(utc("2025-01-08 15:31"))


def test_the_bounds_are_those_of_the_script() -> None:
    assert (market_hours.FIRST_DAY, market_hours.LAST_DAY) == (
        make_session_table.FIRST_DAY,
        make_session_table.LAST_DAY,
    )


def test_new_york_times_are_those_of_the_time_zone_on_every_day_of_the_table() -> None:
    """Also on the days that change the clocks, in the hours that a change does not touch."""
    zone = ZoneInfo("America/New_York")
    day = FIRST_DAY
    while day <= LAST_DAY:
        for hour in (0, 3, 4, 9, 16, 20, 23):
            wall = datetime(day.year, day.month, day.day, hour, 30, tzinfo=zone)
            assert at_new_york(day, hour, 30) == wall.astimezone(UTC), (day, hour)
        day += timedelta(days=1)
