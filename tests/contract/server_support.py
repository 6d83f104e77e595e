"""A small market and a server over it, for the contract tests: one minute, one hourly account."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import requests
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.trading.client import TradingClient

from magellan_core.market_hours import at_new_york, sessions_between
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.rules import Rules
from magellan_core.paper.server import Mode, Running, Stepped, running

MONDAY = datetime(2026, 1, 5, tzinfo=UTC).date()
OPEN = at_new_york(MONDAY, 9, 30)
ANN = AccountSpec("PAANN", "PK-ann", "secret-ann", timeframe=Timeframe.MINUTE)
BOB = AccountSpec("PABOB", "PK-bob", "secret-bob", timeframe=Timeframe.HOUR)


def minute(symbol: str, start: datetime, price: float) -> Bar:
    end = start + timedelta(minutes=1)
    return Bar(symbol, start, end, price, price + 0.05, price - 0.05, price, 10_000)


def small_market() -> Market:
    """AMC and GME by the minute on a Monday, rising a cent a minute; AMC by the hour and day."""
    bars: dict[tuple[str, Timeframe], list[Bar]] = {}
    for symbol, price in (("AMC", 5.0), ("GME", 20.0)):
        bars[symbol, Timeframe.MINUTE] = [
            minute(symbol, OPEN + timedelta(minutes=n), round(price + n / 100, 2))
            for n in range(390)
        ]
    first_hour = at_new_york(MONDAY, 4)
    bars["AMC", Timeframe.HOUR] = [
        Bar("AMC", at, at + timedelta(hours=1), 5.0, 5.2, 4.9, 5.1, 50_000)
        for at in (first_hour + timedelta(hours=n) for n in range(16))
    ]
    bars["AMC", Timeframe.DAY] = [
        Bar("AMC", day.open, day.close, 4.8, 5.3, 4.7, 4.9, 900_000)
        for day in sessions_between(MONDAY - timedelta(days=14), MONDAY)
    ]
    return Market.from_bars(bars)


@dataclass(frozen=True)
class Floor:
    """A running server, its conductor's hands and official clients of it."""

    server: Running

    @property
    def url(self) -> str:
        return self.server.base_url

    def advance(self, until: datetime) -> dict[str, Any]:
        """As the only member: move time to `until`."""
        query = {"member": "conductor", "until": until.isoformat()}
        told: dict[str, Any] = self.get("/sim/wait", **query)
        return told

    def get(self, path: str, **query: str) -> Any:
        answer = requests.get(self.url + path, params=query, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def post(self, where: str, /, **body: object) -> requests.Response:
        return requests.post(self.url + where, json=body, timeout=20)

    # Any: every method of these clients returns a model or, with `raw`, a dict.
    def trading(self, spec: AccountSpec = ANN, *, raw: bool = False) -> Any:
        return TradingClient(spec.key, spec.secret, url_override=self.url, raw_data=raw)

    def data(self, spec: AccountSpec = ANN, *, raw: bool = False) -> Any:
        return StockHistoricalDataClient(spec.key, spec.secret, url_override=self.url, raw_data=raw)

    def ask(
        self, method: str, path: str, body: object = None, spec: AccountSpec = ANN
    ) -> requests.Response:
        """A request without the official client."""
        return requests.request(
            method,
            self.url + path,
            data=body if isinstance(body, bytes | None) else json.dumps(body),
            headers={"APCA-API-KEY-ID": spec.key, "APCA-API-SECRET-KEY": spec.secret},
            timeout=20,
        )


@contextmanager
def floor(
    *,
    start: datetime | None = None,
    mode: Mode | None = None,
    rules: Rules | None = None,
    rate_limit: int | None = None,
) -> Iterator[Floor]:
    """A server over the small market, ten minutes into Monday's session unless told otherwise."""
    exchange = Exchange(
        small_market(),
        [ANN, BOB],
        start=start or OPEN + timedelta(minutes=10),
        rules=rules or Rules(spread_bps=Decimal(0)),
    )
    with running(exchange, mode=mode or Stepped(), rate_limit=rate_limit) as server:
        yield Floor(server)
