"""A split over night: shares, stops and targets follow, and nothing is "unexplained"."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from deployable_strategies.bear_trap.strategy import BearTrapRules
from magellan_core.lines import Line
from magellan_core.market_hours import at_new_york
from magellan_core.model import OrderRequest, Side
from magellan_core.prices import CENT
from tests.engine.markets import (
    AMC,
    CLOSE,
    DAY,
    MINUTE,
    NEXT_DAY,
    NEXT_OPEN,
    TRAP_END,
    TSLA,
    at,
    bear_trap,
    hourly_swing,
)

DECIDED = Line.DECISION
EVENING = CLOSE + 30 * MINUTE


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(("ratio", "told"), [(2.0, (2, 1)), (1.5, (3, 2)), (0.1, (1, 10))])
def test_a_split_over_night_is_followed_and_then_sold_whole(
    ratio: float, told: tuple[int, int], restarts: bool
) -> None:
    rig = hourly_swing(splits={TSLA: [(NEXT_DAY, ratio)]})
    rig.run(EVENING)
    before = rig.qty(TSLA)
    assert before > 0
    rig.pause(at_new_york(NEXT_DAY, 8))
    if restarts:
        rig.restart()
    rig.run(NEXT_OPEN + MINUTE)
    (split,) = rig.lines(Line.SPLIT)
    assert (split.data["numerator"], split.data["denominator"]) == told
    assert rig.qty(TSLA) == int(before * ratio)
    assert rig.settled()
    assert rig.lines(Line.BLOCK) == []
    rig.restart()
    assert rig.settled()
    rig.run(at_new_york(NEXT_DAY, 14))
    assert [side for side, _, _ in rig.fills()] == ["buy", "sell"]
    assert (rig.qty(TSLA), rig.book.positions) == (0, {})
    (trade,) = rig.book.trades
    gain = rig.core.account().cash - 100_000
    # What the split left of a share is paid out, and is no part of the trade.
    assert abs(trade.pnl - gain) < 250


def test_shares_that_a_person_doubles_are_no_split_and_are_told_of() -> None:
    rig = hourly_swing()
    rig.run(at_new_york(DAY, 12))
    rig.core.submit(OrderRequest("by-hand", TSLA, Side.BUY, rig.qty(TSLA)))
    rig.run(at_new_york(DAY, 14))
    assert rig.lines(Line.SPLIT) == []
    assert any(key.startswith("foreign-fill-") for key in rig.told.matters())


def test_shares_bought_by_hand_beside_a_position_are_sold_with_it() -> None:
    """The account is the strategy's: an exit closes the position, and a flatten must get flat."""
    rig = hourly_swing()
    rig.run(at_new_york(DAY, 12))
    ours = rig.qty(TSLA)
    rig.core.submit(OrderRequest("by-hand", TSLA, Side.BUY, 10))
    rig.run(at_new_york(DAY, 14))
    (told,) = (said for level, key, said in rig.told.alerts if key.startswith("foreign-fill-"))
    assert told.endswith(
        f"{ours + 10} shares are now looked after as one position, and sold as one"
    )
    assert rig.book.positions[TSLA].qty == ours + 10
    assert rig.lines(Line.BLOCK) == []
    rig.run(at_new_york(NEXT_DAY, 14))
    assert rig.qty(TSLA) == 0
    assert rig.settled()
    (trade,) = rig.book.trades
    assert abs(trade.pnl - (rig.core.account().cash - 100_000)) < Decimal("0.01")


def test_shares_sold_by_hand_leave_the_rest_and_are_told_of() -> None:
    rig = hourly_swing()
    rig.run(at_new_york(DAY, 12))
    ours = rig.qty(TSLA)
    rig.core.submit(OrderRequest("by-hand", TSLA, Side.SELL, 10))
    rig.run(at_new_york(NEXT_DAY, 14))
    assert any(key.startswith("foreign-fill-") for key in rig.told.matters())
    assert [(side, qty) for side, qty, _ in rig.fills()] == [
        ("buy", ours),
        ("sell", 10),
        ("sell", ours - 10),
    ]
    assert rig.settled()


