"""Alpaca's rules for the life of an order and for reads, by their number, on the bare core."""

from datetime import timedelta
from decimal import Decimal

import pytest

from magellan_core.model import OrderClass, OrderType, Side, TimeInForce
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.orders import Changes
from magellan_core.paper.rules import Rejected, Rules
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
    leg,
    limit,
    statuses,
    stop,
)

B, S = Side.BUY, Side.SELL
LIMIT, STOP = OrderType.LIMIT, OrderType.STOP
UNPROCESSABLE, ABSENT = 42210000, 40410000


def quiet(minutes: int = 5, rules: Rules | None = None) -> Exchange:
    return exchange([QUIET] * minutes, rules=rules)


def test_37_the_average_price_is_weighted_by_quantity() -> None:
    bars = [(float(10 + n), float(10 + n), float(10 + n), float(10 + n)) for n in range(60)]
    venue = exchange(bars, rules=Rules(partial_fill_probability=0.9, seed=4))
    order = venue.submit(PA, form(qty=1000))
    venue.step(at(60))
    fills, after = venue.fills(PA), venue.order(PA, order.id)
    assert len(fills) > 2
    assert after.filled_avg_price == sum(f.qty * f.price for f in fills) / 1000
    assert [f.type for f in fills] == ["partial_fill"] * (len(fills) - 1) + ["fill"]
    assert [f.leaves_qty for f in fills] == [1000 - f.cum_qty for f in fills]


def test_38_partial_fills_come_about_as_often_as_asked_and_repeat_with_the_seed() -> None:
    def partial(seed: int) -> list[str]:
        venue = quiet(20, Rules(partial_fill_probability=0.1, seed=seed))
        for n in range(300):
            venue.submit(PA, form(qty=10, client_order_id=f"order-{n}"))
        venue.step(at(1))
        return [f.order_id for f in venue.fills(PA) if f.type == "partial_fill"]

    assert 15 <= len(partial(1)) <= 45
    assert partial(1) == partial(1)
    assert partial(1) != partial(2)


def test_39_legs_sleep_until_the_whole_entry_has_filled() -> None:
    venue = exchange([QUIET] * 30, rules=Rules(partial_fill_probability=0.999, seed=1))
    order = venue.submit(PA, bracket("11", "9"))
    venue.step(at(1))
    assert statuses(venue.order(PA, order.id)) == ["partially_filled", "held", "held"]
    assert venue.position(PA, ACME).qty_available == venue.position(PA, ACME).qty
    venue.step(at(30))
    assert statuses(venue.order(PA, order.id)) == ["filled", "new", "held"]


def test_39_a_single_leg_is_new_once_the_entry_has_filled() -> None:
    venue = quiet()
    form_ = bracket("11", "9", order_class=OrderClass.OTO, take_profit=None)
    order = venue.submit(PA, form_)
    venue.step(at(1))
    assert statuses(venue.order(PA, order.id)) == ["filled", "new"]


@pytest.mark.parametrize(
    ("second", "ends"),
    [
        ((10.0, 12.0, 10.0, 12.0), ["filled", "filled", "canceled"]),
        ((10.0, 10.0, 8.0, 8.0), ["filled", "canceled", "filled"]),
    ],
)
def test_40_a_leg_that_fills_cancels_the_other(
    second: tuple[float, float, float, float], ends: list[str]
) -> None:
    venue = exchange([QUIET, second])
    order = venue.submit(PA, bracket("11", "9"))
    updates = venue.step(at(2))
    assert statuses(venue.order(PA, order.id)) == ends
    assert [u.event for u in updates] == ["new", "fill", "new", "fill", "canceled"]
    assert updates[-1].at == updates[-2].at == at(1)


def test_40_an_oco_pair_ends_together() -> None:
    venue = exchange([QUIET, QUIET, (10, 10, 8, 8)])
    hold(venue)
    pair = venue.submit(
        PA, form(S, type=LIMIT, order_class=OrderClass.OCO, take_profit="11", stop_loss="9")
    )
    venue.step(at(2))
    assert statuses(venue.order(PA, pair.id)) == ["new", "held"]
    assert venue.position(PA, ACME).qty_available == 0
    venue.step(at(3))
    assert statuses(venue.order(PA, pair.id)) == ["canceled", "filled"]


def test_a_target_filled_in_part_shrinks_the_stop() -> None:
    rules = Rules(partial_fill_probability=0.5, seed=0)
    venue = exchange([QUIET] * 40 + [(12, 12, 12, 12)], rules=rules)
    order = venue.submit(PA, bracket("11", "9"))
    venue.step(at(41))
    target, stop_ = venue.order(PA, order.id).legs
    assert 0 < target.filled_qty < 100
    assert stop_.remaining == target.remaining == venue.position(PA, ACME).qty


def test_41_held_legs_are_not_open_but_nested_in_all() -> None:
    venue = quiet()
    order = venue.submit(PA, bracket("11", "9"))
    venue.step(at(1))
    assert [o.type for o in venue.orders(PA)] == [LIMIT]
    (nested,) = venue.orders(PA, "all", nested=True)
    assert (nested.id, statuses(nested)) == (order.id, ["filled", "new", "held"])


@pytest.mark.parametrize(("day_end", "event"), [("expired", "expired"), ("canceled", "canceled")])
def test_44_an_unfilled_day_order_ends_at_the_close(day_end: str, event: str) -> None:
    rules = Rules(day_end="expired") if day_end == "expired" else Rules(day_end="canceled")
    venue = quiet(5, rules)
    order = venue.submit(PA, limit(B, "9"))
    kept = venue.submit(PA, limit(B, "9", time_in_force=TimeInForce.GTC))
    assert [u.event for u in venue.step(CLOSE)] == ["new", "new"]
    updates = venue.step(CLOSE + timedelta(minutes=1))
    assert [(u.event, u.at, u.order.id) for u in updates] == [(event, CLOSE, order.id)]
    assert venue.order(PA, kept.id).status == "new"


