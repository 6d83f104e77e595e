#!/usr/bin/env python3
"""What a tick costs when nothing is due: a flat account in mid-session, over HTTP.

The floor is the same number of requests over one bare connection.
"""

import argparse
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.floor import bare_gets, days, exchange, percentiles, tell
from benchmarks.rig import Idle, engine
from magellan_core.alpaca.deadline import DeadlineSession


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=1000)
    parser.add_argument("--symbols", type=int, default=5)
    asked = parser.parse_args()
    requests = 0
    send = DeadlineSession.request

    def counted(self: DeadlineSession, *arguments: Any, **options: Any) -> Any:
        nonlocal requests
        requests += 1
        return send(self, *arguments, **options)

    [session] = days(1)
    now = session.open + timedelta(hours=2)
    with (
        exchange(asked.symbols, 1, now) as url,
        tempfile.TemporaryDirectory() as folder,
        engine(url, Idle(asked.symbols), Path(folder)) as made,
    ):
        made.recover(now, {})
        made.tick(now)
        setattr(DeadlineSession, "request", counted)  # noqa: B010  # mypy minds the plain form
        took = []
        for _ in range(asked.ticks):
            begun, cpu = time.perf_counter(), time.process_time()
            made.tick(now)
            took.append((time.perf_counter() - begun, time.process_time() - cpu))
        each = requests / asked.ticks
        bare = bare_gets(url, "/v2/account")
    wall = percentiles([seconds for seconds, _ in took])
    floor = statistics.median(bare) * each * 1000
    told: dict[str, object] = {
        "tick": wall,
        "tick_cpu": percentiles([seconds for _, seconds in took]),
        "requests_a_tick": each,
        "floor_bare_gets_ms": round(floor, 3),
        "tick_to_floor": round(wall["p50_ms"] / floor, 2),
    }
    sys.stdout.write(tell(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