def test_cash_in_lieu_of_a_fraction_is_in_the_books_and_a_gain_of_the_day() -> None:
    """Ten old shares are one new; what is left of a share is paid out in cash."""
    rig = hourly_swing(splits={TSLA: [(NEXT_DAY, 0.1)]})
    rig.run(EVENING)
    fraction = rig.qty(TSLA) % 10
    assert fraction
    rig.pause(at_new_york(NEXT_DAY, 8))
    rig.run(at_new_york(NEXT_DAY, 14))
    paid = [line.data for line in rig.lines(Line.CASH) if "change" in line.data]
    assert [line["why"] for line in paid] == ["not paid in: P&L"]
    assert 0 < Decimal(str(paid[0]["change"])) < 10 * 300
    book, cash = rig.book, rig.core.account().cash
    assert book.cash_base + book.cash_flow + book.paid_in == cash
    assert book.paid_in == 0
    # Restarted, the same fold: nothing is asked about twice.
    lines = len(rig.lines(Line.CASH))
    rig.restart()
    rig.run(at_new_york(NEXT_DAY, 15))
    assert len(rig.lines(Line.CASH)) == lines


def test_brackets_that_rest_over_night_are_split_with_their_shares() -> None:
    """No daemon in the evening: the tranches' stops and targets are found in new shares."""
    rig = bear_trap((8.1, 8.1, 8.1, 8.1), splits={AMC: [(NEXT_DAY, 2.0)]})
    rig.run(TRAP_END + 2 * MINUTE)
    before = rig.book.holdings()[AMC]
    rig.pause(at_new_york(NEXT_DAY, 8))
    rig.restart()
    after = rig.book.holdings()[AMC]
    assert after.qty == 2 * before.qty
    assert [t.qty for t in after.tranches] == [2 * t.qty for t in before.tranches]
    for now, then in zip(after.tranches, before.tranches, strict=True):
        assert then.stop is not None
        assert now.stop is not None
        assert abs(now.stop - then.stop / 2) <= CENT
        if then.take_profit is not None and now.take_profit is not None:
            assert abs(now.take_profit - then.take_profit / 2) <= CENT
    assert rig.lines(Line.BLOCK) == []
    assert rig.lines(Line.PLANNED)[3:] == []


def test_a_split_before_the_entry_is_none_of_ours() -> None:
    rig = hourly_swing(splits={TSLA: [(date(2025, 1, 7), 2.0)]})
    rig.run(at_new_york(NEXT_DAY, 14))
    assert rig.lines(Line.SPLIT, Line.BLOCK) == []
    assert [side for side, _, _ in rig.fills()] == ["buy", "sell"]


def trap_after(ratio: Fraction, quiet: int, *, from_previous_close: bool) -> list[object]:
    """What Bear Trap decides early in a session whose morning brought a split: 1 is none."""
    rig = bear_trap(
        quiet=quiet,
        before=float(10 * ratio),
        strategy=BearTrapRules(from_previous_close=from_previous_close),
        splits={} if ratio == 1 else {AMC: [(DAY, ratio)]},
    )
    rig.run(at(quiet + 3))
    decided = [(e.data["reason"], e.data["qty"], e.data["objections"]) for e in rig.lines(DECIDED)]
    return [
        decided,
        [(o.qty, o.stop_price) for order in rig.orders() for o in (order, *order.legs)],
    ]


@pytest.mark.parametrize("ratio", [Fraction(2), Fraction(1, 60)])
@pytest.mark.parametrize("quiet", [4, 12])
@pytest.mark.parametrize("from_previous_close", [False, True])
def test_bear_trap_s_means_and_reference_follow_a_split(
    ratio: Fraction, quiet: int, from_previous_close: bool
) -> None:
    """Its windows still hold minutes of the session before, which were traded in old shares."""
    told = trap_after(ratio, quiet, from_previous_close=from_previous_close)
    assert told[1]
    assert told == trap_after(Fraction(1), quiet, from_previous_close=from_previous_close)
