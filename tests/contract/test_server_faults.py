"""Fault switches: the official client meets each of them, and the exchange's truth is looked up."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import OrderClass, OrderSide, TimeInForce
from alpaca.trading.requests import MarketOrderRequest, StopLossRequest, TakeProfitRequest
from pydantic import ValidationError

from tests.contract.server_support import ANN, BOB, OPEN, Floor, floor

ORDERS = {"method": "POST", "path": "/v2/orders*"}


@pytest.fixture
def site() -> Iterator[Floor]:
    with floor() as running:
        yield running


@pytest.fixture
def client(site: Floor) -> Any:
    """An official client that retries nothing."""
    made = site.trading(raw=True)
    made._retry = 0
    return made


def order(name: str) -> MarketOrderRequest:
    return MarketOrderRequest(
        symbol="AMC", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, client_order_id=name
    )


def exists(site: Floor, name: str) -> bool:
    path = f"/v2/orders:by_client_order_id?client_order_id={name}"
    return site.ask("GET", path).status_code == 200


@pytest.mark.parametrize(
    ("fault", "effect"),
    [
        ({"kind": "refuse"}, False),
        ({"kind": "reset"}, True),
        ({"kind": "reset", "handled": False}, False),
        ({"kind": "hang", "seconds": 0.1}, False),
        ({"kind": "hang", "seconds": 0.1, "handled": True}, True),
    ],
)
def test_a_connection_that_breaks_tells_nothing_about_the_order(
    site: Floor, client: Any, fault: dict[str, object], effect: bool
) -> None:
    site.post("/sim/faults", **fault, **ORDERS)
    with pytest.raises(requests.ConnectionError):
        client.submit_order(order("a"))
    assert exists(site, "a") is effect
    client.submit_order(order("b"))  # the switch is spent


@pytest.mark.parametrize(
    ("fault", "status", "effect"),
    [
        ({"kind": "status", "status": 504}, 504, True),
        ({"kind": "status", "status": 504, "handled": False}, 504, False),
        ({"kind": "status", "status": 429}, 429, False),
        ({"kind": "status", "status": 500}, 500, False),
        ({"kind": "html"}, 502, False),
        ({"kind": "html", "status": 503, "handled": True}, 503, True),
    ],
)
def test_an_error_from_before_or_behind_the_exchange(
    site: Floor, client: Any, fault: dict[str, object], status: int, effect: bool
) -> None:
    site.post("/sim/faults", **fault, **ORDERS)
    with pytest.raises(APIError) as refusal:
        client.submit_order(order("a"))
    assert refusal.value.status_code == status
    assert exists(site, "a") is effect


def test_any_refusal_can_be_played_by_its_words(site: Floor) -> None:
    words = "subscription does not permit querying recent SIP data"
    site.post(
        "/sim/faults", kind="status", status=403, code=42210000, message=words, path="/v2/stocks/*"
    )
    answer = site.ask("GET", "/v2/stocks/bars?symbols=AMC&timeframe=1Min")
    assert (answer.status_code, answer.json()) == (403, {"code": 42210000, "message": words})


def test_504_after_accept_doubles_the_order_of_a_client_that_retries_blindly(site: Floor) -> None:
    """Why the adapter must not retry: the official client does, and names no order."""
    naive = site.trading()
    naive._retry_wait = 0
    site.post("/sim/faults", kind="status", status=504, count=2, **ORDERS)
    request = order("unused")
    request.client_order_id = None
    naive.submit_order(request)
    assert len(naive.get_orders()) == 3


def test_a_burst_ends(site: Floor, client: Any) -> None:
    site.post("/sim/faults", kind="status", status=429, count=3, skip=1, path="/v2/clock")
    codes = [site.ask("GET", "/v2/clock").status_code for _ in range(6)]
    assert codes == [200, 429, 429, 429, 200, 200]
    client.get_clock()


def test_a_dripping_body_outlasts_a_read_timeout(site: Floor) -> None:
    site.post("/sim/faults", kind="drip", seconds=0.6, path="/v2/clock")
    begun = time.monotonic()
    answer = requests.get(
        f"{site.url}/v2/clock",
        headers={"APCA-API-KEY-ID": ANN.key, "APCA-API-SECRET-KEY": ANN.secret},
        timeout=0.3,
    )
    assert answer.json()["is_open"]
    assert time.monotonic() - begun > 0.3


def test_an_unknown_status_breaks_the_clients_model(site: Floor) -> None:
    client = site.trading()
    client.submit_order(order("a"))
    site.post("/sim/faults", kind="mutate", field="status", value="on_fire", path="/v2/orders")
    with pytest.raises(ValidationError):
        client.get_orders()
    site.post("/sim/faults", kind="mutate", field="equity", path="/v2/account")
    assert site.ask("GET", "/v2/account").json()["equity"] is None


def test_a_switch_for_one_account_spares_the_others_and_can_be_cleared(site: Floor) -> None:
    site.post("/sim/faults", kind="html", account=ANN.number, count=9)
    assert site.ask("GET", "/v2/clock", spec=BOB).status_code == 200
    assert site.ask("GET", "/v2/clock").status_code == 502
    requests.delete(f"{site.url}/sim/faults", timeout=5)
    assert site.ask("GET", "/v2/clock").status_code == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"kind": "flood"}, "unknown kind"),
        ({"kind": "html", "colour": "red"}, "a fault has no colour"),
        ({}, "unknown kind"),
        ({"kind": "late", "path": "data/bars"}, "cut, drop, duplicate only"),
    ],
)
def test_a_switch_that_does_not_exist_is_refused(
    site: Floor, body: dict[str, object], words: str
) -> None:
    answer = site.post("/sim/faults", **body)
    assert answer.status_code == 400
    assert words in answer.json()["message"]


def test_a_halted_symbol_does_not_fill_until_resumed(site: Floor, client: Any) -> None:
    site.post("/sim/halt", symbol="AMC")
    client.submit_order(order("a"))
    site.advance(OPEN + timedelta(minutes=20))
    assert client.get_all_positions() == []
    site.post("/sim/halt", symbol="AMC", halted=False)
    site.advance(OPEN + timedelta(minutes=22))
    assert len(client.get_all_positions()) == 1


def test_a_transfer_and_a_delisting(site: Floor, client: Any) -> None:
    site.post("/sim/transfer", account=ANN.number, amount="-2500.50")
    assert site.ask("GET", "/v2/account").json()["cash"] == "97499.5"
    site.post("/sim/asset", symbol="AMC", tradable=False)
    with pytest.raises(APIError) as refusal:
        client.submit_order(order("a"))
    assert refusal.value.status_code == 422
    assert client.get_asset("AMC")["tradable"] is False


def test_a_venue_that_ends_one_order_leaves_its_group_alone(site: Floor, client: Any) -> None:
    bracket = MarketOrderRequest(
        symbol="AMC",
        qty=10,
        side=OrderSide.BUY,
        time_in_force=TimeInForce.GTC,
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfitRequest(limit_price=9.0),
        stop_loss=StopLossRequest(stop_price=4.0),
    )
    entry = client.submit_order(bracket)
    site.advance(OPEN + timedelta(minutes=12))
    [stop] = [leg for leg in entry["legs"] if leg["type"] == "stop"]
    site.post("/sim/end", account=ANN.number, order=stop["id"], status="rejected")
    told = site.ask("GET", f"/v2/orders/{entry['id']}?nested=true").json()
    assert {leg["type"]: leg["status"] for leg in told["legs"]} == {
        "limit": "new",
        "stop": "rejected",
    }
    assert site.post("/sim/end", account=ANN.number, order="no such").status_code == 400


def test_commands_that_make_no_sense_are_refused(site: Floor) -> None:
    assert site.post("/sim/transfer", account=ANN.number).status_code == 400
    assert site.post("/sim/transfer", account="nobody", amount="1").status_code == 400
    assert site.post("/sim/leave", name="eve").status_code == 404
