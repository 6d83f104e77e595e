"""Deflated Sharpe against the paper's worked example; intervals that repeat and cover."""

import math

import numpy as np
import pytest

from magellan_core.backtest.inference import (
    bootstrap,
    deflated_sharpe,
    expected_maximum_sharpe,
    probabilistic_sharpe,
)
from magellan_core.backtest.metrics import Floats, sharpe_ratio

# Bailey & Lopez de Prado (2014), "A numerical example": 100 trials whose yearly Sharpe ratios vary
# by 1/2; the best has 2.5 a year over 1250 daily returns (250 a year), skewness -3, kurtosis 10.
BY_LUCK, PROBABILITY = 0.1132, 0.9004


def test_the_published_example() -> None:
    luck = expected_maximum_sharpe(0.5 / 250, 100)
    assert luck == pytest.approx(BY_LUCK, abs=5e-5)
    skill = probabilistic_sharpe(2.5 / math.sqrt(250), luck, 1250, -3, 10)
    assert skill == pytest.approx(PROBABILITY, abs=5e-5)


def test_fewer_trials_would_have_convinced() -> None:
    # The same paper: after 46 trials the same strategy would have passed at 95 %.
    luck = expected_maximum_sharpe(0.5 / 250, 46)
    skill = probabilistic_sharpe(2.5 / math.sqrt(250), luck, 1250, -3, 10)
    assert skill == pytest.approx(0.9505, abs=5e-5)


def test_a_single_trial_is_not_deflated() -> None:
    assert expected_maximum_sharpe(0.5, 1) == 0.0


def draws(n: int, mean: float, seed: int = 3) -> Floats:
    return np.random.default_rng(seed).normal(mean, 0.01, n)


def test_the_best_of_many_without_skill_is_seen_through() -> None:
    nothing = [draws(500, 0.0, seed) for seed in range(200)]
    sharpes = [sharpe_ratio(returns) for returns in nothing]
    best = deflated_sharpe(nothing[int(np.argmax(sharpes))], sharpes)
    assert best is not None
    assert best.sharpe > 1.5
    assert best.sharpe == pytest.approx(best.expected_by_luck, abs=0.6)
    assert best.probability < 0.95
    alone = deflated_sharpe(draws(500, 0.002), [2.0])
    assert alone is not None
    assert alone.probability > 0.99


def test_too_little_is_not_judged() -> None:
    assert deflated_sharpe(draws(10, 0.01), [1.0]) is None
    assert deflated_sharpe(np.zeros(100), [0.0]) is None
    assert bootstrap(np.zeros(100), 1) == {}
    assert bootstrap(draws(10, 0.01), 1) == {}


def test_intervals_repeat_with_the_seed_and_hold_the_estimate() -> None:
    returns = draws(504, 0.0008)
    one, same, other = (bootstrap(returns, seed, 200) for seed in (7, 7, 8))
    assert one == same
    assert one != other
    assert one["sharpe"].low < sharpe_ratio(returns) < one["sharpe"].high
    # Two years: the standard error of a yearly Sharpe is 1 / sqrt(2).
    assert one["sharpe"].high - one["sharpe"].low == pytest.approx(4 / math.sqrt(2), rel=0.25)
    assert one["max drawdown, %"].high < 0


def test_correlated_returns_are_drawn_in_longer_blocks() -> None:
    shocks = draws(600, 0.0)
    dragging = np.asarray(np.convolve(shocks, np.ones(10) / 10, mode="valid"), np.float64)
    assert bootstrap(dragging, 1, 100)["sharpe"].block > bootstrap(shocks, 1, 100)["sharpe"].block
