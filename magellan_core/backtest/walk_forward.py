"""Walk-forward: choose on one stretch, trade the next, and join what was traded unseen.

A run's decisions know nothing of later days, so its returns on a stretch are what that point would
have made there; no point is run again. Going from one point to another is charged a round trip.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from magellan_core.backtest.grid import Point
from magellan_core.backtest.metrics import Floats, sharpe_ratio
from magellan_core.backtest.trial import Trial, returns_of
from magellan_core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Window:
    """Chosen on `train` (first, last), traded on `test`; Sharpe ratios of both, annualised."""

    train: tuple[date, date]
    test: tuple[date, date]
    chosen: Point
    train_sharpe: float
    test_sharpe: float
    test_return_pct: float


@dataclass(frozen=True, slots=True)
class WalkForward:
    """The windows, and the returns of their tests joined: `returns` of `days`."""

    windows: tuple[Window, ...]
    days: tuple[date, ...]
    returns: Floats
    held: Floats


def month_after(day: date, months: int) -> date:
    """The first day of the month so many months later."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def walk_forward(
    trials: Sequence[Trial], train_months: int, test_months: int, round_trip: float
) -> WalkForward:
    """Walk over the days all trials share, in whole months, the training stretch rolling.

    `round_trip` is the cost of leaving one point for another, as a fraction of equity. Raise
    UsageError if the days hold no window, or trials do not share their days.
    """
    days = trials[0].days
    if any(trial.days != days for trial in trials):
        raise UsageError("walk-forward: the points differ in their days; do not mix bars in it")
    table = np.array([returns_of(trial.values, trial.capital) for trial in trials])
    held = returns_of(trials[0].held, trials[0].capital)
    begin = days[0] if days[0].day < 8 else month_after(days[0], 1)
    windows: list[Window] = []
    joined: list[int] = []
    parts: list[Floats] = []
    before: Point | None = None
    while (border := month_after(begin, train_months)) <= days[-1]:
        end = month_after(border, test_months)
        train = np.array([begin <= day < border for day in days])
        test = np.array([border <= day < end for day in days])
        if not test.any():
            break
        scores = [_score(row[train]) for row in table]
        best = int(np.argmax(scores))
        chosen, made = trials[best].point, table[best][test].copy()
        if before is not None and chosen != before:
            made[0] -= round_trip
        before = chosen
        seen, unseen = np.flatnonzero(train), np.flatnonzero(test)
        windows.append(
            Window(
                train=(days[seen[0]], days[seen[-1]]),
                test=(days[unseen[0]], days[unseen[-1]]),
                chosen=chosen,
                train_sharpe=scores[best],
                test_sharpe=sharpe_ratio(made),
                test_return_pct=float(np.prod(1 + made) - 1) * 100,
            )
        )
        joined += [int(i) for i in unseen]
        parts.append(made)
        begin = month_after(begin, test_months)
    if not windows:
        raise UsageError(
            f"walk-forward: {days[0]}..{days[-1]} is too short for {train_months} months of "
            f"training and {test_months} of testing"
        )
    returns = np.concatenate(parts)
    return WalkForward(tuple(windows), tuple(days[i] for i in joined), returns, held[joined])


def _score(returns: Floats) -> float:
    """Sharpe; a stretch without variation (no trade) scores 0."""
    sharpe = sharpe_ratio(returns)
    return sharpe if math.isfinite(sharpe) else 0.0