def test_a_good_till_cancelled_order_expires_after_ninety_days() -> None:
    venue = quiet()
    venue.submit(PA, limit(B, "9", time_in_force=TimeInForce.GTC))
    updates = venue.step(CLOSE + timedelta(days=120))
    assert [u.event for u in updates] == ["new", "expired"]
    assert timedelta(days=90) <= updates[-1].at - at(0) < timedelta(days=94)


def test_46_47_cancelling() -> None:
    venue = quiet()
    resting, filled = venue.submit(PA, limit(B, "9")), venue.submit(PA, form())
    venue.step(at(1))
    venue.cancel(PA, resting.id)
    assert venue.order(PA, resting.id).status == "pending_cancel"
    assert [u.event for u in venue.step(venue.now)] == ["canceled"]
    venue.cancel(PA, resting.id)
    with pytest.raises(Rejected) as of_filled:
        venue.cancel(PA, filled.id)
    assert (of_filled.value.status, of_filled.value.code) == (422, UNPROCESSABLE)
    with pytest.raises(Rejected) as of_unknown:
        venue.cancel(PA, "nope")
    assert (of_unknown.value.status, of_unknown.value.code) == (404, ABSENT)


def test_cancelling_any_member_cancels_the_group() -> None:
    venue = quiet()
    orders = [venue.submit(PA, bracket("11", "9")) for _ in range(2)]
    entry = venue.submit(PA, bracket("9.5", "8", type=LIMIT, limit_price="9"))
    venue.step(at(1))
    venue.cancel(PA, leg(orders[0], LIMIT).id)
    venue.cancel(PA, leg(orders[1], STOP).id)
    venue.cancel(PA, leg(entry, STOP).id)
    venue.step(venue.now)
    assert [statuses(venue.order(PA, order.id)) for order in orders] == [
        ["filled", "canceled", "canceled"]
    ] * 2
    assert statuses(venue.order(PA, entry.id)) == ["canceled"] * 3
    assert venue.position(PA, ACME).qty_available == 200


def test_48_cancelling_all_tells_each_open_order() -> None:
    venue = quiet()
    ids = {venue.submit(PA, limit(B, price)).id for price in ("9", "8")}
    assert set(venue.cancel_all(PA)) == {(order_id, 200) for order_id in ids}
    venue.step(venue.now)
    assert venue.orders(PA) == []


def test_49_a_replacement_is_a_new_order_that_knows_the_old() -> None:
    venue = quiet()
    hold(venue)
    old = venue.submit(PA, stop(S, "9", time_in_force=TimeInForce.GTC))
    venue.step(venue.now)
    new = venue.replace(PA, old.id, Changes(stop_price=Decimal("9.5"), client_order_id="moved"))
    updates = venue.step(venue.now)
    assert [(u.event, u.order.id) for u in updates] == [("replaced", old.id), ("new", new.id)]
    before, after = venue.order(PA, old.id), venue.order_by_client_id(PA, "moved")
    assert (before.status, before.replaced_by) == ("replaced", after.id)
    assert (after.status, after.replaces, after.stop_price) == ("new", old.id, Decimal("9.5"))
    assert venue.position(PA, ACME).qty_available == 0


def test_49_a_replaced_leg_stays_in_its_group() -> None:
    venue = exchange([QUIET, QUIET, (9.4, 9.4, 9.4, 9.4)])
    order = venue.submit(PA, bracket("11", "9"))
    venue.step(at(1))
    venue.replace(PA, leg(order, STOP).id, Changes(stop_price=Decimal("9.5")))
    venue.step(at(2))
    assert statuses(venue.order(PA, order.id)) == ["filled", "new", "held"]
    venue.step(at(3))
    assert statuses(venue.order(PA, order.id)) == ["filled", "canceled", "filled"]


def test_50_only_a_working_order_is_replaced_and_never_the_quantity_of_a_group() -> None:
    venue = quiet()
    order = venue.submit(PA, bracket("11", "9"))
    change = Changes(limit_price=Decimal(12))
    for order_id, changes in [
        (order.id, Changes(qty=Decimal(5))),
        (order.id, Changes(stop_price=Decimal(9))),
    ]:
        with pytest.raises(Rejected) as pending:
            venue.replace(PA, order_id, changes)
        assert pending.value.status == 422
    venue.step(at(1))
    with pytest.raises(Rejected) as filled:
        venue.replace(PA, order.id, change)
    assert (filled.value.status, filled.value.code) == (422, UNPROCESSABLE)
    with pytest.raises(Rejected) as grouped:
        venue.replace(PA, leg(order, LIMIT).id, Changes(qty=Decimal(5)))
    assert (grouped.value.status, grouped.value.code) == (422, UNPROCESSABLE)


def test_43_a_trailing_stop_follows_the_high_and_never_goes_back() -> None:
    venue = exchange([QUIET, (10, 11, 10, 11), (11, 11, 10.6, 10.7), (10.7, 10.7, 10.4, 10.4)])
    hold(venue)
    order = venue.submit(PA, form(S, type=OrderType.TRAILING_STOP, trail_price="0.5"))
    stops = []
    for minute in (1, 2, 3):
        venue.step(at(minute))
        now = venue.order(PA, order.id)
        stops.append((now.hwm, now.stop_price))
    ten, eleven = Decimal(10), Decimal(11)
    assert stops == [(ten, Decimal("9.5")), (eleven, Decimal("10.5")), (eleven, Decimal("10.5"))]
    venue.step(at(4))
    assert venue.fills(PA)[-1].price == Decimal("10.5")
