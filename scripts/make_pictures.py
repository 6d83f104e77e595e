#!/usr/bin/env python3
"""Draw docs/images/dashboard-80.svg and dashboard-140.svg: the dashboard of a demonstration.

Runs the demonstration on its made-up market and keeps the picture of the busiest moment, so the
pictures show what the product does, never a mock-up. A minute or so; nothing else is written but
the run's own folder.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import os
import shutil
import time
from datetime import date
from io import StringIO
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser
from magellan_core.errors import MagellanError, Unavailable
from magellan_core.market_hours import sessions_between
from magellan_core.operations.dashboard import dashboard
from magellan_core.operations.demo import Demo, Market, Opened, Stopwatch, stops
from magellan_core.operations.drawing import svg
from magellan_core.operations.looks import Snapshot
from magellan_core.operations.snapshot import Lookout
from magellan_core.operations.stations import Station
from magellan_core.paper.clock import ExchangeClock
from magellan_core.ports import Woken

# A terminal as small as it may be, and one with room for everything.
SIZES = ((80, 24), (140, None))
CONSOLE = Console(highlight=False)


class Photographer(Demo):
    """A demonstration that keeps the snapshot in which the most is held."""

    best: Snapshot | None = None

    def _watch(self, clock: ExchangeClock, opened: Opened, stations: list[Station]) -> None:
        lookout = Lookout(stations)
        for until in stops(sessions_between(opened.first, opened.last), often=True):
            if until <= clock.now():
                continue
            if clock.wait(until, wake_on_update=False) is Woken.STOP:
                raise Unavailable(f"a process ended by surprise: see {self.out / 'logs'}")
            snapshot = lookout.take(clock.now())
            if self.best is None or busyness(snapshot) > busyness(self.best):
                self.best = snapshot


def busyness(snapshot: Snapshot) -> tuple[bool, int, int]:
    """An open market first, then strategies that hold something, then positions."""
    held = [len(s.positions) for s in snapshot.strategies]
    return snapshot.market.is_open, sum(1 for n in held if n), sum(held)


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="stored bars, not made-up ones")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, metavar="YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, metavar="YYYY-MM-DD")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="%(default)s")
    parser.add_argument("--run", type=Path, default=ROOT / "var" / "pictures", help="%(default)s")
    asked = parser.parse_args(arguments)
    shutil.rmtree(asked.run, ignore_errors=True)
    asked.run.mkdir(parents=True)
    market = Market(asked.data, asked.first, asked.last, None)
    quiet, watch = Console(file=StringIO()), Stopwatch(time.monotonic, time.sleep)
    demo = Photographer(ROOT, asked.run, market, None, 0, quiet, os.environ, watch)
    try:
        demo.run()
    except MagellanError as fault:
        CONSOLE.print(f"make_pictures: {fault}", style="red", markup=False, soft_wrap=True)
        return fault.exit_code
    if demo.best is None:
        CONSOLE.print("make_pictures: no moment was looked at: choose days with sessions")
        return 1
    asked.out.mkdir(parents=True, exist_ok=True)
    for width, height in SIZES:
        path = asked.out / f"dashboard-{width}.svg"
        path.write_text(svg(demo.best, width, height), encoding="utf-8")
        CONSOLE.print(f"{asked.out / f'dashboard-{width}.svg'}")
    CONSOLE.print(dashboard(demo.best, CONSOLE.width, 24))
    return 0


if __name__ == "__main__":
    sys.exit(main())
