#!/usr/bin/env python3
"""From the last byte of the bars' answer to the first byte of the POST, journal included.

A real engine, adapter and SQLite journal against a paper exchange in another process, with a
strategy that sends an order on every bar. `first` is the first order after a bar's answer; `own` is
each later order of the same bar from the answer before it; `all` is every order from the bar's
answer, which the orders of the other symbols precede. An entry asks for its quote in between.
`stream` is the first order from the last byte of the stream's frame with that bar, which only
hints: the bars are polled after it, so that their request counts too.
"""

import argparse
import http.client
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.floor import bare_posts, days, exchange, percentiles, tell
from benchmarks.rig import Flipper, engine
from benchmarks.streamed import Ahead
from magellan_core.alpaca import data_messages, data_stream
from magellan_core.alpaca.deadline import DeadlineSession
from magellan_core.daemon import LOOK_AHEAD
from magellan_core.market_hours import Session
from magellan_core.paper.clock import ExchangeClock
from magellan_core.ports import Journal
from magellan_core.store.journal import SqliteJournal

POST = b"POST /v2/orders"


@dataclass
class Marks:
    """Instants as they pass, and the spans between them, in seconds."""

    bars_at: float = 0.0
    answered_at: float = 0.0
    told_at: float = 0.0
    fresh: bool = False
    on: bool = False
    first: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    every: list[float] = field(default_factory=list)
    stream: list[float] = field(default_factory=list)
    fsync: list[float] = field(default_factory=list)

    def sent(self) -> None:
        now = time.perf_counter()
        self.every.append(now - self.bars_at)
        (self.first if self.fresh else self.own).append(now - self.answered_at)
        if self.fresh and self.told_at:
            self.stream.append(now - self.told_at)
        self.fresh, self.told_at = False, 0.0

    def answered(self, path: str) -> None:
        self.answered_at = time.perf_counter()
        if path.endswith("/stocks/bars"):
            self.bars_at, self.fresh = self.answered_at, True


def watch(marks: Marks) -> None:
    """Mark the last byte of each answer, the first byte of each POST, and each journal write."""
    request, send = DeadlineSession.request, http.client.HTTPConnection.send
    append, messages = SqliteJournal.append, data_messages.messages

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

    def marked_messages(frame: str | bytes) -> Any:
        now = time.perf_counter()
        told = messages(frame)
        if any(message.get("T") == "b" for message in told):
            marks.told_at = now
        return told

    setattr(data_stream, "messages", marked_messages)  # noqa: B010  # mypy minds the plain form
    for owner, name, value in (
        (DeadlineSession, "request", marked_request),
        (http.client.HTTPConnection, "send", marked_send),
        (SqliteJournal, "append", marked_append),
    ):
        setattr(owner, name, value)


def trade(symbols: int, decisions: int, marks: Marks, *, streamed: bool) -> dict[str, float]:
    """Session after session on one journal, as a daemon does, until enough orders were sent."""
    per_day = 380 * symbols
    sessions = days(-(-decisions // per_day) + 1)
    start = sessions[0].open - timedelta(minutes=5)
    with ExitStack() as stack:
        url = stack.enter_context(exchange(symbols, len(sessions), start))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        # Only a daemon that lives by the wall's clock looks ahead, and only it hears the stream.
        lead = LOOK_AHEAD if streamed else None
        made = stack.enter_context(engine(url, Flipper(symbols), Path(folder), look_ahead=lead))
        clock = ExchangeClock(url, "bench")
        stack.callback(clock.leave)
        ahead = Ahead(clock, url, symbols, stack) if streamed else None
        made.recover(clock.now(), {})
        made.rest()
        marks.on, now = True, clock.now()
        while now < sessions[-1].close and len(marks.every) < decisions:
            report = made.tick(now)
            if report.outage is not None or report.finished:
                raise RuntimeError(f"the benchmark's engine stopped: {report.status}")
            made.rest()
            now = _nap(clock, ahead, report.next_at, sessions, wake=report.watching)
        marks.on = False
        return bare_posts(url)


def _nap(
    clock: ExchangeClock,
    ahead: Ahead | None,
    until: datetime,
    sessions: Sequence[Session],
    *,
    wake: bool,
) -> datetime:
    today = next((s for s in sessions if s.open < until <= s.close), None)
    if ahead is None or today is None:
        clock.wait(until, wake_on_update=wake)
        return clock.now()
    ahead.join()
    return ahead.nap(until, today, wake=wake)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=10_000)
    parser.add_argument("--symbols", type=int, nargs="+", default=[5, 50])
    parser.add_argument("--streamed", type=int, default=2000, help="decisions on the stream; 0: no")
    asked = parser.parse_args()
    marks = Marks()
    watch(marks)
    told: dict[str, object] = {}
    for symbols in asked.symbols:
        marks.__init__()  # type: ignore[misc]  # the watchers hold this very object
        floor = trade(symbols, asked.decisions, marks, streamed=False)
        first = percentiles(marks.first)
        told[f"{symbols}_symbols"] = {
            "first": first,
            "own": percentiles(marks.own) if marks.own else None,
            "all": percentiles(marks.every),
            "journal_write": percentiles(marks.fsync),
            "floor_requests_post": floor,
            "first_to_floor": round(first["p50_ms"] / floor["p50_ms"], 2),
        }
        if asked.streamed:
            marks.__init__()  # type: ignore[misc]  # as above
            trade(symbols, asked.streamed, marks, streamed=True)
            told[f"{symbols}_symbols_streamed"] = percentiles(marks.stream)
    sys.stdout.write(tell(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
