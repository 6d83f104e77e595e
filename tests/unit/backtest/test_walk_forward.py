"""Walk-forward on made-up returns: what is chosen, what is joined, what a change costs."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest

from magellan_core.backtest.findings import effects
from magellan_core.backtest.trial import Trial
from magellan_core.backtest.walk_forward import month_after, walk_forward
from magellan_core.errors import UsageError
from magellan_core.market_hours import sessions_between

DAYS = tuple(session.date for session in sessions_between(date(2023, 1, 1), date(2023, 12, 31)))


def a_trial(name: str, returns: Sequence[float], days: tuple[date, ...] = DAYS) -> Trial:
    values = tuple(float(v) for v in 1000 * np.cumprod(1 + np.array(returns)))
    return Trial(
        key=name,
        point={"name": name},
        days=days,
        values=values,
        held=values,
        capital=1000.0,
        return_pct=0.0,
        sharpe=0.0,
        max_drawdown_pct=0.0,
        trades=0,
        win_rate_pct=None,
        costs=0.0,
    )


def wobble(mean: float, i: int) -> float:
    return mean + (0.001 if i % 2 else -0.001)


# Good until June and bad after, and the other way round.
EARLY = a_trial("early", [wobble(0.002 if d.month < 7 else -0.002, i) for i, d in enumerate(DAYS)])
LATE = a_trial("late", [wobble(-0.002 if d.month < 7 else 0.002, i) for i, d in enumerate(DAYS)])


def test_it_trades_what_was_best_before_and_not_what_will_be() -> None:
    walk = walk_forward([EARLY, LATE], 3, 3, 0.0)
    assert [window.chosen["name"] for window in walk.windows] == ["early", "early", "late"]
    assert [str(window.test[0]) for window in walk.windows] == [
        "2023-04-03",
        "2023-07-03",
        "2023-10-02",
    ]
    first, second, third = walk.windows
    assert first.train == (date(2023, 1, 3), date(2023, 3, 31))
    assert first.test_sharpe > 0
    assert second.train_sharpe > 0 > second.test_sharpe
    assert third.test_return_pct > 0


def test_the_unseen_days_are_joined_once_each() -> None:
    walk = walk_forward([EARLY, LATE], 3, 3, 0.0)
    assert walk.days == tuple(day for day in DAYS if day.month > 3)
    assert len(walk.returns) == len(walk.held) == len(walk.days)
    expected = [
        wobble(0.002 if d.month < 7 else -0.002 if d.month < 10 else 0.002, i)
        for i, d in enumerate(DAYS)
        if d.month > 3
    ]
    assert walk.returns == pytest.approx(expected)


def test_a_change_of_mind_costs_a_round_trip() -> None:
    free, dear = (walk_forward([EARLY, LATE], 3, 3, cost) for cost in (0.0, 0.001))
    changed = np.flatnonzero(~np.isclose(free.returns, dear.returns))
    assert [str(free.days[i]) for i in changed] == ["2023-10-02"]
    assert free.returns[changed[0]] - dear.returns[changed[0]] == pytest.approx(0.001)


@pytest.mark.parametrize(("train", "test"), [(12, 3), (24, 1)])
def test_too_short_a_history_is_refused(train: int, test: int) -> None:
    with pytest.raises(UsageError, match="too short"):
        walk_forward([EARLY], train, test, 0.0)


def test_points_that_differ_in_their_days_are_not_compared() -> None:
    shorter = a_trial("shorter", [0.0] * (len(DAYS) - 1), DAYS[1:])
    with pytest.raises(UsageError, match="differ in their days"):
        walk_forward([EARLY, shorter], 3, 3, 0.0)


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2023, 12, 5), 1, date(2024, 1, 1)),
        (date(2023, 1, 31), 12, date(2024, 1, 1)),
        (date(2023, 3, 1), 0, date(2023, 3, 1)),
    ],
)
def test_months_are_counted_over_the_year_s_end(day: date, months: int, then: date) -> None:
    assert month_after(day, months) == then


def test_an_effect_is_the_median_of_the_points_that_share_a_value() -> None:
    told = effects([EARLY, LATE])["name"]
    assert [(one["value"], one["points"]) for one in told] == [("early", 1), ("late", 1)]
    assert effects([EARLY]) == {}
