"""Conformance 16 to 36: which orders are taken, and how the others are refused."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from magellan_core.market_hours import at_new_york
from magellan_core.paper.rules import Rules
from tests.conformance.support import (
    FORBIDDEN,
    INVALID,
    UNPROCESSABLE,
    Refusal,
    at,
    bracket,
    fills,
    limit,
    order,
    refused,
    send,
    stage,
    stop,
)
from tests.contract.server_support import MONDAY, OPEN, Floor

LIMIT = {"type": "limit"}


@pytest.fixture
def site() -> Iterator[Floor]:
    with stage(quiet=5) as running:
        yield running


def refusal(site: Floor, **fields: Any) -> Refusal:
    with refused() as refusals:
        send(site, **fields)
    return refusals[0]


def hold(site: Floor, qty: int = 100) -> None:
    send(site, qty=qty)
    site.advance(at(1))


def test_f16_in_session_the_answer_is_pending_new_then_new(site: Floor) -> None:
    sent = limit(site, 9)
    assert sent["status"] == "pending_new"
    site.advance(OPEN + timedelta(seconds=1))
    assert order(site, sent["id"])["status"] == "new"


def test_f17_off_hours_a_day_order_is_accepted_and_waits_for_the_open() -> None:
    with stage((11, 11, 11, 11), start=OPEN - timedelta(hours=2)) as site:
        sent = send(site)
        assert sent["status"] == "accepted"
        site.advance(OPEN)
        assert order(site, sent["id"])["status"] == "accepted"
        site.advance(at(1))
        assert [(fill["price"], fill["transaction_time"]) for fill in fills(site)] == [
            ("11", "2026-01-05T14:30:00Z")
        ]


def test_f18_a_client_order_id_has_128_characters_at_most(site: Floor) -> None:
    assert limit(site, 9, client_order_id="x" * 128)["client_order_id"] == "x" * 128
    assert refusal(site, client_order_id="x" * 129).says == (422, INVALID)


def test_f19_a_client_order_id_serves_once_even_after_its_order_has_ended(site: Floor) -> None:
    send(site, client_order_id="filled")
    gone = limit(site, 9, client_order_id="canceled")
    for name in ("filled", "canceled"):
        assert refusal(site, client_order_id=name).says == (422, INVALID)
    site.trading().cancel_order_by_id(gone["id"])
    site.advance(at(1))
    for name in ("filled", "canceled"):
        again = refusal(site, client_order_id=name)
        assert again.says == (422, INVALID)
        assert again.message == "client_order_id must be unique"


def test_f19_the_rules_may_free_an_id_with_its_order() -> None:
    with stage(quiet=5, rules=Rules(unique_ids="open")) as site:
        first = send(site, client_order_id="mine")
        assert refusal(site, client_order_id="mine").says == (422, INVALID)
        site.advance(at(1))
        assert send(site, client_order_id="mine")["id"] != first["id"]


def test_f20_without_a_client_order_id_the_server_makes_one(site: Floor) -> None:
    first, second = send(site), send(site)
    assert first["client_order_id"] != second["client_order_id"]
    found = site.trading().get_order_by_client_id(first["client_order_id"])
    assert str(found.id) == first["id"]


def test_f21_qty_and_notional_exclude_each_other(site: Floor) -> None:
    assert refusal(site, notional=50).says == (422, INVALID)
    assert refusal(site, qty=None).says == (422, INVALID)
    assert send(site, qty=None, notional=50)["notional"] == "50"


def test_f21_an_order_for_dollars_may_be_a_limit_order_unless_the_rules_say_no(site: Floor) -> None:
    asked = {"qty": None, "notional": 50, "type": "limit", "limit_price": 9}
    assert send(site, **asked)["status"] == "pending_new"
    with stage(quiet=1, rules=Rules(notional_limit=False)) as strict:
        assert refusal(strict, **asked).says == (422, UNPROCESSABLE)


@pytest.mark.parametrize("qty", [0, -1, "-0.5", "0"])
def test_f22_a_quantity_must_be_above_zero(site: Floor, qty: object) -> None:
    assert refusal(site, qty=qty).says == (422, INVALID)


@pytest.mark.parametrize(
    "fields",
    [{"type": "limit"}, {"limit_price": 9}, {"type": "stop"}, {"type": "stop_limit"}],
)
def test_f23_prices_belong_to_their_types(site: Floor, fields: dict[str, object]) -> None:
    assert refusal(site, **fields).says == (422, INVALID)


@pytest.mark.parametrize(
    ("price", "taken"),
    [("9.01", True), ("9.001", False), ("0.1234", True), ("0.12345", False), ("1.0001", False)],
)
def test_f24_a_price_is_on_the_tick(site: Floor, price: str, taken: bool) -> None:
    if taken:
        assert limit(site, price)["limit_price"] == price
    else:
        told = refusal(site, **LIMIT, limit_price=price)
        assert told.says == (422, UNPROCESSABLE)
        assert "sub-penny" in told.message


@pytest.mark.parametrize("tif", ["gtc", "ioc", "fok", "opg", "cls"])
def test_f25_a_fraction_of_a_share_is_for_the_day(site: Floor, tif: str) -> None:
    assert refusal(site, qty="1.5", time_in_force=tif).says == (422, UNPROCESSABLE)
    assert send(site, qty="1.5")["qty"] == "1.5"


def test_f26_a_fraction_of_what_is_not_fractionable(site: Floor) -> None:
    site.post("/sim/asset", symbol="AMC", fractionable=False)
    assert refusal(site, qty="1.5").says == (403, FORBIDDEN)
    assert send(site, qty=1)["status"] == "pending_new"


def test_f27_an_untradable_asset(site: Floor) -> None:
    site.post("/sim/asset", symbol="AMC", tradable=False)
    told = refusal(site)
    assert told.says == (422, UNPROCESSABLE)
    assert told.message == 'asset "AMC" is not tradable'


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({}, False),
        ({"type": "stop", "stop_price": 11}, False),
        ({"type": "limit", "limit_price": 9, "time_in_force": "ioc"}, False),
        ({"type": "limit", "limit_price": 9}, True),
        ({"type": "limit", "limit_price": 9, "time_in_force": "gtc"}, True),
    ],
)
def test_f28_extended_hours_are_for_limit_orders(
    site: Floor, fields: dict[str, object], taken: bool
) -> None:
    if taken:
        assert send(site, extended_hours=True, **fields)["extended_hours"] is True
    else:
        assert refusal(site, extended_hours=True, **fields).says == (422, UNPROCESSABLE)


def test_f29_what_costs_more_than_the_buying_power(site: Floor) -> None:
    limit(site, 10, qty=30_000)
    told = refusal(site, **LIMIT, limit_price=10, qty=10_001)
    assert told.says == (403, FORBIDDEN)
    assert (told.body["buying_power"], told.body["cost_basis"]) == ("100000", "100010")


def test_f30_selling_more_than_is_available(site: Floor) -> None:
    hold(site)
    resting = limit(site, 12, "sell", qty=40)
    told = refusal(site, side="sell", qty=61)
    assert told.says == (403, FORBIDDEN)
    assert "(requested: 61, available: 60)" in told.message
    parts = ("available", "existing_qty", "held_for_orders", "related_orders")
    assert [told.body[name] for name in parts] == ["60", "100", "40", [resting["id"]]]


def test_f31_one_order_does_not_turn_a_long_position_short(site: Floor) -> None:
    hold(site)
    assert refusal(site, side="sell", qty=101).says == (403, FORBIDDEN)
    assert send(site, side="sell", qty=100)["status"] == "pending_new"


@pytest.mark.parametrize(
    ("tif", "hour", "minute", "taken"),
    [
        ("opg", 9, 27, True),
        ("opg", 9, 28, False),
        ("opg", 10, 0, False),
        ("opg", 18, 59, False),
        ("opg", 19, 1, True),
        ("cls", 15, 49, True),
        ("cls", 15, 50, False),
        ("cls", 19, 1, True),
    ],
)
def test_f32_auction_orders_have_their_hours(tif: str, hour: int, minute: int, taken: bool) -> None:
    with stage(quiet=1, start=at_new_york(MONDAY, hour, minute)) as site:
        if taken:
            assert send(site, time_in_force=tif)["status"] in ("pending_new", "accepted")
        else:
            assert refusal(site, time_in_force=tif).says == (403, FORBIDDEN)


@pytest.mark.parametrize(
    ("rules", "day", "hour", "minute", "taken"),
    [
        (Rules(), date(2026, 11, 27), 12, 50, False),
        (Rules(half_day_cutoffs=False), date(2026, 11, 27), 12, 50, True),
        (Rules(cls_cutoff_minutes=5), MONDAY, 15, 54, True),
        (Rules(cls_cutoff_minutes=5), MONDAY, 15, 55, False),
    ],
)
def test_f32_the_rules_move_the_closing_auctions_hour(
    rules: Rules, day: date, hour: int, minute: int, taken: bool
) -> None:
    with stage(quiet=1, start=at_new_york(day, hour, minute), rules=rules) as site:
        if taken:
            assert send(site, time_in_force="cls")["status"] == "pending_new"
        else:
            assert refusal(site, time_in_force="cls").says == (403, FORBIDDEN)


@pytest.mark.parametrize(
    ("resting", "fields"),
    [
        ({"type": "stop", "stop_price": 9}, {}),  # a protective stop blocks a top-up
        ({"type": "stop", "stop_price": 9}, {"type": "limit", "limit_price": 8}),
        ({"type": "limit", "limit_price": 12}, {}),
        ({"type": "limit", "limit_price": 12}, {"type": "stop", "stop_price": 13}),
    ],
)
def test_f33_against_an_opposite_market_or_stop_order(
    site: Floor, resting: dict[str, object], fields: dict[str, object]
) -> None:
    hold(site)
    first = send(site, side="sell", **resting)
    told = refusal(site, **fields)
    assert told.says == (403, FORBIDDEN)
    assert "wash trade" in told.message
    assert told.body["existing_order_id"] == first["id"]
    assert told.body["reject_reason"]


def test_f34_a_limit_to_buy_below_the_resting_limit_to_sell(site: Floor) -> None:
    hold(site)
    limit(site, 12, "sell")
    assert limit(site, "11.99")["status"] == "pending_new"
    for price in (12, 12.01):
        assert refusal(site, **LIMIT, limit_price=price).says == (403, FORBIDDEN)


def test_f35_a_bracket_is_exempt_from_the_wash_trade_rule(site: Floor) -> None:
    hold(site)
    stop(site, 9)
    assert bracket(site, 12, 8)["status"] == "pending_new"


@pytest.mark.parametrize(
    ("target", "stop_price", "entry", "taken"),
    [
        (10, 9, {}, False),
        (11, 10, {}, False),
        (10.01, 9.99, {}, True),
        (9.6, 9, {"type": "limit", "limit_price": 9.6}, False),  # a limit entry's base is its limit
        (9.61, 9.59, {"type": "limit", "limit_price": 9.6}, True),
    ],
)
def test_f36_the_legs_of_a_bracket_are_a_cent_away_at_least(
    site: Floor, target: float, stop_price: float, entry: dict[str, object], taken: bool
) -> None:
    if taken:
        assert bracket(site, target, stop_price, **entry)["status"] == "pending_new"
        return
    with refused() as refusals:
        bracket(site, target, stop_price, **entry)
    assert refusals[0].says == (422, UNPROCESSABLE)
    assert "base_price" in refusals[0].message
