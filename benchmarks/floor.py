"""What the benchmarks share: percentiles, bare floors of the same machine, the exchange apart."""

import http.client
import json
import multiprocessing
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from multiprocessing.connection import Connection

import requests

from magellan_core.market_hours import Session, session_on, sessions_between
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.rules import Rules
from magellan_core.paper.server import Stepped, running

RICH = Decimal(10_000_000)
ACCOUNT = AccountSpec("PABENCH", "PK-bench", "local-bench", Timeframe.MINUTE, RICH)
FIRST = date(2026, 1, 5)
KEYS = {"APCA-API-KEY-ID": ACCOUNT.key, "APCA-API-SECRET-KEY": ACCOUNT.secret}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds: p50, p99, max and how many. Raises ValueError if nothing was measured."""
    rows = sorted(seconds)
    if not rows:
        raise ValueError("nothing was measured: did the engine refuse every order?")

    def at(share: float) -> float:
        return round(rows[min(len(rows) - 1, int(share * len(rows)))] * 1000, 4)

    return {"p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0), "n": len(rows)}


def machine() -> dict[str, object]:
    """Where the figures come from."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": multiprocessing.cpu_count(),
        "kernel": platform.release(),
    }


def session(day: date) -> Session:
    """That day's session. Raises ValueError if there is none."""
    found = session_on(day)
    if found is None:
        raise ValueError(f"{day} has no session")
    return found


def days(count: int) -> list[Session]:
    """So many sessions from the first on."""
    return sessions_between(FIRST, FIRST + timedelta(days=2 * count + 7))[:count]


def names(count: int) -> list[str]:
    return [f"S{n:03}" for n in range(count)]


def market(symbols: int, sessions: Sequence[Session]) -> Market:
    """A bar every minute of every session, each symbol rising and falling by cents."""
    before = session(date(2026, 1, 2))
    bars: dict[tuple[str, Timeframe], list[Bar]] = {}
    for symbol in names(symbols):
        rows = bars[symbol, Timeframe.MINUTE] = []
        for each in (before, *sessions):
            at, n = each.open, 0
            while at < each.close:
                price = round(10 + (n % 20) / 100, 2)
                end = at + timedelta(minutes=1)
                rows.append(Bar(symbol, at, end, price, price + 0.02, price - 0.02, price, 5000))
                at, n = end, n + 1
    return Market.from_bars(bars)


def accounts(count: int) -> list[AccountSpec]:
    """The benchmark's account, and as many like it."""
    more = range(1, count)
    return [ACCOUNT] + [
        AccountSpec(f"PABENCH{n}", f"PK-bench{n}", f"local-bench{n}", Timeframe.MINUTE, RICH)
        for n in more
    ]


def _serve(symbols: int, count: int, start: datetime, traders: int, end: Connection) -> None:
    exchange = Exchange(market(symbols, days(count)), accounts(traders), start=start, rules=Rules())
    with running(exchange, mode=Stepped({"bench": ACCOUNT.number}, watchdog=600)) as server:
        end.send(server.base_url)
        end.recv()


@contextmanager
def exchange(symbols: int, count: int, start: datetime, traders: int = 1) -> Iterator[str]:
    """The base URL of a stepped paper exchange in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    arguments = (symbols, count, start, traders, theirs)
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=arguments)
    process.start()
    try:
        if not ours.poll(120):
            raise TimeoutError("the exchange did not start within two minutes")
        yield ours.recv()
    finally:
        ours.send(None)
        process.join(20)


def bare_loop(count: int = 200_000) -> float:
    """Nanoseconds of one turn of an empty loop: how fast this machine's Python is."""
    begun = time.perf_counter()
    for _ in range(count):
        pass
    return round((time.perf_counter() - begun) / count * 1e9, 2)


def bare_posts(base_url: str, count: int = 1000) -> dict[str, float]:
    """The whole round trip of a POST through requests, answered 422 by the same exchange."""
    with requests.Session() as client:
        client.trust_env = False
        took = []
        for _ in range(count):
            begun = time.perf_counter()
            client.post(f"{base_url}/v2/orders", json={"symbol": ""}, headers=KEYS, timeout=10)
            took.append(time.perf_counter() - begun)
    return percentiles(took)


def bare_gets(
    base_url: str, path: str, count: int = 2000, account: Mapping[str, str] | None = None
) -> list[float]:
    """Seconds of each GET over one kept connection, without requests."""
    headers = KEYS
    if account is not None:
        headers = {"APCA-API-KEY-ID": account["key"], "APCA-API-SECRET-KEY": account["secret"]}
    host = base_url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    took = []
    for _ in range(count):
        begun = time.perf_counter()
        connection.request("GET", path, headers=headers)
        connection.getresponse().read()
        took.append(time.perf_counter() - begun)
    connection.close()
    return took


def tell(figures: dict[str, object]) -> str:
    return json.dumps({**figures, **machine(), "empty_loop_ns": bare_loop()}, indent=2) + "\n"
