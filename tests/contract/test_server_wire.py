"""The server's REST wire through alpaca-py's own models, beyond the conformance list."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    GetOrderByIdRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
)

from tests.contract.server_support import BOB, OPEN, Floor, floor


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


def test_a_bracket_nests_its_legs_and_hides_the_held_one(site: Floor) -> None:
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


def test_close_position_by_percentage(site: Floor) -> None:
    held(site)
    closing = site.ask("DELETE", "/v2/positions/AMC?percentage=50").json()
    assert (closing["qty"], closing["side"]) == ("5", "sell")


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
