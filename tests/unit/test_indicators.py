"""Incremental indicators, against pandas and pandas-ta, tables worked by hand, and properties."""

import math
import random
from collections.abc import Sequence

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magellan_core.indicators import Atr, Hysteresis, RollingMean, Rsi, RsiMethod

METHODS: tuple[RsiMethod, ...] = ("ema", "wilder")
# pandas-ta's word for the mean of each method.
MAMODE = {"ema": "ema", "wilder": "rma"}
CONVERGED = 1000
NAN = math.nan

closes = st.lists(st.floats(0.01, 10_000), min_size=1, max_size=80)
methods = st.sampled_from(METHODS)


def random_walk(seed: int, length: int, start: float = 100.0) -> list[float]:
    """Closes on cents, with flat stretches and gaps."""
    rng = random.Random(seed)
    price, walk = start, []
    for _ in range(length):
        if rng.random() > 0.1:
            price *= math.exp(rng.gauss(0, 0.05 if rng.random() < 0.02 else 0.01))
        walk.append(round(price, 2))
    return walk


def rsi_of(values: Sequence[float], period: int, method: RsiMethod) -> list[float]:
    rsi = Rsi(period, method)
    return [rsi.update(value) for value in values]


# pandas-ta uses, at its import, what pandas 4 will not have.
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("period", [14, 21, 28])
@pytest.mark.parametrize("seed", [1, 2])
def test_rsi_equals_pandas_ta_once_converged(method: RsiMethod, period: int, seed: int) -> None:
    import pandas_ta

    walk = random_walk(seed, 3000)
    oracle = pandas_ta.rsi(pd.Series(walk), length=period, mamode=MAMODE[method], talib=False)
    assert rsi_of(walk, period, method)[CONVERGED:] == pytest.approx(
        oracle.tolist()[CONVERGED:], abs=1e-9
    )


@pytest.mark.parametrize("method", METHODS)
def test_rsi_follows_its_recurrence_from_the_first_close(method: RsiMethod) -> None:
    walk = random_walk(3, 300)
    change = pd.Series(walk).diff().fillna(0.0)
    alpha = 2 / 15 if method == "ema" else 1 / 14
    # pandas' recursive exponential mean, seeded with the first value, which is 0 here.
    gain = change.clip(lower=0).ewm(alpha=alpha, adjust=False).mean()
    loss = (-change).clip(lower=0).ewm(alpha=alpha, adjust=False).mean()
    expected = (100 - 100 / (1 + gain / loss)).where(loss > 0, 100.0).where(gain > 0, 0.0)
    assert rsi_of(walk, 14, method) == pytest.approx(expected.tolist(), abs=1e-9)


@pytest.mark.parametrize(
    ("method", "values", "expected"),
    [
        # period 3, ema: a = 1/2. Changes +2, -1: gains 1, 1/2; losses 0, 1/2.
        ("ema", [10, 12, 11], [0, 100, 50]),
        # period 3, wilder: a = 1/3. Changes +3, -3: gains 1, 2/3; losses 0, 1.
        ("wilder", [10, 13, 10], [0, 100, 40]),
        ("ema", [10, 10, 10], [0, 0, 0]),
        ("ema", [10, 9, 8], [0, 0, 0]),
        ("ema", [10, 11, 11], [0, 100, 100]),
    ],
)
def test_rsi_worked_by_hand(method: RsiMethod, values: list[float], expected: list[float]) -> None:
    assert rsi_of(values, 3, method) == pytest.approx(expected, abs=1e-12)


def test_the_two_methods_differ_where_it_matters() -> None:
    walk = random_walk(4, 500)
    ema, wilder = rsi_of(walk, 14, "ema"), rsi_of(walk, 14, "wilder")
    assert max(abs(a - b) for a, b in zip(ema, wilder, strict=True)) > 10


def test_rsi_counts_closes_and_has_no_value_before_the_first() -> None:
    rsi = Rsi(14, "ema")
    assert math.isnan(rsi.value)
    assert rsi.count == 0
    returned = [rsi.update(close) for close in (10.0, 11.0, 10.5)]
    assert rsi.count == 3
    assert rsi.value == returned[-1]


@given(closes, st.integers(1, 30), methods)
def test_rsi_stays_between_0_and_100(values: list[float], period: int, method: RsiMethod) -> None:
    assert all(0 <= value <= 100 for value in rsi_of(values, period, method))


@given(closes, st.integers(1, 30), methods)
def test_rsi_of_a_price_in_other_units_is_the_same(
    values: list[float], period: int, method: RsiMethod
) -> None:
    doubled = [2 * value for value in values]
    assert rsi_of(doubled, period, method) == rsi_of(values, period, method)


@given(closes, closes, methods)
def test_rsi_never_looks_ahead(past: list[float], future: list[float], method: RsiMethod) -> None:
    assert rsi_of(past + future, 14, method)[: len(past)] == rsi_of(past, 14, method)


def test_rsi_refuses_what_it_cannot_be() -> None:
    with pytest.raises(ValueError, match="too short"):
        Rsi(0, "ema")
    with pytest.raises(ValueError, match="unknown"):
        Rsi(14, "sma")  # type: ignore[arg-type]  # the point of the test


