"""Shares that orders hold back at the broker, against what it says or what we think of them."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from magellan_core.lines import Line
from magellan_core.model import BrokerOrder, Side, Unknown
from magellan_core.records import Role
from tests.engine.markets import AMC, MINUTE, TRAP_END, bear_trap
from tests.engine.rig import SECOND, TEN_SECONDS, Rig

FLAT = (8.1, 8.1, 8.1, 8.1)
HELD = TRAP_END + 2 * MINUTE
TIME_EXIT = TRAP_END + 30 * MINUTE


def told_as(word: str) -> Callable[[BrokerOrder], BrokerOrder]:
    """What rests is told by that word; fills and cancels are told as they are."""

    def retell(order: BrokerOrder) -> BrokerOrder:
        legs = tuple(retell(leg) for leg in order.legs)
        leg = order.side is Side.SELL and order.type in ("stop", "limit")
        resting = leg and order.status in ("new", "held")
        return replace(order, legs=legs, status=word if resting else order.status)

    return retell


def held(word: str) -> Rig:
    rig = bear_trap(FLAT)
    rig.run(HELD)
    assert rig.qty(AMC) > 0
    rig.broker.retell = told_as(word)
    return rig


def sales(rig: Rig) -> list[str]:
    return [word for word in rig.log if word.startswith("submit") and "-exit-" in word]


def test_stops_that_are_done_for_the_day_rest_and_are_cancelled_before_the_sale() -> None:
    rig = held("done_for_day")
    rig.run(TIME_EXIT - MINUTE)
    # No second stop beside the one that rests, and so no refusal.
    assert len(rig.orders()) == 3
    assert rig.lines(Line.EXIT) == []
    assert all(any(rig.book.protecting(AMC, tranche)) for tranche in (1, 2, 3))
    rig.run(TIME_EXIT + MINUTE)
    assert (rig.qty(AMC), rig.book.positions, rig.core.open_orders()) == (0, {}, [])
    assert len(sales(rig)) == 1


def test_a_sale_refused_for_shares_that_orders_hold_back_cancels_them() -> None:
    rig = held("expired")
    began = rig.now
    rig.run(began + 70 * SECOND)
    assert [e.data["reason"] for e in rig.lines(Line.EXIT)] == ["stop refused"]
    assert (rig.qty(AMC), rig.core.open_orders()) == (0, [])
    assert f"exit-held-{AMC}" in rig.told.matters()
    assert len(sales(rig)) == 2


def test_an_exit_that_is_refused_again_and_again_is_tried_once_a_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = held("expired")
    with monkeypatch.context() as deaf:
        deaf.setattr(rig.broker, "cancel", lambda _id: Unknown("DELETE: no answer"))
        rig.run(HELD + 3 * MINUTE)
        assert rig.qty(AMC) > 0
        sent = [o.planned_at for o in rig.book.orders.values() if o.role is Role.EXIT]
        assert 5 <= len(sent) <= 19
        assert all(later - earlier >= TEN_SECONDS for earlier, later in pairwise(sent))
    rig.run(HELD + 5 * MINUTE)
    assert (rig.qty(AMC), rig.book.positions) == (0, {})
    assert f"exit-stuck-{AMC}" in rig.told.matters()
