"""Reconciliation: what book and broker disagree on, as properties."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from magellan_core.model import Position
from magellan_core.reconcile import mismatches

symbols = st.sampled_from(["AMC", "MULN", "ONDS", "NKLA"])
quantities = st.integers(0, 5).map(Decimal)
holdings = st.dictionaries(symbols, quantities)


def positions(held: dict[str, Decimal]) -> list[Position]:
    """As a broker tells them: none without shares."""
    return [Position(s, qty, Decimal(5), Decimal(5)) for s, qty in held.items() if qty]


@given(holdings)
def test_a_book_that_equals_the_broker_has_no_mismatch(held: dict[str, Decimal]) -> None:
    assert mismatches(held, positions(held), ()) == []


@given(holdings, holdings, st.sets(symbols))
def test_exactly_the_settled_symbols_that_differ_are_told_with_both_numbers(
    ours: dict[str, Decimal], theirs: dict[str, Decimal], unsettled: set[str]
) -> None:
    told = {m.symbol: (m.ours, m.theirs) for m in mismatches(ours, positions(theirs), unsettled)}
    for symbol in {*ours, *theirs}:
        pair = (ours.get(symbol, Decimal(0)), theirs.get(symbol, Decimal(0)))
        assert (symbol in told) is (pair[0] != pair[1] and symbol not in unsettled)
        assert told.get(symbol, pair) == pair


@given(holdings, holdings)
def test_taking_the_brokers_numbers_over_settles_every_mismatch(
    ours: dict[str, Decimal], theirs: dict[str, Decimal]
) -> None:
    corrections = {m.symbol: m.theirs for m in mismatches(ours, positions(theirs), ())}
    assert mismatches({**ours, **corrections}, positions(theirs), ()) == []


@given(holdings, holdings)
def test_no_shares_and_no_entry_are_the_same(
    ours: dict[str, Decimal], theirs: dict[str, Decimal]
) -> None:
    held = {symbol: qty for symbol, qty in ours.items() if qty}
    assert mismatches(ours, positions(theirs), ()) == mismatches(held, positions(theirs), ())


@given(holdings, holdings)
def test_symbols_come_in_alphabetical_order_each_once(
    ours: dict[str, Decimal], theirs: dict[str, Decimal]
) -> None:
    told = [m.symbol for m in mismatches(ours, positions(theirs), ())]
    assert told == sorted(set(told))
