"""A sale that left over a full disk is known to the broker only once its daemon is killed."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from magellan_core.book import Book
from magellan_core.engine.adopt import adoption
from magellan_core.lines import Line
from magellan_core.model import BrokerOrder, OrderRequest, Side
from magellan_core.order_states import Status
from tests.engine.markets import AMC, MINUTE, TRAP_END, Row, bear_trap
from tests.engine.rig import TEN_SECONDS, Rig

FLAT: Row = (8.1, 8.1, 8.1, 8.1)
TIME_EXIT = TRAP_END + 30 * MINUTE
NOW = datetime(2025, 1, 8, 15, 31, tzinfo=UTC)


def sold_over_a_full_disk() -> Rig:
    """The time exit's sale has left, no line of it is on disk, and the daemon is dead."""
    rig = bear_trap(FLAT)
    rig.run(TIME_EXIT)
    rig.disk.full = True
    while not any(o.side is Side.SELL and not o.legs for o in rig.orders()):
        rig.tick()
        rig.pause(rig.now + TEN_SECONDS / 10)
    rig.disk.full = False
    assert rig.lines(Line.EXIT) == []
    return rig


@pytest.mark.parametrize("seconds", [0, 120], ids=["still open", "filled while it was dead"])
def test_the_sale_goes_on_record_at_the_next_start_and_is_not_repeated(seconds: int) -> None:
    rig = sold_over_a_full_disk()
    rig.pause(rig.now + seconds * TEN_SECONDS / 10)
    rig.restart()
    rig.run(TIME_EXIT + 10 * MINUTE)
    (sale,) = (o for o in rig.orders() if o.side is Side.SELL)
    record = rig.book.orders[sale.client_order_id]
    assert (record.status, record.filled) == (Status.FILLED, sale.filled_qty)
    assert len(rig.book.trades) == 1
    assert not rig.book.exits
    assert rig.qty(AMC) == 0
    assert not [key for key in rig.told.matters() if key.startswith(("foreign", "unexplained"))]


def test_a_sale_that_ends_unfilled_is_followed_by_another() -> None:
    rig = sold_over_a_full_disk()
    (lost,) = (o for o in rig.orders() if o.side is Side.SELL)
    if lost.status != "filled":
        rig.core.cancel(lost.id)
    rig.restart()
    rig.run(TIME_EXIT + 10 * MINUTE)
    assert rig.qty(AMC) == 0
    names = [o.client_order_id for o in rig.orders() if o.side is Side.SELL]
    assert len(names) == len(set(names))


def told(name: str, *, side: Side = Side.SELL, symbol: str = AMC) -> BrokerOrder:
    """An open stop order of that name."""
    return BrokerOrder(
        id="b1",
        client_order_id=name,
        symbol=symbol,
        side=side,
        type="stop",
        order_class="simple",
        status="new",
        qty=Decimal(10),
        filled_qty=Decimal(0),
        filled_avg_price=None,
        limit_price=None,
        stop_price=Decimal("7.5"),
        submitted_at=NOW,
        updated_at=NOW,
    )


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(told("bear_trap-AMC-20250108T1531-t1-1", side=Side.BUY), id="an entry"),
        pytest.param(told("bear_trap-AMC-20250108T1531-t1-1"), id="an entry's leg"),
        pytest.param(told("hourly_swing-AMC-20250108T1531-exit-1"), id="of another strategy"),
        pytest.param(told("bear_trap-AMC-20250108T1531-exit-1", symbol="TSLA"), id="misnamed"),
        pytest.param(told("bear_trap-AMC-20250108T1531-s0-1"), id="of no tranche"),
        pytest.param(told("by-hand"), id="by hand"),
        pytest.param(told(""), id="nameless"),
    ],
)
def test_what_is_no_sale_of_ours_stays_unexplained(order: BrokerOrder) -> None:
    assert adoption("bear_trap", order, Book(), NOW) == ()


@pytest.mark.parametrize(("leg", "replaces"), [("s2", None), ("r2", "b0")])
def test_a_stop_is_its_tranches(leg: str, replaces: str | None) -> None:
    order = replace(told(f"bear_trap-AMC-20250108T1531-{leg}-1"), replaces=replaces)
    (planned,) = adoption("bear_trap", order, Book(), NOW)
    told_of = planned.data
    assert (told_of["role"], told_of["tranche"], told_of["replaces"]) == ("stop", 2, replaces)
    assert told_of["decision"] == "bear_trap-AMC-20250108T1531"


def test_an_entry_that_another_journal_sent_blocks_its_symbol() -> None:
    rig = bear_trap(FLAT)
    rig.run(TRAP_END - 10 * MINUTE)
    name = f"bear_trap-AMC-{rig.now:%Y%m%dT%H%M}-t1-1"
    rig.core.submit(OrderRequest(name, AMC, Side.BUY, 5))
    rig.run(TRAP_END)
    assert AMC in rig.book.blocked
