"""Shares from dollars and from risk, and the split into tranches: tables and invariants."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from magellan_core.sizing import shares_for_dollars, shares_for_risk, split_tranches

D = Decimal
money = st.decimals(0, 1_000_000, allow_nan=False, places=2)
prices = st.decimals("0.0001", 10_000, allow_nan=False, places=4)
percents = st.decimals(0, "99.99", allow_nan=False, places=2)


@pytest.mark.parametrize(
    ("dollars", "price", "buffer", "shares"),
    [
        ("10000", "100", "0", 100),
        ("10000", "100", "1", 99),
        ("10000", "100.01", "0", 99),
        ("10000", "3", "1", 3300),
        ("50000", "429.87", "1", 115),
        ("99.99", "100", "0", 0),
        ("0", "100", "1", 0),
        ("-5", "1", "0", 0),
    ],
)
def test_shares_for_dollars(dollars: str, price: str, buffer: str, shares: int) -> None:
    assert shares_for_dollars(D(dollars), D(price), D(buffer)) == shares


@given(money, prices, percents)
def test_shares_for_dollars_spends_what_it_may_and_no_more(
    dollars: Decimal, price: Decimal, buffer: Decimal
) -> None:
    shares = shares_for_dollars(dollars, price, buffer)
    usable = dollars * (100 - buffer) / 100
    assert shares * price <= usable < (shares + 1) * price


@pytest.mark.parametrize(("price", "buffer"), [("0", "1"), ("-1", "1"), ("1", "100"), ("1", "-1")])
def test_shares_for_dollars_refuses_nonsense(price: str, buffer: str) -> None:
    with pytest.raises(ValueError, match="must"):
        shares_for_dollars(D(1000), D(price), D(buffer))


@pytest.mark.parametrize(
    ("equity", "risk", "entry", "stop", "cap", "shares"),
    [
        ("100000", "2", "3.00", "2.80", "50000", 10_000),  # risk: 2000 / 0.20
        ("100000", "2", "3.00", "2.99", "50000", 16_666),  # cap: 50000 / 3
        ("100000", "2", "0.9", "0.6", "50000", 6_666),
        ("100000", "2", "2.50", "2.40", "50000", 20_000),  # both bind
        ("100000", "0", "3.00", "2.80", "50000", 0),
        ("100000", "2", "3.00", "2.80", "0", 0),
        ("-100", "2", "3.00", "2.80", "50000", 0),  # nothing left to risk
    ],
)
def test_shares_for_risk(
    equity: str, risk: str, entry: str, stop: str, cap: str, shares: int
) -> None:
    assert shares_for_risk(D(equity), D(risk), D(entry), D(stop), D(cap)) == shares


@given(money, percents, prices, prices, money)
def test_neither_risk_nor_cap_is_ever_exceeded_nor_a_share_left_out(
    equity: Decimal, risk_pct: Decimal, one: Decimal, other: Decimal, cap: Decimal
) -> None:
    assume(one != other)
    stop, entry = sorted((one, other))
    shares = shares_for_risk(equity, risk_pct, entry, stop, cap)
    risk = equity * risk_pct / 100
    assert shares * (entry - stop) <= risk
    assert shares * entry <= cap
    one_more = shares + 1
    assert one_more * (entry - stop) > risk or one_more * entry > cap


def test_a_quotient_just_below_a_whole_number_is_not_rounded_up_to_it() -> None:
    # 28 digits of Decimal would round this quotient to exactly 30000000000 shares.
    entry, cap = D("0.0003"), D("8999999.99999999999999999999999999")
    shares = shares_for_risk(D("1e20"), D(100), entry, D("0.0001"), cap)
    assert shares == 29_999_999_999
    assert Fraction(entry) * shares <= Fraction(cap)


@pytest.mark.parametrize(
    ("entry", "stop"), [("3", "3"), ("3", "3.01"), ("3", "0"), ("3", "-1"), ("0", "0")]
)
def test_a_stop_that_is_not_below_the_entry_is_refused(entry: str, stop: str) -> None:
    with pytest.raises(ValueError, match="must lie between"):
        shares_for_risk(D(100_000), D(2), D(entry), D(stop), D(50_000))


def test_a_negative_risk_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        shares_for_risk(D(100_000), D(-2), D(3), D(2), D(50_000))


@pytest.mark.parametrize(
    ("qty", "tranches"),
    [
        (0, (0, 0, 0)),
        (1, (0, 0, 1)),
        (2, (0, 0, 2)),
        (3, (1, 0, 2)),
        (4, (1, 1, 2)),
        (7, (2, 2, 3)),
        (10, (4, 3, 3)),
        (99, (39, 29, 31)),
        (10_000, (4000, 3000, 3000)),
    ],
)
def test_split_tranches(qty: int, tranches: tuple[int, int, int]) -> None:
    assert split_tranches(qty) == tranches


@given(st.integers(0, 10**9))
def test_no_share_is_lost_in_the_split(qty: int) -> None:
    parts = split_tranches(qty)
    assert sum(parts) == qty
    assert min(parts) >= 0
    assert parts[2] <= qty * 30 // 100 + 2 or qty < 10


@given(st.integers(0, 10**9))
def test_no_tranche_is_a_share_away_from_its_portion(qty: int) -> None:
    first, second, runner = split_tranches(qty)
    assert qty * 0.4 - 1 < first <= qty * 0.4
    assert qty * 0.3 - 1 < second <= qty * 0.3
    assert qty * 0.3 <= runner + 1e-6
    assert runner < qty * 0.3 + 2


@given(st.integers(0, 10**6))
def test_a_share_more_makes_no_tranche_smaller_but_the_runner(qty: int) -> None:
    before, after = split_tranches(qty), split_tranches(qty + 1)
    assert before[0] <= after[0]
    assert before[1] <= after[1]
    assert after[2] >= before[2] - 1


def test_a_negative_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        split_tranches(-1)