def test_rolling_mean_does_not_drift_over_200_000_values() -> None:
    rng = random.Random(5)
    # Volumes of penny stocks: from hundreds to millions, cents included to make sums inexact.
    values = [round(10 ** rng.uniform(0, 6), 2) for _ in range(200_000)]
    mean = RollingMean(20)
    ours = pd.Series([mean.update(value) for value in values], dtype=float)
    direct = [math.fsum(values[i - 20 : i]) / 20 for i in range(20, len(values) + 1)]
    assert ours.iloc[:19].isna().all()
    assert (ours.iloc[19:] - pd.Series(direct, index=ours.index[19:])).abs().max() <= 1e-9


def test_rolling_mean_equals_pandas_rolling() -> None:
    walk = random_walk(6, 120_000, start=3.0)
    mean = RollingMean(14)
    ours = pd.Series([mean.update(value) for value in walk], dtype=float)
    pd.testing.assert_series_equal(ours, pd.Series(walk).rolling(14).mean(), rtol=0, atol=1e-9)


def test_rolling_mean_forgets_a_huge_value_completely() -> None:
    mean = RollingMean(2)
    assert [mean.update(x) for x in (1e16, 1.0, 0.1, 0.2)][2:] == pytest.approx([0.55, 0.15])


@given(st.lists(st.floats(0, 1e9), min_size=5, max_size=60), st.integers(1, 5))
def test_a_window_decides_alone_whatever_came_before(values: list[float], n: int) -> None:
    whole, fresh = RollingMean(n), RollingMean(n)
    for value in values:
        whole.update(value)
    for value in values[-n:]:
        fresh.update(value)
    assert whole.value == fresh.value


def test_rolling_mean_has_no_value_until_it_is_full() -> None:
    mean = RollingMean(3)
    assert mean.value is None
    assert [mean.update(x) for x in (1, 2, 3, 7)] == [None, None, 2, 4]
    assert mean.value == 4
    with pytest.raises(ValueError, match="too short"):
        RollingMean(0)


def test_atr_worked_by_hand() -> None:
    atr = Atr(2)
    bars = [
        # high, low, close, first of a session -> true range
        (10.0, 9.0, 9.5, True),  # 1.0
        (9.8, 9.4, 9.6, False),  # 0.4
        (11.0, 10.5, 10.8, False),  # gap up: 11.0 - 9.6 = 1.4
        (9.0, 8.5, 8.8, False),  # gap down: 10.8 - 8.5 = 2.3
        (20.0, 19.0, 19.5, True),  # over night: only 1.0
        (19.9, 19.3, 19.4, False),  # 0.6
    ]
    got = [atr.update(high, low, close, new_session=new) for high, low, close, new in bars]
    assert got[0] is None
    assert got[1:] == pytest.approx([0.7, 0.9, 1.85, 1.65, 0.8])
    assert atr.value == got[-1]


def test_atr_takes_the_first_bar_ever_as_a_first_bar() -> None:
    atr = Atr(1)
    assert atr.update(10, 9, 9.5, new_session=False) == 1


@given(st.lists(st.tuples(*[st.floats(1, 100)] * 3, st.booleans()), min_size=3, max_size=40))
def test_atr_equals_its_definition(bars: list[tuple[float, float, float, bool]]) -> None:
    atr, ranges = Atr(3), []
    previous: float | None = None
    for one, two, three, new in bars:
        low, close, high = sorted((one, two, three))
        spans = [high - low]
        if previous is not None and not new:
            spans += [abs(high - previous), abs(low - previous)]
        ranges.append(max(spans))
        previous = close
        value = atr.update(high, low, close, new_session=new)
    assert value == pytest.approx(sum(ranges[-3:]) / 3, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "states"),
    [
        ([50, 60, 60.1, 50, 40, 39.9], [0, 0, 1, 1, 1, 0]),  # both tests are strict
        ([39, 61, 39, 61], [0, 1, 0, 1]),
        ([61, NAN, 39, NAN], [1, 1, 0, 0]),  # no number, no change
        ([59, 41, 59, 41], [0, 0, 0, 0]),
    ],
)
def test_hysteresis_turns_on_above_and_off_below(values: list[float], states: list[int]) -> None:
    band = Hysteresis(60, 40)
    assert [band.update(value) for value in values] == [bool(state) for state in states]


def test_hysteresis_starts_off_and_can_be_set() -> None:
    band = Hysteresis(60, 40)
    assert not band.on
    band.on = True
    assert band.update(50)
    assert not band.update(30)


@given(st.lists(st.floats(0, 100)), st.booleans())
def test_hysteresis_never_changes_inside_its_band(values: list[float], start: bool) -> None:
    band = Hysteresis(60, 40)
    band.on = start
    for value in values:
        before = band.on
        after = band.update(value)
        assert after == (True if value > 60 else False if value < 40 else before)


def test_hysteresis_refuses_thresholds_that_cross() -> None:
    with pytest.raises(ValueError, match="must not exceed"):
        Hysteresis(40, 60)
