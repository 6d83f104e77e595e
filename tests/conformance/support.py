"""A stage for the conformance tests: hand-made minute bars of AMC, and orders as plain fields.

Orders go through alpaca-py's own `post`, which sends what the request classes would not let pass.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from alpaca.common.exceptions import APIError

from magellan_core.model import Bar, Timeframe
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.rules import Rules
from magellan_core.paper.server import Stepped, running
from tests.contract.server_support import ANN, BOB, OPEN, Floor

MINUTE = timedelta(minutes=1)
Prices = tuple[float, float, float, float]
QUIET: Prices = (10.0, 10.0, 10.0, 10.0)
FRIDAY = OPEN - timedelta(days=3)
FORBIDDEN, INVALID, UNPROCESSABLE, ABSENT = 40310000, 40010001, 42210000, 40410000
STILL = Rules(spread_bps=Decimal(0))


def at(minute: int) -> datetime:
    """So many minutes after Monday's open."""
    return OPEN + minute * MINUTE


@contextmanager
def stage(
    *bars: Prices, rules: Rules = STILL, start: datetime = OPEN, quiet: int = 0
) -> Iterator[Floor]:
    """AMC: a minute at $10 on Friday, then these bars from Monday's open, `quiet` more at $10."""
    rows = [_bar(FRIDAY, QUIET)]
    rows += [_bar(at(n), prices) for n, prices in enumerate([*bars, *[QUIET] * quiet])]
    exchange = Exchange(
        Market.from_bars({("AMC", Timeframe.MINUTE): rows}), [ANN, BOB], start=start, rules=rules
    )
    with running(exchange, mode=Stepped()) as server:
        yield Floor(server)


def _bar(start: datetime, prices: Prices) -> Bar:
    return Bar("AMC", start, start + MINUTE, *prices, 1000.0)


def send(site: Floor, **fields: Any) -> dict[str, Any]:
    """A market day order to buy 100 AMC, or what the fields make of it; None drops a field."""
    order = {"symbol": "AMC", "qty": 100, "side": "buy", "type": "market", "time_in_force": "day"}
    told = {name: value for name, value in (order | fields).items() if value is not None}
    answer: dict[str, Any] = site.trading().post("/orders", told)
    return answer


def limit(site: Floor, price: float | str, side: str = "buy", **fields: Any) -> dict[str, Any]:
    return send(site, type="limit", limit_price=price, side=side, **fields)


def stop(site: Floor, price: float | str, side: str = "sell", **fields: Any) -> dict[str, Any]:
    return send(site, **({"type": "stop", "stop_price": price, "side": side} | fields))


def bracket(site: Floor, target: float, stop_price: float, **fields: Any) -> dict[str, Any]:
    """A market buy, good till cancelled, with a target and a stop."""
    group = {
        "order_class": "bracket",
        "time_in_force": "gtc",
        "take_profit": {"limit_price": target},
        "stop_loss": {"stop_price": stop_price},
    }
    return send(site, **(group | fields))


class Refusal:
    """What the official client made of an error: status, code, message, and the whole body."""

    def __init__(self, error: APIError) -> None:
        self.status, self.code, self.message = error.status_code, error.code, error.message
        self.body: dict[str, Any] = json.loads(str(error))

    @property
    def says(self) -> tuple[int, int]:
        return self.status, self.code


@contextmanager
def refused() -> Iterator[list[Refusal]]:
    """The block must be refused; the list then holds how."""
    told: list[Refusal] = []
    with pytest.raises(APIError) as caught:
        yield told
    told.append(Refusal(caught.value))


def order(site: Floor, order_id: str) -> dict[str, Any]:
    """One order with its legs."""
    told: dict[str, Any] = site.trading().get(f"/orders/{order_id}", {"nested": True})
    return told


def statuses(site: Floor, order_id: str) -> list[str]:
    """Of the order, then of its target and its stop."""
    told = order(site, order_id)
    legs = sorted(told["legs"] or [], key=lambda leg: str(leg["type"]))
    return [told["status"], *(leg["status"] for leg in legs)]


def leg(told: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in told["legs"] if each["type"] == kind)
    return found


def fills(site: Floor) -> list[dict[str, Any]]:
    """Executions, oldest first."""
    told: list[dict[str, Any]] = site.trading().get(
        "/account/activities/FILL", {"direction": "asc"}
    )
    return told
