"""Conformance 37 to 50: what becomes of orders."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Literal

import pytest

from magellan_core.market_hours import at_new_york
from magellan_core.paper.rules import Rules
from tests.conformance.support import (
    ABSENT,
    QUIET,
    UNPROCESSABLE,
    Prices,
    at,
    bracket,
    fills,
    leg,
    limit,
    order,
    refused,
    send,
    stage,
    statuses,
    stop,
)
from tests.conformance.test_trade_updates import hear, listening
from tests.contract.server_support import MONDAY, Floor

CLOSE = at_new_york(MONDAY, 16)
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def site() -> Iterator[Floor]:
    with stage(quiet=5) as running:
        yield running


def flat(price: float) -> Prices:
    return (price, price, price, price)


def test_f37_an_order_fills_when_it_is_marketable_and_not_before() -> None:
    with stage(QUIET, (10, 10, 9.51, 10), (10, 10, 9.4, 10)) as site:
        sent = limit(site, 9.5)
        site.advance(at(2))
        assert order(site, sent["id"])["status"] == "new"
        site.advance(at(3))
        done = order(site, sent["id"])
        assert (done["status"], done["filled_avg_price"]) == ("filled", "9.5")


def test_f37_the_average_price_is_weighted_by_quantity() -> None:
    rising = [flat(float(10 + n)) for n in range(60)]
    with stage(*rising, rules=Rules(partial_fill_probability=0.9, seed=4)) as site:
        sent = send(site, qty=1000)
        site.advance(at(60))
        parts = [(Decimal(fill["qty"]), Decimal(fill["price"])) for fill in fills(site)]
        assert len(parts) >= 2
        assert sum(qty for qty, _ in parts) == 1000
        mean = sum(qty * price for qty, price in parts) / 1000
        assert Decimal(order(site, sent["id"])["filled_avg_price"]) == mean


def test_f38_partial_fills_come_as_often_as_asked_and_repeat_with_the_seed() -> None:
    def partial(seed: int) -> list[str]:
        with stage(quiet=3, rules=Rules(partial_fill_probability=0.1, seed=seed)) as site:
            for n in range(150):
                send(site, qty=10, client_order_id=f"order-{n}")
            site.advance(at(1))
            query = "/v2/orders?status=open&limit=500"
            return [each["client_order_id"] for each in site.ask("GET", query).json()]

    one = partial(1)
    assert 5 <= len(one) <= 27
    assert partial(1) == one
    assert partial(2) != one


def test_f39_legs_sleep_until_the_whole_entry_has_filled() -> None:
    with stage(quiet=40, rules=Rules(partial_fill_probability=0.999, seed=1)) as site:
        sent = bracket(site, 11, 9)
        assert statuses(site, sent["id"]) == ["pending_new", "held", "held"]
        site.advance(at(1))
        assert statuses(site, sent["id"]) == ["partially_filled", "held", "held"]
        site.advance(at(40))
        assert statuses(site, sent["id"]) == ["filled", "new", "held"]


@pytest.mark.parametrize(
    ("second", "ends"),
    [
        ((10, 12, 10, 12), ["filled", "filled", "canceled"]),
        ((10, 10, 8, 8), ["filled", "canceled", "filled"]),
    ],
)
def test_f40_a_leg_that_fills_cancels_its_sibling(second: Prices, ends: list[str]) -> None:
    with stage(QUIET, second) as site:
        sent = bracket(site, 11, 9)
        site.advance(at(2))
        assert statuses(site, sent["id"]) == ends


def test_f41_held_legs_are_not_open_and_seen_nested_in_all(site: Floor) -> None:
    sent = bracket(site, 11, 9)
    site.advance(at(1))
    client = site.trading(raw=True)
    assert [each["type"] for each in client.get("/orders")] == ["limit"]
    [nested] = client.get("/orders", {"status": "all", "nested": True})
    assert nested["id"] == sent["id"]
    assert {each["type"]: each["status"] for each in nested["legs"]} == {
        "limit": "new",
        "stop": "held",
    }


def test_f42_a_stop_becomes_a_market_order_and_a_stop_limit_a_limit_order() -> None:
    with stage(QUIET, flat(8.5), (8.5, 9.3, 8.5, 9.3)) as site:
        send(site, qty=200)
        site.advance(at(1))
        plain = stop(site, 9)
        limited = stop(site, 9, type="stop_limit", limit_price="9.2")
        site.advance(at(2))
        assert order(site, plain["id"])["filled_avg_price"] == "8.5"  # gapped over
        assert order(site, limited["id"])["status"] == "new"
        site.advance(at(3))
        assert order(site, limited["id"])["filled_avg_price"] == "9.2"


def test_f43_a_trailing_stop_follows_the_high_and_never_goes_back() -> None:
    rise, dip, fall = (10, 11, 10, 11), (11, 11, 10.6, 10.7), (10.7, 10.7, 10.4, 10.4)
    with stage(QUIET, QUIET, rise, dip, fall) as site:
        send(site)
        site.advance(at(1))
        sent = send(site, side="sell", type="trailing_stop", trail_price="0.5")
        seen = []
        for minute in (2, 3, 4):
            site.advance(at(minute))
            now = order(site, sent["id"])
            seen.append((now["hwm"], now["stop_price"]))
        assert seen == [("10", "9.5"), ("11", "10.5"), ("11", "10.5")]
        site.advance(at(5))
        assert fills(site)[-1]["price"] == "10.5"


@pytest.mark.parametrize("end", ["expired", "canceled"])
def test_f44_an_unfilled_day_order_ends_after_the_close_with_an_event(
    end: Literal["expired", "canceled"],
) -> None:
    with stage(quiet=5, rules=Rules(day_end=end)) as site, listening(site) as socket:
        sent = limit(site, 9)
        kept = limit(site, 9, time_in_force="gtc")
        site.advance(CLOSE)
        assert order(site, sent["id"])["status"] == "new"
        site.advance(CLOSE + timedelta(seconds=1))
        events = [hear(socket)["data"] for _ in range(3)]
        assert [event["event"] for event in events] == ["new", "new", end]
        assert events[2]["order"]["id"] == sent["id"]
        assert order(site, sent["id"])["status"] == end
        assert order(site, kept["id"])["status"] == "new"


def test_f45_immediate_or_cancel_loses_its_rest_and_fill_or_kill_takes_all_or_none() -> None:
    with stage(quiet=5, rules=Rules(partial_fill_probability=0.999, seed=1)) as site:
        part = send(site, time_in_force="ioc")
        whole = send(site, time_in_force="fok")
        none = [limit(site, 9, time_in_force=tif) for tif in ("ioc", "fok")]
        site.advance(at(2))
        told = order(site, part["id"])
        assert told["status"] == "canceled"
        assert 0 < Decimal(told["filled_qty"]) < 100
        assert order(site, whole["id"])["status"] == "filled"
        for sent in none:
            after = order(site, sent["id"])
            assert (after["status"], after["filled_qty"]) == ("canceled", "0")


def test_f46_cancelling_204_filled_422_unknown_404(site: Floor) -> None:
    resting, filled = limit(site, 9), send(site, symbol="AMC", type="limit", limit_price=11)
    site.advance(at(1))
    assert site.ask("DELETE", f"/v2/orders/{resting['id']}").status_code == 204
    assert order(site, resting["id"])["status"] == "pending_cancel"
    site.advance(at(2))
    assert order(site, resting["id"])["status"] == "canceled"
    for order_id, says in ((filled["id"], (422, UNPROCESSABLE)), (NOBODY, (404, ABSENT))):
        with refused() as refusals:
            site.trading().cancel_order_by_id(order_id)
        assert refusals[0].says == says


def test_f47_cancelling_again_is_no_fault(site: Floor) -> None:
    sent = limit(site, 9)
    for minute in (1, 2, 3):
        assert site.ask("DELETE", f"/v2/orders/{sent['id']}").ok
        site.advance(at(minute))
    assert order(site, sent["id"])["status"] == "canceled"


def test_f48_cancelling_all_is_207_with_a_line_an_order(site: Floor) -> None:
    ids = {limit(site, price)["id"] for price in (9, 8)}
    answer = site.ask("DELETE", "/v2/orders")
    assert answer.status_code == 207
    assert {(line["id"], line["status"]) for line in answer.json()} == {(i, 200) for i in ids}
    site.advance(at(1))
    assert site.trading().get_orders() == []
    limit(site, 7)
    [line] = site.trading().cancel_orders()
    assert line.status == 200


def test_f49_a_replacement_is_a_new_order_and_both_are_linked(site: Floor) -> None:
    old = limit(site, 9)
    site.advance(at(1))
    new = site.trading().patch(
        f"/orders/{old['id']}", {"limit_price": "9.2", "client_order_id": "next"}
    )
    assert (new["replaces"], new["limit_price"], new["client_order_id"]) == (
        old["id"],
        "9.2",
        "next",
    )
    assert new["id"] != old["id"]
    site.advance(at(2))
    gone = order(site, old["id"])
    assert (gone["status"], gone["replaced_by"]) == ("replaced", new["id"])
    assert order(site, new["id"])["status"] == "new"


def test_f49_a_replaced_leg_stays_in_its_group() -> None:
    with stage(QUIET, QUIET, flat(9.4)) as site:
        sent = bracket(site, 11, 9)
        site.advance(at(1))
        old = leg(order(site, sent["id"]), "stop")
        new = site.trading().patch(f"/orders/{old['id']}", {"stop_price": "9.5"})
        site.advance(at(3))
        after = order(site, sent["id"])
        assert leg(after, "stop")["id"] == new["id"]
        assert statuses(site, sent["id"]) == ["filled", "canceled", "filled"]


def test_f50_neither_a_pending_nor_a_filled_order_is_replaced(site: Floor) -> None:
    sent = limit(site, 11)
    with refused() as refusals:
        site.trading().patch(f"/orders/{sent['id']}", {"limit_price": "10.9"})
    assert refusals[0].status == 422
    site.advance(at(1))
    assert order(site, sent["id"])["status"] == "filled"
    with refused() as refusals:
        site.trading().patch(f"/orders/{sent['id']}", {"limit_price": "10.9"})
    assert refusals[0].says == (422, UNPROCESSABLE)
