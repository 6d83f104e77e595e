"""The venue ends a stop alone, beside its resting target: the shares get a stop of their own."""

from decimal import Decimal

import pytest

from magellan_core.paper.broker import CoreBroker
from magellan_core.ports import Level
from tests.engine.markets import AMC, CLOSE, TRAP_END, Row, at, bear_trap
from tests.engine.rig import PA, SECOND, Rig

FLAT: Row = (8.1, 8.1, 8.1, 8.1)


def with_dead_stop(status: str, tranche: int, *after: Row) -> Rig:
    """Bought and quiet; then the venue ends the stop of that tranche."""
    rig = bear_trap(FLAT, FLAT, *after)
    rig.run(TRAP_END + 90 * SECOND)
    rig.exchange.end_order(PA, stop_leg(rig, tranche), status)
    return rig


def stop_leg(rig: Rig, tranche: int) -> str:
    [entry] = [o for o in rig.orders() if f"-t{tranche}-" in o.client_order_id]
    [stop] = [leg for leg in entry.legs if leg.stop_price is not None]
    return stop.id


def resting(rig: Rig) -> dict[str, Decimal]:
    """Shares under live stops and under live targets at the broker."""
    told = {"stop": Decimal(0), "limit": Decimal(0)}
    for parent in CoreBroker(rig.exchange, PA).open_orders():
        for order in (parent, *parent.legs):
            if order.side == "sell" and order.status in ("new", "held", "accepted"):
                told[order.type] += order.qty - order.filled_qty
    return told


def seconds(rig: Rig, ticks: int) -> None:
    """Ticks as a daemon that was woken, and then every second."""
    for _ in range(ticks):
        rig.tick()
        rig.exchange.step(rig.now + SECOND)


@pytest.mark.parametrize("status", ["rejected", "canceled", "expired"])
@pytest.mark.parametrize("tranche", [1, 2, 3])
def test_within_seconds_all_shares_are_under_a_stop_again(status: str, tranche: int) -> None:
    rig = with_dead_stop(status, tranche)
    held, before = rig.qty(AMC), resting(rig)
    assert before["stop"] < held
    seconds(rig, 3)
    after = resting(rig)
    assert after["stop"] == held == rig.qty(AMC)
    [own] = [o for o in rig.orders() if f"-s{tranche}-" in o.client_order_id]
    [entry] = [o for o in rig.orders() if f"-t{tranche}-" in o.client_order_id]
    assert own.qty == entry.qty
    if tranche < 3:
        assert before["limit"] - after["limit"] == own.qty
        assert (Level.WARNING, f"stop-gone-{AMC}") in {(a, k) for a, k, _ in rig.told.alerts}


@pytest.mark.parametrize("tranche", [1, 2])
def test_the_new_stop_sells_and_the_books_agree(tranche: int) -> None:
    rig = with_dead_stop("rejected", tranche, FLAT, (8.1, 8.1, 7.0, 7.0))
    seconds(rig, 3)
    rig.run(at(60))
    assert rig.qty(AMC) == 0
    assert rig.settled()
    (trade,) = rig.book.trades
    assert trade.pnl == rig.core.account().cash - 100_000


def test_a_target_that_fills_before_its_cancel_needs_no_stop() -> None:
    rig = with_dead_stop("rejected", 1, (9.2, 9.2, 9.2, 9.2))
    rig.exchange.step(at(30.5))
    rig.run(at(40))
    assert rig.settled()
    assert [o.client_order_id for o in rig.orders() if "-s1-" in o.client_order_id] == []
    assert ("sell", "9.2") in {(side, price) for side, _, price in rig.fills()}


def test_a_restart_right_after_the_cancel_places_the_stop() -> None:
    rig = with_dead_stop("rejected", 1)
    rig.tick()
    rig.restart()
    rig.exchange.step(rig.now + SECOND)
    seconds(rig, 2)
    assert resting(rig)["stop"] == rig.qty(AMC)


def test_a_price_below_the_stop_by_then_is_sold_at_once() -> None:
    """The broker refuses a stop above the market, or fills it: either way nothing stays bare."""
    rig = with_dead_stop("rejected", 1, (7.0, 7.0, 7.0, 7.0))
    rig.exchange.step(at(30.5))
    rig.run(min(at(45), CLOSE))
    assert rig.qty(AMC) == 0
    assert rig.settled()
