"""When the demonstration looks at its daemons: every close, and often where somebody watches."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from magellan_core.market_hours import sessions_between
from magellan_core.operations.demo import AFTER_CLOSE, BEFORE_OPEN, REFRESH, stops

SESSIONS = sessions_between(date(2025, 11, 26), date(2025, 12, 1))  # a holiday, a half day
START = SESSIONS[0].open - BEFORE_OPEN
CLOSES = [session.close + AFTER_CLOSE for session in SESSIONS]


@pytest.mark.parametrize("pace", [None, timedelta(minutes=2)])
def test_without_a_terminal_there_is_one_look_after_each_close(pace: timedelta | None) -> None:
    assert stops(SESSIONS, often=False, pace=pace) == CLOSES


def test_stepped_time_is_shown_every_ten_minutes_of_a_session() -> None:
    looks = stops(SESSIONS, often=True, pace=None)
    assert looks[:2] == [SESSIONS[0].open, SESSIONS[0].open + timedelta(minutes=10)]
    assert len(looks) == 39 + 21 + 39 + 3
    assert looks[-1] == CLOSES[-1]


def test_scaled_time_is_shown_every_two_seconds_from_the_start_and_through_the_night() -> None:
    pace = timedelta(seconds=REFRESH * 60)
    looks = stops(SESSIONS, often=True, pace=pace)
    assert looks[0] == START + pace
    assert max(b - a for a, b in pairwise(looks)) == pace
    assert set(CLOSES) <= set(looks)
