"""One symbol, one account, hand-made minute bars: what tests of the matching core start from."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from magellan_core.model import Bar, OrderClass, OrderType, Side, Timeframe, TimeInForce
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.orders import Order, OrderForm
from magellan_core.paper.rules import Rules

ACME = "ACME"
PA = "PA1"
OPEN = datetime(2024, 7, 15, 13, 30, tzinfo=UTC)  # a Monday
CLOSE = datetime(2024, 7, 15, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LAST_WEEK = -3 * 24 * 60
_AMOUNTS = frozenset({"notional", "limit_price", "stop_price", "trail_price", "trail_percent"})
_AMOUNTS |= {"take_profit", "stop_loss", "stop_loss_limit"}
Prices = tuple[float, float, float, float]
QUIET: Prices = (10.0, 10.0, 10.0, 10.0)


def at(minute: int) -> datetime:
    """So many minutes after the open."""
    return OPEN + minute * MINUTE


def bar(minute: int, prices: Prices, symbol: str = ACME) -> Bar:
    """A minute's open, high, low, close."""
    return Bar(symbol, at(minute), at(minute + 1), *prices, 1000.0)


def spec(number: str = PA, timeframe: Timeframe = Timeframe.MINUTE, **more: Any) -> AccountSpec:
    return AccountSpec(number, f"key-{number}", "secret", timeframe, **more)


def exchange(
    bars: Sequence[Prices],
    *,
    rules: Rules | None = None,
    start: datetime = OPEN,
    accounts: Sequence[AccountSpec] = (),
) -> Exchange:
    """An exchange whose bars start one by one with the session; a quiet one is of Friday."""
    rows = [bar(LAST_WEEK, QUIET), *(bar(n, prices) for n, prices in enumerate(bars))]
    market = Market.from_bars({(ACME, Timeframe.MINUTE): rows})
    return Exchange(market, accounts or [spec()], start=start, rules=rules)


def form(side: Side = Side.BUY, qty: str | int = 100, **more: Any) -> OrderForm:
    """A market day order, or whatever `more` makes of it; prices may be strings."""
    fields = {name: _decimal(name, value) for name, value in more.items()}
    return OrderForm(**{"symbol": ACME, "side": side, "qty": Decimal(qty), **fields})


def _decimal(name: str, value: Any) -> Any:
    return Decimal(value) if isinstance(value, str) and name in _AMOUNTS else value


def limit(side: Side, price: str, qty: int = 100, **more: Any) -> OrderForm:
    return form(side, qty, type=OrderType.LIMIT, limit_price=price, **more)


def stop(side: Side, price: str, qty: int = 100, **more: Any) -> OrderForm:
    return form(side, qty, type=OrderType.STOP, stop_price=price, **more)


def bracket(target: str, stop_price: str, qty: int = 100, **more: Any) -> OrderForm:
    """A market buy with a target and a stop, good till cancelled."""
    return form(
        Side.BUY,
        qty,
        **{
            "order_class": OrderClass.BRACKET,
            "time_in_force": TimeInForce.GTC,
            "take_profit": target,
            "stop_loss": stop_price,
            **more,
        },
    )


def hold(venue: Exchange, qty: int = 100) -> None:
    """Buy `qty` at the open of the first bar and stand at the start of the second."""
    venue.submit(PA, form(Side.BUY, qty))
    venue.step(at(1))


def plain(number: Decimal) -> str:
    """Without trailing zeros: 10.0 is 10."""
    return f"{number.normalize():f}"


def told(venue: Exchange) -> list[tuple[str, str, str]]:
    """Every execution so far: side, quantity, price."""
    return [(fill.side.value, plain(fill.qty), plain(fill.price)) for fill in venue.fills(PA)]


def leg(order: Order, kind: OrderType) -> Order:
    """The leg of that type."""
    return next(leg for leg in order.legs if leg.type is kind)


def statuses(order: Order) -> list[str]:
    """Of the order, then of its legs."""
    return [order.status, *(each.status for each in order.legs)]
