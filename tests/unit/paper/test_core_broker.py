"""The core behind the engine's ports: typed values, the venue's refusals, no future bars."""

from datetime import date, timedelta
from decimal import Decimal

from magellan_core.model import (
    Accepted,
    Fill,
    OrderClass,
    OrderRequest,
    OrderType,
    Position,
    Refused,
    Side,
    Timeframe,
    TimeInForce,
)
from magellan_core.paper.broker import CoreBroker, CoreData
from magellan_core.paper.exchange import Exchange
from magellan_core.ports import Broker, MarketData
from tests.unit.paper.exchange_support import ACME, OPEN, PA, QUIET, at, exchange


def opened() -> tuple[Exchange, Broker, MarketData]:
    venue = exchange([QUIET, QUIET, (10, 10, 8, 8)])
    return venue, CoreBroker(venue, PA), CoreData(venue, PA)


def entry(name: str) -> OrderRequest:
    return OrderRequest(
        name,
        ACME,
        Side.BUY,
        100,
        time_in_force=TimeInForce.GTC,
        order_class=OrderClass.BRACKET,
        take_profit=Decimal(11),
        stop_loss=Decimal(9),
    )


def test_an_entry_its_legs_and_its_fills_are_told_in_the_ports_words() -> None:
    venue, broker, _ = opened()
    outcome = broker.submit(entry("mine"))
    assert isinstance(outcome, Accepted)
    assert broker.fills(None) == []
    venue.step(at(1))
    (group,) = broker.open_orders()
    assert (group.id, group.client_order_id, group.status) == (outcome.order.id, "mine", "filled")
    assert [(leg.type, leg.status) for leg in group.legs] == [("limit", "new"), ("stop", "held")]
    assert broker.find("mine") == broker.order(group.id) == group
    (fill,) = broker.fills(None)
    assert fill == Fill(fill.id, group.id, ACME, Side.BUY, Decimal(100), Decimal(10), OPEN)
    assert broker.fills(fill.id) == []
    assert broker.positions() == [Position(ACME, Decimal(100), Decimal(10), Decimal(10))]
    assert broker.account().equity == 100_000


def test_what_the_venue_does_not_know_is_none_and_what_it_refuses_is_refused() -> None:
    _, broker, _ = opened()
    assert [broker.order("x"), broker.find("x"), broker.asset("NOPE")] == [None] * 3
    assert broker.cancel("x") == Refused(404, 40410000, "order not found for x")
    broker.submit(entry("mine"))
    again = broker.submit(entry("mine"))
    assert again == Refused(422, 40010001, "client_order_id must be unique")


def test_a_stop_is_replaced_under_a_name_of_our_own() -> None:
    venue, broker, _ = opened()
    broker.submit(entry("mine"))
    venue.step(at(1))
    stop = broker.open_orders()[0].legs[1]
    moved = broker.replace_stop(stop.id, "mine-2", Decimal("9.5"))
    assert isinstance(moved, Accepted)
    venue.step(at(3))
    assert [fill.price for fill in broker.fills(None)] == [Decimal(10), Decimal("9.5")]
    assert broker.cancel(moved.order.id) is not None


def test_bars_are_told_once_completed_within_both_bounds() -> None:
    venue, _, data = opened()
    venue.step(at(2) + timedelta(seconds=30))

    def starts(until: int) -> list[int]:
        told = data.bars([ACME, "NOPE"], Timeframe.MINUTE, at(0), at(until), split_adjusted=False)
        return [int((bar.start - OPEN) / timedelta(minutes=1)) for bar in told.get(ACME, [])]

    assert [starts(0), starts(1), starts(2), starts(9)] == [[], [0], [0, 1], [0, 1]]
    assert list(data.quotes([ACME, "NOPE"])) == [ACME]


def test_a_stop_loss_alone_an_oco_pair_and_the_calendar_pass_through() -> None:
    venue, broker, _ = opened()
    broker.submit(OrderRequest("entry", ACME, Side.BUY, 100))
    venue.step(at(1))
    pair = OrderRequest(
        "pair",
        ACME,
        Side.SELL,
        100,
        type=OrderType.LIMIT,
        limit_price=Decimal(11),
        order_class=OrderClass.OCO,
        stop_loss=Decimal(9),
    )
    assert isinstance(broker.submit(pair), Accepted)
    venue.step(at(3))
    assert broker.positions() == []
    assert [s.date.day for s in broker.calendar(date(2024, 7, 3), date(2024, 7, 5))] == [3, 5]
