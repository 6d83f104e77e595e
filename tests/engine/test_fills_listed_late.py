"""A broker may list a fill late, behind later ones: the cursor has passed it by then."""

import pytest

from magellan_core.lines import Line
from tests.engine.markets import AMC, MINUTE, TRAP_END, Row, bear_trap
from tests.engine.rig import TEN_SECONDS, Rig

FLAT: Row = (8.1, 8.1, 8.1, 8.1)
# Through both targets, and back through every stop, within one look at the broker.
UP_AND_DOWN: tuple[Row, ...] = ((8.1, 12.0, 8.1, 12.0), (12.0, 12.0, 5.0, 5.0))
TIME_EXIT = TRAP_END + 30 * MINUTE


def entry_of(rig: Rig, tranche: int) -> str:
    """The broker's id of that tranche's entry."""
    (order,) = (o for o in rig.orders() if f"-t{tranche}-" in o.client_order_id)
    return order.id


def entered_but_for_one_fill(*after: Row) -> Rig:
    """Three tranches are bought; the fill of the first is not listed, those of the others are."""
    rig = bear_trap(*after)
    rig.run(TRAP_END)
    rig.tick()
    rig.broker.unlisted = {entry_of(rig, 1)}
    return rig


def test_it_is_read_once_it_is_listed() -> None:
    rig = entered_but_for_one_fill(FLAT)
    rig.run(TRAP_END + 2 * MINUTE)
    assert not rig.settled()
    assert rig.book.unsettled() == {AMC}
    rig.broker.unlisted = set()
    rig.run(TRAP_END + 3 * MINUTE)
    assert rig.settled()
    ids = [event.data["id"] for event in rig.lines(Line.FILL)]
    assert len(ids) == len(set(ids)) == len(rig.core.fills(None))


def test_the_exit_goes_out_in_time() -> None:
    rig = entered_but_for_one_fill(FLAT)
    rig.run(TRAP_END + 2 * MINUTE)
    rig.broker.unlisted = set()
    rig.run(TIME_EXIT + 2 * MINUTE)
    assert rig.qty(AMC) == 0


@pytest.mark.parametrize("restarts", [False, True])
def test_a_sale_is_booked_after_the_purchase_that_it_sells(restarts: bool) -> None:
    rig = entered_but_for_one_fill(*UP_AND_DOWN, FLAT)
    rig.run(TRAP_END + 5 * MINUTE)
    rig.broker.unlisted = set()
    if restarts:
        rig.restart()
    rig.run(TRAP_END + 6 * MINUTE + TEN_SECONDS)
    assert rig.settled()
    sides = [event.data["side"] for event in rig.lines(Line.FILL)]
    assert sides == ["buy"] * 3 + ["sell"] * 3
    (trade,) = rig.book.trades
    account = rig.core.account()
    assert trade.pnl == account.cash - 100_000
    assert sum(rig.book.realised.values()).quantize(trade.pnl) == trade.pnl
