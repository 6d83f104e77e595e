"""Shares that lose at their stops no more than is allowed, and as many as that."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magellan_core.engine.plans import at_stops, within
from magellan_core.model import Tranche

D = Decimal


def parts(*shares: int, stop: str = "7.74") -> tuple[Tranche, ...]:
    return tuple(Tranche(qty, D(stop)) for qty in shares)


@pytest.mark.parametrize(
    ("price", "allowed", "left"),
    [
        ("8.10", "2000", (2222, 1666, 1667)),  # 5555 x 0.36 is just allowed
        ("8.18", "2000", (1818, 1363, 1364)),
        ("8.18", "0.88", ()),  # two shares, less than one of each
        ("8.18", "0", ()),
        ("8.18", "-5", ()),
        ("7.70", "0", (2222, 1666, 1667)),  # the stop is above the price: refused elsewhere
    ],
)
def test_shares_are_cut_to_what_may_be_lost(
    price: str, allowed: str, left: tuple[int, ...]
) -> None:
    cut = within(parts(2222, 1666, 1667), D(price), D(allowed))
    assert tuple(t.qty for t in cut) == left


@given(
    shares=st.lists(st.integers(1, 5000), min_size=1, max_size=3),
    cents=st.integers(1, 300),
    allowed=st.integers(0, 5000),
)
def test_never_more_is_lost_and_a_share_of_each_more_would_be_too_many(
    shares: list[int], cents: int, allowed: int
) -> None:
    price = D("7.74") + D(cents) / 100
    asked = parts(*shares)
    cut = within(asked, price, D(allowed))
    assert at_stops(cut, price) <= allowed
    if at_stops(asked, price) > allowed:
        assert at_stops(cut, price) + len(asked) * (price - D("7.74")) > allowed
