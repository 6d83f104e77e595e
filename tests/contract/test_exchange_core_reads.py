"""Alpaca's rules for what an account can read, by their number, on the bare core."""

from dataclasses import fields
from datetime import timedelta
from decimal import Decimal

import pytest

from magellan_core.model import Side
from magellan_core.paper.accounts import EquityPoint
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.orders import Order
from magellan_core.paper.rules import Rejected
from tests.unit.paper.exchange_support import (
    ACME,
    CLOSE,
    PA,
    QUIET,
    at,
    bracket,
    exchange,
    form,
    hold,
    limit,
    statuses,
)

B, S = Side.BUY, Side.SELL
ABSENT = 40410000


def quiet() -> Exchange:
    return exchange([QUIET] * 5)


def test_52_orders_come_newest_first_between_exclusive_bounds() -> None:
    venue = quiet()
    ids = []
    for minute in range(4):
        venue.step(at(minute))
        ids.append(venue.submit(PA, limit(B, "9", 1)).id)
    assert [o.id for o in venue.orders(PA)] == ids[::-1]
    assert [o.id for o in venue.orders(PA, limit=2)] == ids[:1:-1]
    assert [o.id for o in venue.orders(PA, direction="asc", limit=1)] == ids[:1]
    assert [o.id for o in venue.orders(PA, after=at(0), until=at(3))] == ids[2:0:-1]
    assert venue.orders(PA, symbols=["OTHER"]) == []
    assert venue.orders(PA, "closed") == []


def test_53_a_position_not_held_does_not_exist() -> None:
    with pytest.raises(Rejected) as caught:
        quiet().position(PA, ACME)
    assert (caught.value.status, caught.value.code) == (404, ABSENT)
    assert caught.value.message == "position does not exist"


def test_54_closing_everything_cancels_first() -> None:
    venue = quiet()
    order = venue.submit(PA, bracket("11", "9"))
    venue.step(at(1))
    ((symbol, refused),) = venue.close_all(PA, cancel_orders=False)
    assert isinstance(refused, Rejected)
    ((symbol, closing),) = venue.close_all(PA, cancel_orders=True)
    assert (symbol, isinstance(closing, Order)) == (ACME, True)
    venue.step(at(2))
    assert (venue.positions(PA), venue.orders(PA)) == ([], [])
    assert statuses(venue.order(PA, order.id)) == ["filled", "canceled", "canceled"]


def test_55_available_shares_fall_with_open_sells_target_and_stop_counting_once() -> None:
    venue = quiet()
    venue.submit(PA, bracket("11", "9", 60))
    hold(venue, 100)
    venue.submit(PA, limit(S, "12", 30))
    assert venue.position(PA, ACME).qty_available == 70


def test_8_9_equity_is_cash_and_positions_and_the_last_equity_is_of_the_last_close() -> None:
    venue = exchange([(10, 10, 10, 10), (10, 12, 10, 12)])
    hold(venue)
    venue.step(at(3))
    state = venue.account(PA)
    assert state.equity == state.cash + state.long_market_value == 100_200
    assert state.last_equity == 100_000
    venue.step(CLOSE + timedelta(hours=1))
    assert venue.account(PA).last_equity == 100_200
    assert venue.equity_history(PA) == [
        EquityPoint(at(0), Decimal(100_000)),
        EquityPoint(CLOSE, Decimal(100_200)),
        EquityPoint(venue.now, Decimal(100_200)),
    ]


def test_56_fills_follow_a_cursor() -> None:
    venue = quiet()
    for minute in range(3):
        venue.submit(PA, form(qty=1))
        venue.step(at(minute + 1))
    ids = [fill.id for fill in venue.fills(PA)]
    assert ids == sorted(ids)
    assert ids[0].startswith("20240715133000000::")
    assert [fill.id for fill in venue.fills(PA, ids[0])] == ids[1:]
    assert venue.fills(PA, ids[-1]) == []


def test_62_the_order_of_a_fill_event_is_what_a_read_tells_afterwards() -> None:
    venue = quiet()
    order = venue.submit(PA, bracket("11", "9"))
    fill = next(u for u in venue.step(at(1)) if u.event == "fill")
    assert fill.order == venue.order(PA, order.id)
    assert (fill.price, fill.qty, fill.position_qty) == (Decimal(10), Decimal(100), Decimal(100))
    assert fill.execution_id == venue.fills(PA)[0].id


def test_the_entry_price_is_the_mean_of_the_buys_and_sales_leave_it() -> None:
    venue = exchange([QUIET, (13, 13, 13, 13), (20, 20, 20, 20), QUIET])
    for minute, (side, qty) in enumerate([(B, 200), (B, 100), (S, 150)]):
        venue.submit(PA, form(side, qty))
        venue.step(at(minute + 1))
    held = venue.position(PA, ACME)
    assert (held.qty, held.avg_entry_price) == (Decimal(150), Decimal(11))
    assert (held.cost_basis, held.unrealized_pl) == (Decimal(1650), Decimal(1350))


def test_a_snapshot_holds_every_field_and_later_events_leave_it_alone() -> None:
    order = quiet().submit(PA, bracket("11", "9"))
    for each in (order, *order.legs):
        for field in fields(Order):
            if field.name != "legs":
                setattr(each, field.name, f"{each.id} {field.name}")
    copy, names = order.snapshot(), [leg.id for leg in order.legs]
    assert copy == order
    order.status = order.legs[0].id = "changed"
    order.legs.pop()
    assert copy.status.endswith(" status")
    assert [leg.id for leg in copy.legs] == names
