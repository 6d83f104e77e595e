"""Rounding to the venue's ticks: tables, and that it never flatters us."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magellan_core.prices import (
    round_down,
    round_up,
    stop_price,
    target_price,
    tick_of,
    to_decimal,
)

prices = st.decimals(0, 100_000, allow_nan=False, allow_infinity=False, places=7)


def on_tick(price: Decimal) -> bool:
    """What the venue accepts: two decimals from $1, four below."""
    places = 2 if price >= 1 else 4
    exponent = price.as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent <= places


@pytest.mark.parametrize(
    ("price", "tick"),
    [("0", "0.0001"), ("0.9999", "0.0001"), ("1", "0.01"), ("1.00", "0.01"), ("523.4", "0.01")],
)
def test_the_tick_is_a_cent_from_one_dollar(price: str, tick: str) -> None:
    assert tick_of(Decimal(price)) == Decimal(tick)


@pytest.mark.parametrize(
    ("price", "down", "up"),
    [
        ("3.141", "3.14", "3.15"),
        ("3.14", "3.14", "3.14"),
        ("3", "3.00", "3.00"),
        ("0.12345", "0.1234", "0.1235"),
        ("0.5", "0.5000", "0.5000"),
        ("0.99995", "0.9999", "1.00"),  # up across the dollar: the tick of the result counts
        ("1.00001", "1.00", "1.01"),
        ("0", "0.0000", "0.0000"),
        ("0.00001", "0.0000", "0.0001"),
    ],
)
def test_rounding_by_table(price: str, down: str, up: str) -> None:
    assert str(round_down(Decimal(price))) == down
    assert str(round_up(Decimal(price))) == up


def test_a_stop_rounds_down_and_a_target_up() -> None:
    assert stop_price(Decimal("2.999")) == Decimal("2.99")
    assert target_price(Decimal("2.991")) == Decimal("3.00")


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (0.1, "0.1"),
        (2.675, "2.675"),
        (1e-05, "0.00001"),
        (5, "5.0"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_a_float_becomes_the_decimal_that_names_it(x: float, expected: str) -> None:
    assert to_decimal(x) == Decimal(expected)


def test_a_price_already_on_its_tick_survives_the_way_through_a_float() -> None:
    # In binary 0.29 is a little below and 1.1 a little above: neither may move by a tick.
    assert round_down(0.29) == round_up(0.29) == Decimal("0.29")
    assert round_down(1.1) == round_up(1.1) == Decimal("1.10")


@given(st.integers(1, 10_000_000))
def test_every_cent_survives_the_way_through_a_float(cents: int) -> None:
    exact = Decimal(cents) / 100
    assert round_down(cents / 100) == round_up(cents / 100) == exact


@given(prices)
def test_rounding_moves_by_less_than_a_tick_to_the_side_it_names(price: Decimal) -> None:
    down, up = round_down(price), round_up(price)
    assert price - tick_of(price) < down <= price <= up < price + tick_of(price)


@given(prices)
def test_rounded_prices_are_what_the_venue_takes_and_stay(price: Decimal) -> None:
    for rounded in (round_down(price), round_up(price)):
        assert on_tick(rounded)
        assert round_down(rounded) == round_up(rounded) == rounded


@given(prices, prices)
def test_rounding_keeps_the_order_of_prices(one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    assert round_down(low) <= round_down(high)
    assert round_up(low) <= round_up(high)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.01, Decimal("NaN"), Decimal(-1)])
def test_what_is_no_price_is_refused(bad: Decimal | float) -> None:
    for ask in (round_down, round_up, stop_price, target_price):
        with pytest.raises(ValueError, match="no price"):
            ask(bad)
