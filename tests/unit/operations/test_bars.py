"""Gauges and sparklines: what they may never say."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magellan_core.operations.bars import EMPTY, FULL, STEPS, gauge, sparkline

MONEY = st.decimals(0, 10**6, places=2)


@pytest.mark.parametrize(
    ("used", "limit", "drawn"),
    [
        ("0", "100", "░░░░░░░░░░"),
        ("0.01", "100", "█░░░░░░░░░"),
        ("50", "100", "█████░░░░░"),
        ("99.99", "100", "█████████░"),
        ("100", "100", "██████████"),
        ("250", "100", "██████████"),
        ("-5", "100", "░░░░░░░░░░"),
        ("0", "0", "██████████"),
    ],
)
def test_a_gauge_shows_any_use_and_is_full_only_at_the_limit(
    used: str, limit: str, drawn: str
) -> None:
    assert gauge(Decimal(used), Decimal(limit)) == drawn


@given(MONEY, MONEY.filter(bool), st.integers(2, 40))
def test_a_gauge_is_full_if_and_only_if_the_limit_is_reached(
    used: Decimal, limit: Decimal, width: int
) -> None:
    drawn = gauge(used, limit, width)
    assert len(drawn) == width
    assert (EMPTY not in drawn) == (used >= limit)
    assert (FULL in drawn) == (used > 0)


@given(st.lists(MONEY, min_size=1, max_size=200), st.integers(2, 60))
def test_a_sparkline_ends_at_the_latest_value_and_spans_its_lowest_and_highest(
    values: list[Decimal], width: int
) -> None:
    drawn = sparkline(values, width)
    assert len(drawn) == min(len(values), width)
    if len(set(values)) > 1 and len(values) <= width:
        assert drawn[values.index(max(values))] == STEPS[-1]
        assert drawn[values.index(min(values))] == STEPS[0]


def test_no_value_draws_nothing_and_a_flat_day_a_flat_line() -> None:
    assert sparkline([]) == ""
    assert sparkline([Decimal(5)] * 3) == "▅▅▅"
