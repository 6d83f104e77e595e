#!/usr/bin/env python3
"""Requests a second that the paper exchange answers, against a server that does nothing.

One connection each, one request at a time, from another process: what a daemon's client sees.
"""

import argparse
import http.client
import json
import multiprocessing
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.floor import KEYS, days, exchange, percentiles, tell
from magellan_core.paper.gate import Receive, Scope, Send, read_body, respond

_BODY = b'{"id":"0"}'
READS = {
    "account": "/v2/account",
    "positions": "/v2/positions",
    "orders": "/v2/orders?status=open&limit=500&nested=true",
    "bars": "/v2/stocks/bars?symbols=S000,S001,S002,S003,S004&timeframe=1Min&limit=100",
    "quotes": "/v2/stocks/quotes/latest?symbols=S000,S001,S002,S003,S004",
}


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """The least an ASGI application can do."""
    if scope["type"] == "http":
        await read_body(receive)
        await respond(send, 200, _BODY, [])


def _serve_nothing(end: Connection) -> None:
    bound = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        nothing, loop="uvloop", http="httptools", lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
    thread.start()
    end.send(f"http://127.0.0.1:{bound.getsockname()[1]}")
    end.recv()
    server.should_exit = True
    thread.join(10)


@contextmanager
def bare_server() -> Iterator[str]:
    """The base URL of a server that answers everything with ten bytes."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve_nothing, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join(20)


Ask = Callable[[http.client.HTTPConnection, int], None]


def read(path: str) -> Ask:
    def ask(connection: http.client.HTTPConnection, _: int) -> None:
        connection.request("GET", path, headers=KEYS)

    return ask


def order(connection: http.client.HTTPConnection, number: int) -> None:
    """A limit order too low to fill, each with a name of its own."""
    body = {
        "symbol": f"S{number % 5:03}",
        "qty": 1,
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": 1,
        "client_order_id": f"bench-{number}",
    }
    connection.request("POST", "/v2/orders", json.dumps(body), headers=KEYS)


def measure(base_url: str, ask: Ask, count: int) -> dict[str, float]:
    """Requests a second over one kept connection, and the percentiles of their time."""
    connection = http.client.HTTPConnection(base_url.removeprefix("http://"), timeout=10)
    took = []
    for number in range(count):
        begun = time.perf_counter()
        ask(connection, number)
        answer = connection.getresponse()
        answer.read()
        took.append(time.perf_counter() - begun)
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{base_url} answered {answer.status}: the benchmark is wrong")
    connection.close()
    return {"per_second": round(count / sum(took)), **percentiles(took)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5000, help="of each kind")
    asked = parser.parse_args()
    [session] = days(1)
    with bare_server() as url:
        floor = measure(url, read("/"), asked.requests)
    told: dict[str, dict[str, float]] = {}
    with exchange(5, 1, session.open + timedelta(hours=2)) as url:
        for name, path in READS.items():
            told[name] = measure(url, read(path), asked.requests)
        told["submit"] = measure(url, order, min(asked.requests, 2000))
    median = statistics.median(row["per_second"] for row in told.values())
    figures = {"requests": told, "floor_bare_server": floor}
    sys.stdout.write(tell({**figures, "median_to_floor": round(median / floor["per_second"], 2)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
