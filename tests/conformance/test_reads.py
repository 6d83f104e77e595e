"""Conformance 51 to 56: looking orders, positions and executions up."""

from collections.abc import Iterator

import pytest
from alpaca.common.enums import Sort
from alpaca.trading.enums import QueryOrderStatus
from alpaca.trading.requests import GetOrdersRequest

from tests.conformance.support import (
    ABSENT,
    INVALID,
    at,
    bracket,
    limit,
    refused,
    send,
    stage,
    statuses,
)
from tests.contract.server_support import Floor


@pytest.fixture
def site() -> Iterator[Floor]:
    with stage(quiet=60) as running:
        yield running


@pytest.mark.parametrize("name", ["a/b", "a+b", "a b", "a%2Fb", "a&b=c", "ü"])
def test_f51_an_order_is_found_by_an_id_with_odd_letters(site: Floor, name: str) -> None:
    sent = limit(site, 9, client_order_id=name)
    assert str(site.trading().get_order_by_client_id(name).id) == sent["id"]


def test_f51_an_id_that_nobody_used_is_absent(site: Floor) -> None:
    with refused() as refusals:
        site.trading().get_order_by_client_id("a/b")
    assert refusals[0].says == (404, ABSENT)


def test_f52_orders_are_open_newest_first_between_exclusive_bounds(site: Floor) -> None:
    client, sent = site.trading(), []
    for minute in range(1, 5):
        sent.append(limit(site, 9, qty=1)["id"])
        site.advance(at(minute))

    def ids(**query: object) -> list[str]:
        return [str(each.id) for each in client.get_orders(GetOrdersRequest(**query))]

    assert ids() == sent[::-1]
    assert ids(after=at(0), until=at(3)) == sent[2:0:-1]
    assert ids(limit=1, direction=Sort.ASC) == sent[:1]
    assert ids(symbols=["GME"]) == ids(status=QueryOrderStatus.CLOSED) == []
    client.cancel_order_by_id(sent[0])
    site.advance(at(5))
    assert ids(status=QueryOrderStatus.CLOSED) == sent[:1]
    assert ids(status=QueryOrderStatus.ALL) == sent[::-1]


def test_f52_fifty_are_told_unless_asked_and_five_hundred_at_most(site: Floor) -> None:
    for _ in range(51):
        limit(site, 9, qty=1)
    assert len(site.trading().get_orders()) == 50
    assert len(site.trading().get_orders(GetOrdersRequest(limit=500))) == 51
    with refused() as refusals:
        site.trading().get("/orders", {"limit": 501})
    assert refusals[0].says == (422, INVALID)


def test_f53_a_position_not_held_does_not_exist(site: Floor) -> None:
    with refused() as refusals:
        site.trading().get_open_position("AMC")
    assert refusals[0].says == (404, ABSENT)
    assert refusals[0].message == "position does not exist"


def test_f54_closing_everything_cancels_first_and_answers_207(site: Floor) -> None:
    group = bracket(site, 11, 9)
    site.advance(at(1))
    kept = site.ask("DELETE", "/v2/positions")
    assert [line["status"] for line in kept.json()] == [403]  # the legs hold the shares
    answer = site.ask("DELETE", "/v2/positions?cancel_orders=True")
    assert answer.status_code == 207
    [line] = answer.json()
    assert (line["symbol"], line["status"], line["body"]["side"]) == ("AMC", 200, "sell")
    site.advance(at(3))
    assert site.trading().get_all_positions() == site.trading().get_orders() == []
    assert statuses(site, group["id"]) == ["filled", "canceled", "canceled"]
    send(site)
    site.advance(at(4))
    [closing] = site.trading().close_all_positions(cancel_orders=True)
    assert closing.status == 200


def test_f55_open_sells_lower_what_is_available(site: Floor) -> None:
    send(site)
    site.advance(at(1))
    seen = [site.trading().get_open_position("AMC").qty_available]
    sale = limit(site, 12, "sell", qty=40)
    seen.append(site.trading().get_open_position("AMC").qty_available)
    site.trading().cancel_order_by_id(sale["id"])
    site.advance(at(2))
    seen.append(site.trading().get_open_position("AMC").qty_available)
    assert seen == ["100", "60", "100"]


def test_f56_activities_page_by_the_last_id(site: Floor) -> None:
    for n in range(3):
        send(site, qty=n + 1)
        site.advance(at(n + 1))
    client = site.trading(raw=True)

    def page(**query: object) -> list[dict[str, str]]:
        told: list[dict[str, str]] = client.get("/account/activities/FILL", query)
        return told

    def quantities(**query: object) -> list[str]:
        return [line["qty"] for line in page(**query)]

    assert quantities() == ["3", "2", "1"]
    oldest = page(direction="asc", page_size=2)
    assert [line["qty"] for line in oldest] == ["1", "2"]
    assert quantities(direction="asc", page_token=oldest[-1]["id"]) == ["3"]
    assert quantities(page_token=page(page_size=1)[-1]["id"]) == ["2", "1"]
    assert [line["order_status"] for line in oldest] == ["filled", "filled"]


def test_f56_a_page_has_a_hundred_lines_at_most(site: Floor) -> None:
    with refused() as refusals:
        site.trading().get("/account/activities/FILL", {"page_size": 101})
    assert refusals[0].says == (422, INVALID)
