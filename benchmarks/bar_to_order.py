#!/usr/bin/env python3
"""From the last byte of the bars' answer to the first byte of the POST, journal included.

A real engine, adapter and SQLite journal against a paper exchange in another process, with a
strategy that sends an order on every bar. `first` is the first order after a bar's answer; `own` is
each later order of the same bar from the answer before it; `all` is every order from the bar's
answer, which the orders of the other symbols precede. An entry asks for its quote in between.
"""

import argparse
import http.client
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.floor import bare_posts, days, exchange, percentiles, tell
from benchmarks.rig import Flipper, engine
from magellan_core.alpaca.deadline import DeadlineSession
from magellan_core.paper.clock import ExchangeClock
from magellan_core.ports import Journal
from magellan_core.store.journal import SqliteJournal

POST = b"POST /v2/orders"


@dataclass
class Marks:
    """Instants as they pass, and the spans between them, in seconds."""

    bars_at: float = 0.0
    answered_at: float = 0.0
    fresh: bool = False
    on: bool = False
    first: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    every: list[float] = field(default_factory=list)
    fsync: list[float] = field(default_factory=list)

    def sent(self) -> None:
        now = time.perf_counter()
        self.every.append(now - self.bars_at)
        (self.first if self.fresh else self.own).append(now - self.answered_at)
        self.fresh = False

    def answered(self, path: str) -> None:
        self.answered_at = time.perf_counter()
        if path.endswith("/stocks/bars"):
            self.bars_at, self.fresh = self.answered_at, True


def watch(marks: Marks) -> None:
    """Mark the last byte of each answer, the first byte of each POST, and each journal write."""
    request, send = DeadlineSession.request, http.client.HTTPConnection.send
    append = SqliteJournal.append

    def marked_request(self: DeadlineSession, method: Any, url: Any, **options: Any) -> Any:
        answer = request(self, method, url, **options)
        # A quote asked for between bar and order counts as part of the way.
        if str(method).upper() != "GET" or str(url).endswith("/stocks/bars"):
            marks.answered(str(url))
        return answer

    def marked_send(self: http.client.HTTPConnection, data: Any) -> None:
        if marks.on and isinstance(data, bytes) and data.startswith(POST):
            marks.sent()
        send(self, data)

    def marked_append(self: Journal, events: Any) -> None:
        begun = time.perf_counter()
        append(self, events)  # type: ignore[arg-type]  # it is the very class it was taken from
        marks.fsync.append(time.perf_counter() - begun)

    for owner, name, value in (
        (DeadlineSession, "request", marked_request),
        (http.client.HTTPConnection, "send", marked_send),
        (SqliteJournal, "append", marked_append),
    ):
        setattr(owner, name, value)


def trade(symbols: int, decisions: int, marks: Marks) -> dict[str, float]:
    """Session after session, each with a new journal, until enough orders were sent."""
    per_day = 380 * symbols
    count = -(-decisions // per_day)
    sessions = days(count)
    start = sessions[0].open - timedelta(minutes=5)
    with exchange(symbols, count, start) as url:
        clock = ExchangeClock(url, "bench")
        marks.on = True
        for each in sessions:
            with tempfile.TemporaryDirectory() as folder:
                _day(url, clock, symbols, each.date, Path(folder), marks, decisions)
            if len(marks.every) >= decisions:
                break
        marks.on = False
        floor = bare_posts(url)
        clock.leave()
    return floor


def _day(
    url: str,
    clock: ExchangeClock,
    symbols: int,
    day: date,
    folder: Path,
    marks: Marks,
    decisions: int,
) -> None:
    with engine(url, Flipper(symbols), folder) as made:
        made.recover(clock.now(), {})
        while clock.now().date() <= day and len(marks.every) < decisions:
            report = made.tick(clock.now())
            if report.outage is not None or report.finished:
                raise RuntimeError(f"the benchmark's engine stopped: {report.status}")
            clock.wait(report.next_at, wake_on_update=report.watching)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=10_000)
    parser.add_argument("--symbols", type=int, nargs="+", default=[5, 50])
    asked = parser.parse_args()
    marks = Marks()
    watch(marks)
    told: dict[str, object] = {}
    for symbols in asked.symbols:
        marks.__init__()  # type: ignore[misc]  # the watchers hold this very object
        floor = trade(symbols, asked.decisions, marks)
        first = percentiles(marks.first)
        told[f"{symbols}_symbols"] = {
            "first": first,
            "own": percentiles(marks.own) if marks.own else None,
            "all": percentiles(marks.every),
            "journal_write": percentiles(marks.fsync),
            "floor_requests_post": floor,
            "first_to_floor": round(first["p50_ms"] / floor["p50_ms"], 2),
        }
    sys.stdout.write(tell(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
