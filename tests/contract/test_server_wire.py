"""The server's REST wire, by the numbered list of the conformance document, through alpaca-py."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    GetCalendarRequest,
    GetOrderByIdRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
)

from tests.contract.server_support import ANN, BOB, OPEN, Floor, floor


@pytest.fixture
def site() -> Iterator[Floor]:
    with floor() as running:
        yield running


def limit_order(symbol: str = "AMC", price: float = 1.0, **more: Any) -> LimitOrderRequest:
    """A buy too low to fill."""
    return LimitOrderRequest(
        symbol=symbol,
        qty=more.pop("qty", 10),
        side=OrderSide.BUY,
        time_in_force=TimeInForce.DAY,
        limit_price=price,
        **more,
    )


def market_order(symbol: str = "AMC", qty: float = 10, **more: Any) -> MarketOrderRequest:
    return MarketOrderRequest(
        symbol=symbol,
        qty=qty,
        side=more.pop("side", OrderSide.BUY),
        time_in_force=TimeInForce.DAY,
        **more,
    )


def held(site: Floor, qty: float = 10) -> Any:
    """A client whose account holds shares of AMC."""
    client = site.trading()
    client.submit_order(market_order(qty=qty))
    site.advance(OPEN + timedelta(minutes=12))
    return client


def test_01_bad_keys_are_401_with_a_json_message(site: Floor) -> None:
    answer = requests.get(
        f"{site.url}/v2/account",
        headers={"APCA-API-KEY-ID": ANN.key, "APCA-API-SECRET-KEY": "wrong"},
        timeout=10,
    )
    assert answer.status_code == 401
    assert answer.json() == {"message": "unauthorized."}


def test_02_money_and_quantities_are_strings(site: Floor) -> None:
    client = held(site)
    account = site.ask("GET", "/v2/account").json()
    assert {name for name in account if isinstance(account[name], int | float)} <= {
        name for name in account if isinstance(account[name], bool)
    }
    order = site.ask("GET", "/v2/orders?status=all").json()[0]
    assert (order["qty"], order["filled_qty"]) == ("10", "10")
    assert isinstance(order["filled_avg_price"], str)
    position = site.ask("GET", "/v2/positions").json()[0]
    assert all(
        not isinstance(value, int | float) or isinstance(value, bool) for value in position.values()
    )
    assert client.get_open_position("AMC").qty == "10"


@pytest.mark.parametrize("qty", [3, 3.0, "3", "3.0"])
def test_03_numbers_are_taken_as_floats_or_strings(site: Floor, qty: object) -> None:
    body = {"symbol": "AMC", "qty": qty, "side": "buy", "type": "market", "time_in_force": "day"}
    assert site.ask("POST", "/v2/orders", body).json()["qty"] == "3"


def test_05_beyond_the_limit_429_with_headers() -> None:
    with floor(rate_limit=3) as site:
        answers = [site.ask("GET", "/v2/clock") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == [
            "2",
            "1",
            "0",
            "0",
        ]
        assert answers[3].headers["X-RateLimit-Limit"] == "3"
        assert isinstance(answers[3].json()["code"], int)
        site.advance(OPEN + timedelta(minutes=11))
        assert site.ask("GET", "/v2/clock").status_code == 200


def test_06_writes_answer_200(site: Floor) -> None:
    body = {
        "symbol": "AMC",
        "qty": 1,
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": 1,
    }
    posted = site.ask("POST", "/v2/orders", body)
    assert posted.status_code == 200
    site.advance(OPEN + timedelta(minutes=11))
    patched = site.ask("PATCH", f"/v2/orders/{posted.json()['id']}", {"limit_price": "1.10"})
    assert patched.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/assets/NOPE", 404, 40410000),
        ("GET", "/v2/positions/AMC", 404, 40410000),
        ("GET", "/v2/orders/00000000-0000-0000-0000-000000000000", 404, 40410000),
        ("DELETE", "/v2/orders/00000000-0000-0000-0000-000000000000", 404, 40410000),
        ("GET", "/v2/orders:by_client_order_id?client_order_id=none", 404, 40410000),
        ("GET", "/v2/orders?limit=501", 422, 40010001),
        ("GET", "/v2/orders?after=noon", 422, 40010001),
        ("GET", "/v2/nowhere", 404, 40410000),
    ],
)
def test_07_errors_carry_an_integer_code_and_a_message(
    site: Floor, method: str, path: str, status: int, code: int
) -> None:
    answer = site.ask(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]


def test_08_11_a_new_account_and_10_no_pattern_day_trader_fields(site: Floor) -> None:
    account = site.trading().get_account()
    assert (account.account_number, account.cash, account.equity) == ("PAANN", "100000", "100000")
    assert (account.buying_power, account.regt_buying_power) == ("400000", "200000")
    assert (account.multiplier, account.shorting_enabled) == ("4", True)
    assert account.last_equity == "100000"
    raw = site.ask("GET", "/v2/account").json()
    assert not {"daytrade_count", "pattern_day_trader", "daytrading_buying_power"} & set(raw)


def test_12_assets_by_symbol_and_by_id(site: Floor) -> None:
    client = site.trading()
    asset = client.get_asset("AMC")
    assert (asset.symbol, asset.tradable) == ("AMC", True)
    assert client.get_asset(asset.id).symbol == "AMC"
    with pytest.raises(APIError) as refusal:
        client.get_asset("NOPE")
    assert (refusal.value.status_code, refusal.value.code) == (404, 40410000)


def test_13_14_clock_and_calendar_through_the_client(site: Floor) -> None:
    client = site.trading()
    clock = client.get_clock()
    assert clock.is_open
    assert clock.timestamp == OPEN + timedelta(minutes=10)
    days = client.get_calendar(GetCalendarRequest(start=date(2025, 11, 27), end=date(2025, 11, 28)))
    assert [f"{day.date} {day.close:%H:%M}" for day in days] == ["2025-11-28 13:00"]


def test_15_settings_are_kept_and_a_suspended_account_is_refused(site: Floor) -> None:
    client = site.trading()
    settings = client.get_account_configurations()
    settings.suspend_trade = True
    assert client.set_account_configurations(settings).suspend_trade
    with pytest.raises(APIError) as refusal:
        client.submit_order(market_order())
    assert refusal.value.status_code == 403


def test_16_20_an_order_in_session_is_pending_new_and_gets_an_id(site: Floor) -> None:
    order = site.trading().submit_order(market_order())
    assert order.status is OrderStatus.PENDING_NEW
    assert order.client_order_id
    assert order.submitted_at == OPEN + timedelta(minutes=10)


def test_19_a_duplicate_client_order_id_is_refused_by_its_words(site: Floor) -> None:
    client = site.trading()
    client.submit_order(limit_order(client_order_id="twice"))
    with pytest.raises(APIError) as refusal:
        client.submit_order(limit_order(client_order_id="twice"))
    assert (refusal.value.status_code, refusal.value.code) == (422, 40010001)
    assert "client_order_id must be unique" in refusal.value.message


def test_29_a_refusal_for_cost_tells_the_numbers(site: Floor) -> None:
    answer = site.ask(
        "POST",
        "/v2/orders",
        {
            "symbol": "GME",
            "qty": 1_000_000,
            "side": "buy",
            "type": "market",
            "time_in_force": "day",
        },
    )
    assert (answer.status_code, answer.json()["code"]) == (403, 40310000)
    assert answer.json()["buying_power"] == "400000"
    assert isinstance(answer.json()["cost_basis"], str)


def test_39_41_a_bracket_nests_its_legs_and_hides_the_held_one(site: Floor) -> None:
    client = site.trading()
    parent = client.submit_order(
        market_order(
            order_class="bracket",
            take_profit=TakeProfitRequest(limit_price=9.0),
            stop_loss=StopLossRequest(stop_price=2.0),
        )
    )
    assert [leg.status for leg in parent.legs or []] == [OrderStatus.HELD] * 2
    site.advance(OPEN + timedelta(minutes=12))
    nested = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, nested=True))
    assert [len(order.legs or []) for order in nested] == [2]
    legs = {leg.type: leg.status for leg in nested[0].legs or []}
    assert legs == {"limit": OrderStatus.NEW, "stop": OrderStatus.HELD}
    flat = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN))
    assert [(order.type, order.legs) for order in flat] == [("limit", None)]
    assert parent.legs is not None
    by_id = client.get_order_by_id(parent.id, GetOrderByIdRequest(nested=True))
    assert {leg.id for leg in by_id.legs or []} == {leg.id for leg in parent.legs}


def test_46_47_cancels(site: Floor) -> None:
    client = site.trading()
    order = client.submit_order(limit_order())
    assert site.ask("DELETE", f"/v2/orders/{order.id}").status_code == 204
    site.advance(OPEN + timedelta(minutes=11))
    assert client.get_order_by_id(order.id).status is OrderStatus.CANCELED
    assert site.ask("DELETE", f"/v2/orders/{order.id}").ok  # again
    done = client.submit_order(market_order())
    site.advance(OPEN + timedelta(minutes=12))
    refused = site.ask("DELETE", f"/v2/orders/{done.id}")
    assert (refused.status_code, refused.json()["code"]) == (422, 42210000)


def test_48_cancel_all_is_207_with_a_line_per_order(site: Floor) -> None:
    client = site.trading()
    ids = {client.submit_order(limit_order(price=price)).id for price in (1.0, 1.1)}
    answers = client.cancel_orders()
    assert {answer.id for answer in answers} == ids
    assert {answer.status for answer in answers} == {200}
    assert site.ask("DELETE", "/v2/orders").status_code == 207


def test_49_50_a_replacement_is_a_new_order_linked_both_ways(site: Floor) -> None:
    client = site.trading()
    old = client.submit_order(limit_order())
    with pytest.raises(APIError) as refusal:
        client.replace_order_by_id(old.id, ReplaceOrderRequest(limit_price=1.2))
    assert refusal.value.status_code == 422  # still pending
    site.advance(OPEN + timedelta(minutes=11))
    new = client.replace_order_by_id(
        old.id, ReplaceOrderRequest(limit_price=1.2, client_order_id="next")
    )
    assert (new.replaces, new.limit_price, new.client_order_id) == (old.id, "1.2", "next")
    site.advance(OPEN + timedelta(minutes=12))
    gone = client.get_order_by_id(old.id)
    assert (gone.status, gone.replaced_by) == (OrderStatus.REPLACED, new.id)


def test_51_an_order_is_found_by_an_id_with_odd_letters(site: Floor) -> None:
    client = site.trading()
    order = client.submit_order(limit_order(client_order_id="a/b+c d%2F&e"))
    assert client.get_order_by_client_id("a/b+c d%2F&e").id == order.id


def test_52_orders_are_open_newest_first_and_bounded_exclusively(site: Floor) -> None:
    client = site.trading()
    first = client.submit_order(limit_order(price=1.01))
    site.advance(OPEN + timedelta(minutes=11))
    second = client.submit_order(limit_order("GME", 2.02))
    assert [order.id for order in client.get_orders()] == [second.id, first.id]
    later = client.get_orders(GetOrdersRequest(after=first.submitted_at))
    assert [order.id for order in later] == [second.id]
    earlier = client.get_orders(GetOrdersRequest(until=second.submitted_at))
    assert [order.id for order in earlier] == [first.id]
    of_amc = client.get_orders(GetOrdersRequest(symbols=["AMC", "PLUG"]))
    assert [order.id for order in of_amc] == [first.id]
    assert len(client.get_orders(GetOrdersRequest(limit=1))) == 1


def test_53_a_missing_position_says_so(site: Floor) -> None:
    with pytest.raises(APIError) as refusal:
        site.trading().get_open_position("AMC")
    assert (refusal.value.code, refusal.value.message) == (40410000, "position does not exist")


def test_54_close_all_cancels_first_and_answers_207(site: Floor) -> None:
    client = held(site)
    client.submit_order(limit_order(price=1.0))
    answer = site.ask("DELETE", "/v2/positions?cancel_orders=True")
    assert answer.status_code == 207
    assert [(line["symbol"], line["status"]) for line in answer.json()] == [("AMC", 200)]
    assert answer.json()[0]["body"]["side"] == "sell"
    site.advance(OPEN + timedelta(minutes=14))
    assert client.get_all_positions() == []
    assert client.get_orders() == []


def test_54b_close_position_by_percentage(site: Floor) -> None:
    held(site)
    closing = site.ask("DELETE", "/v2/positions/AMC?percentage=50").json()
    assert (closing["qty"], closing["side"]) == ("5", "sell")


def test_55_open_sells_lower_what_is_available(site: Floor) -> None:
    client = held(site)
    client.submit_order(
        LimitOrderRequest(
            symbol="AMC",
            qty=4,
            side=OrderSide.SELL,
            time_in_force=TimeInForce.DAY,
            limit_price=9.0,
        )
    )
    position = client.get_open_position("AMC")
    assert (position.qty, position.qty_available) == ("10", "6")


def test_56_activities_page_by_the_last_id(site: Floor) -> None:
    client = site.trading(raw=True)
    for n in range(3):
        client.submit_order(market_order(qty=n + 1))
        site.advance(OPEN + timedelta(minutes=11 + n))
    site.advance(OPEN + timedelta(minutes=15))

    def page(**query: str) -> list[str]:
        told = client.get("/account/activities/FILL", query)
        return [line["qty"] for line in told]

    assert page() == ["3", "2", "1"]
    oldest_first = client.get("/account/activities/FILL", {"direction": "asc", "page_size": "2"})
    assert [line["qty"] for line in oldest_first] == ["1", "2"]
    assert page(direction="asc", page_token=oldest_first[-1]["id"]) == ["3"]
    newest = client.get("/account/activities/FILL", {"page_size": "1"})
    assert page(page_token=newest[-1]["id"]) == ["2", "1"]
    assert site.ask("GET", "/v2/account/activities/FILL?page_size=101").status_code == 422
    assert oldest_first[0]["activity_type"] == "FILL"
    assert oldest_first[0]["order_status"] == "filled"


def test_portfolio_history_suits_the_client(site: Floor) -> None:
    held(site)
    history = site.trading().get_portfolio_history()
    assert len(history.timestamp) == len(history.equity) == len(history.profit_loss)
    assert history.timeframe == "1D"


def test_accounts_do_not_see_each_other(site: Floor) -> None:
    order = site.trading().submit_order(limit_order(client_order_id="mine"))
    other = site.trading(BOB)
    assert other.get_orders() == []
    with pytest.raises(APIError):
        other.get_order_by_id(order.id)
    assert other.submit_order(limit_order(client_order_id="mine")).id != order.id
