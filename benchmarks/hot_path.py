#!/usr/bin/env python3
"""Where the time between a bar's answer and its first order goes: stages, and functions.

The stages are timed by bare wrappers, so that they add up to what `bar_to_order.py` measures. The
functions come from cProfile, which slows what it watches: read their order, not their sum.
`own_processor_time` leaves out what is waited for (disk, exchange), and says much the same on a
busy machine.
"""

import argparse
import cProfile
import http.client
import pstats
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.bar_to_order import POST
from benchmarks.floor import days, exchange, percentiles, tell
from benchmarks.rig import Flipper, engine
from magellan_core.alpaca.deadline import DeadlineSession
from magellan_core.alpaca.quotes_beside import QuotesBeside
from magellan_core.engine.engine import Engine
from magellan_core.engine.intake import Intake
from magellan_core.paper.clock import ExchangeClock
from magellan_core.store.journal import SqliteJournal
from magellan_core.store.portfolio import SqlitePortfolioStore

ROOT = str(Path(__file__).resolve().parents[1])
STAGES: tuple[tuple[type, str, str], ...] = (
    (QuotesBeside, "quotes", "quote asked for"),
    (SqlitePortfolioStore, "publish", "own figures published"),
    (SqlitePortfolioStore, "rows", "peers' figures read"),
    (SqlitePortfolioStore, "notices", "notices looked for"),
    (SqlitePortfolioStore, "high_water", "portfolio's mark read"),
    (SqliteJournal, "append", "journal written (fsync)"),
    (Intake, "_question", "question put together"),
    (Engine, "view", "view of the book"),
)


class Watch:
    """Collects while a bar's answer waits for its first order."""

    def __init__(self, *, profiled: bool) -> None:
        self.profile = cProfile.Profile() if profiled else None
        self.on, self.begun, self.worked = False, 0.0, 0.0
        self.took: list[float] = []
        self.busy: list[float] = []
        self.stages: dict[str, list[float]] = defaultdict(list)
        self._now: dict[str, float] = defaultdict(float)

    def begin(self) -> None:
        self.on, self.begun, self.worked = True, time.perf_counter(), time.thread_time()
        self._now.clear()
        if self.profile is not None:
            self.profile.enable()

    def end(self) -> None:
        if self.profile is not None:
            self.profile.disable()
        self.on = False
        self.took.append(time.perf_counter() - self.begun)
        self.busy.append(time.thread_time() - self.worked)
        for name, seconds in self._now.items():
            self.stages[name].append(seconds)

    def staged(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            if not self.on:
                return work(*arguments, **options)
            begun = time.perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                self._now[name] += time.perf_counter() - begun

        return timed

    def install(self) -> None:
        request, send = DeadlineSession.request, http.client.HTTPConnection.send

        def marked_request(session: DeadlineSession, method: Any, url: Any, **options: Any) -> Any:
            answer = request(session, method, url, **options)
            if str(url).endswith("/stocks/bars"):
                self.begin()
            return answer

        def marked_send(connection: http.client.HTTPConnection, data: Any) -> None:
            if self.on and isinstance(data, bytes) and data.startswith(POST):
                self.end()
            send(connection, data)

        setattr(DeadlineSession, "request", marked_request)  # noqa: B010  # mypy: a method
        setattr(http.client.HTTPConnection, "send", marked_send)  # noqa: B010  # the same
        if self.profile is None:
            for owner, method, name in STAGES:
                setattr(owner, method, self.staged(name, getattr(owner, method)))


def trade(symbols: int, bars: int, watch: Watch) -> None:
    [session] = days(1)
    start = session.open - timedelta(minutes=5)
    with exchange(symbols, 1, start) as url, tempfile.TemporaryDirectory() as folder:
        clock = ExchangeClock(url, "bench")
        with engine(url, Flipper(symbols), Path(folder)) as made:
            made.recover(clock.now(), {})
            watch.install()
            made.rest()
            while len(watch.took) < bars and clock.now() < session.close:
                report = made.tick(clock.now())
                made.rest()
                clock.wait(report.next_at, wake_on_update=True)
        clock.leave()


def functions(profile: cProfile.Profile, count: int, bars: int) -> list[dict[str, object]]:
    """The costliest by their own time, in milliseconds a bar."""
    rows = pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]  # set at run time
    told = sorted(rows, key=lambda row: -row[1][2])[:count]
    return [
        {
            "function": f"{_short(file)}:{name}",
            "calls": round(calls / bars, 2),
            "own_ms": round(own * 1000 / bars, 4),
            "cumulative_ms": round(whole * 1000 / bars, 4),
        }
        for (file, _line, name), (_, calls, own, whole, _callers) in told
    ]


def _short(file: str) -> str:
    return file.removeprefix(f"{ROOT}/").rpartition("site-packages/")[2]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=5)
    parser.add_argument("--bars", type=int, default=380)
    parser.add_argument("--profile", action="store_true", help="functions instead of stages")
    asked = parser.parse_args()
    watch = Watch(profiled=asked.profile)
    trade(asked.symbols, asked.bars, watch)
    told: dict[str, object] = {
        "symbols": asked.symbols,
        "first_order": percentiles(watch.took),
        "own_processor_time": percentiles(watch.busy),
    }
    if watch.profile is not None:
        told["functions"] = functions(watch.profile, 60, len(watch.took))
    else:
        count = len(watch.took)
        told["stages_mean_ms"] = {
            name: round(sum(rows) / count * 1000, 4)
            for name, rows in sorted(watch.stages.items(), key=lambda row: -sum(row[1]))
        }
        told["mean_ms"] = round(sum(watch.took) / count * 1000, 4)
    sys.stdout.write(tell(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
