#!/usr/bin/env python3
"""1, 3, 10 daemons and 5, 50, 500 symbols on one machine: what an order waits for.

Each daemon is an engine in a process of its own, with its account, connections and journal. As on
the wall's clock, each looks at its account a second before a minute's end, which counts for
nothing here. All are told of the minute's end at once; each polls the bars of all its symbols,
decides on each, and sends an order for the last. The exchange is on the same machine, one process
for all of them; `bare` is what it alone costs the machine: the same requests without an engine.
"""

import argparse
import http.client
import multiprocessing
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.bar_to_order import POST
from benchmarks.floor import accounts, days, exchange, names, percentiles, tell
from benchmarks.footprint import pss
from benchmarks.rig import Last, engine
from magellan_core.alpaca.deadline import DeadlineSession
from magellan_core.daemon import LOOK_AHEAD
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.clock import ExchangeClock

SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds from the word that a minute is over: to the order's first byte and to the tick's end.

    `polled` is from the bars' answer to the order, `busy` the daemon's own processor time.
    """

    sent: float | None
    polled: float | None
    done: float
    busy: float


class Marks:
    """When the bars' answer was there and the order left."""

    def __init__(self) -> None:
        self.bars = self.sent = 0.0
        request, send = DeadlineSession.request, http.client.HTTPConnection.send

        def marked_request(session: DeadlineSession, method: Any, url: Any, **options: Any) -> Any:
            answer = request(session, method, url, **options)
            if str(url).endswith("/stocks/bars"):
                self.bars = time.perf_counter()
            return answer

        def marked_send(connection: http.client.HTTPConnection, data: Any) -> None:
            if isinstance(data, bytes) and data.startswith(POST):
                self.sent = time.perf_counter()
            send(connection, data)

        setattr(DeadlineSession, "request", marked_request)  # noqa: B010  # mypy: a method
        setattr(http.client.HTTPConnection, "send", marked_send)  # noqa: B010  # the same


def daemon(url: str, symbols: int, account: AccountSpec, start: datetime, end: Connection) -> None:
    """Tick whenever told the time; None ends it."""
    marks = Marks()
    with (
        tempfile.TemporaryDirectory() as folder,
        engine(url, Last(symbols), Path(folder), account, LOOK_AHEAD) as made,
    ):
        made.recover(start, {})
        made.rest()
        end.send("ready")
        while (now := end.recv()) is not None:
            begun, busy = time.perf_counter(), time.process_time()
            marks.sent = 0.0
            made.tick(now)
            done, busy = time.perf_counter() - begun, time.process_time() - busy
            left = marks.sent or None
            end.send(
                Took(
                    None if left is None else left - begun,
                    None if left is None else left - marks.bars,
                    done,
                    busy,
                )
            )
            made.rest()


def bare(url: str, symbols: int, account: AccountSpec, _start: datetime, end: Connection) -> None:
    """The requests of such a tick over one connection each, and nothing else."""
    headers = {"APCA-API-KEY-ID": account.key, "APCA-API-SECRET-KEY": account.secret}
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    named = ",".join(names(symbols))
    end.send("ready")
    while (now := end.recv()) is not None:
        begun, busy = time.perf_counter(), time.process_time()
        first = (now - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
        last = (now - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for path in (
            f"/v2/stocks/bars?symbols={named}&timeframe=1Min&start={first}&end={last}&limit=10000",
            f"/v2/stocks/quotes/latest?symbols={named.rpartition(',')[2]}",
        ):
            connection.request("GET", path, headers=headers)
            connection.getresponse().read()
        sent = time.perf_counter() - begun
        end.send(Took(sent, None, sent, time.process_time() - busy))
    connection.close()


def measure(daemons: int, symbols: int, minutes: int, work: Any) -> dict[str, object]:
    """That many at once, minute after minute."""
    [session] = days(1)
    start = session.open - timedelta(minutes=5)
    took: list[Took] = []
    with ExitStack() as stack:
        url = stack.enter_context(exchange(symbols, 1, start, daemons))
        clock = ExchangeClock(url, "bench")
        stack.callback(clock.leave)
        ends: list[Connection] = []
        pids = []
        for account in accounts(daemons):
            ours, theirs = multiprocessing.Pipe()
            process = SPAWN.Process(target=work, args=(url, symbols, account, clock.now(), theirs))
            process.start()
            stack.callback(process.join, 20)
            ends.append(ours)
            pids.append(process.pid or 0)
        stack.callback(_end, ends)
        for end in ends:
            end.recv()
        for minute in range(1, minutes + 1):
            due = session.open + timedelta(minutes=minute)
            _tick(clock, ends, due - LOOK_AHEAD)
            took += _tick(clock, ends, due)
        memory = [pss(pid) for pid in pids]
    sent = percentiles([each.sent for each in took if each.sent is not None])
    polled = [each.polled for each in took if each.polled is not None]
    return {
        "to_order": sent,
        "poll_to_order": percentiles(polled) if polled else None,
        "tick": percentiles([each.done for each in took]),
        "cpu": percentiles([each.busy for each in took]),
        "pss_mb_each": round(sum(memory) / len(memory), 1),
    }


def _tick(clock: ExchangeClock, ends: list[Connection], at: datetime) -> list[Took]:
    clock.wait(at, wake_on_update=False)
    for end in ends:
        end.send(clock.now())
    return [end.recv() for end in ends]


def _end(ends: list[Connection]) -> None:
    for end in ends:
        with suppress(BrokenPipeError):
            end.send(None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--daemons", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--symbols", type=int, nargs="+", default=[5, 50, 500])
    parser.add_argument("--minutes", type=int, default=60)
    asked = parser.parse_args()
    rows = []
    for daemons in asked.daemons:
        for symbols in asked.symbols:
            sys.stderr.write(f"{daemons} daemons, {symbols} symbols\n")
            found = measure(daemons, symbols, asked.minutes, daemon)
            floor: Any = measure(daemons, symbols, asked.minutes, bare)["to_order"]
            rows.append({"daemons": daemons, "symbols": symbols, **found, "bare": floor})
    sys.stdout.write(tell({"rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
