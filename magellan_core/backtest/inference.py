"""How much a Sharpe ratio means: after how many trials, and with what uncertainty."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from arch.bootstrap import StationaryBootstrap, optimal_block_length

from magellan_core.backtest.metrics import SESSIONS_A_YEAR, Floats, max_drawdown, sharpe_ratio

_NORMAL = NormalDist()
EULER_MASCHERONI = 0.5772156649015329
FEWEST_RETURNS = 20


def expected_maximum_sharpe(variance: float, trials: int) -> float:
    """The Sharpe that the best of some trials shows when none has any skill.

    `variance` of the trials' Sharpe ratios; the result has their unit (a session, or a year).
    Bailey & Lopez de Prado (2014), "The Deflated Sharpe Ratio", Journal of Portfolio Management
    40 (5), equation 1. Correlated trials count in full, which errs on the side of doubt.
    """
    if trials < 2:
        return 0.0
    usual = _NORMAL.inv_cdf(1 - 1 / trials)
    rare = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER_MASCHERONI) * usual + EULER_MASCHERONI * rare)


def probabilistic_sharpe(
    sharpe: float, benchmark: float, n: int, skewness: float, kurtosis: float
) -> float:
    """The probability that the true Sharpe exceeds `benchmark`; all ratios a session.

    `kurtosis` is 3 for a normal distribution. Bailey & Lopez de Prado (2012), "The Sharpe Ratio
    Efficient Frontier", Journal of Risk 15 (2), equation 11.
    """
    spread = math.sqrt(1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2)
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt(n - 1) / spread)


@dataclass(frozen=True, slots=True)
class Deflated:
    """`probability` that skill is above zero once `trials` were made; ratios are annualised."""

    sharpe: float
    expected_by_luck: float
    probability: float
    trials: int
    returns: int


def deflated_sharpe(returns: Floats, sharpes: Sequence[float]) -> Deflated | None:
    """The best trial's returns judged by the annualised Sharpe ratios of all; None if it has none.

    The same paper, equation 2.
    """
    sharpe = sharpe_ratio(returns)
    if not math.isfinite(sharpe) or len(returns) < FEWEST_RETURNS:
        return None
    year = math.sqrt(SESSIONS_A_YEAR)
    a_session = np.asarray(sharpes, np.float64) / year
    variance = float(np.var(a_session, ddof=1)) if len(a_session) > 1 else 0.0
    luck = expected_maximum_sharpe(variance, len(a_session))
    away = (returns - returns.mean()) / returns.std()
    probability = probabilistic_sharpe(
        sharpe / year, luck, len(returns), float(np.mean(away**3)), float(np.mean(away**4))
    )
    return Deflated(sharpe, luck * year, probability, len(a_session), len(returns))


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval from `n` returns in blocks of `block` sessions on average."""

    low: float
    high: float
    n: int
    block: int


def bootstrap(returns: Floats, seed: int, draws: int = 1000) -> dict[str, Interval]:
    """Intervals of Sharpe, yearly return and drawdown, from resampled blocks of returns.

    The stationary bootstrap (Politis & Romano 1994), blocks as long as the returns' correlation
    asks for (Politis & White 2004). The same seed gives the same intervals. Empty for returns that
    are too few or do not vary.
    """
    if len(returns) < FEWEST_RETURNS or float(np.std(returns)) < 1e-12:
        return {}
    series = np.ravel(returns)
    block = max(1, math.ceil(optimal_block_length(series)["stationary"].iloc[0]))
    told: dict[str, Interval] = {}
    for name, statistic in STATISTICS.items():
        sampler = StationaryBootstrap(block, series, seed=seed)
        bounds = sampler.conf_int(statistic, draws, method="percentile", size=0.95)
        low, high = (float(bound) for bound in bounds.ravel())
        told[name] = Interval(low, high, len(returns), block)
    return told


def _sharpe(returns: Floats) -> Floats:
    deviation = float(np.std(returns, ddof=1))
    a_session = float(np.mean(returns)) / deviation if deviation else 0.0
    return np.array([a_session * math.sqrt(SESSIONS_A_YEAR)], np.float64)


def _a_year(returns: Floats) -> Floats:
    """Per cent a year, compounded."""
    growth = float(np.prod(1 + returns))
    return np.array([(growth ** (SESSIONS_A_YEAR / len(returns)) - 1) * 100], np.float64)


def _drawdown(returns: Floats) -> Floats:
    curve = np.asarray(np.cumprod(1 + returns), np.float64)
    return np.array([max_drawdown(curve, 1.0) * 100], np.float64)


STATISTICS: dict[str, Callable[[Floats], Floats]] = {
    "sharpe": _sharpe,
    "return a year, %": _a_year,
    "max drawdown, %": _drawdown,
}
