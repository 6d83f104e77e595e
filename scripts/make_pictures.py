#!/usr/bin/env python3
"""Draw docs/images: the dashboard and the weekly report of a demonstration, at 80 and 140 columns.

Runs the demonstration on its made-up market and keeps its moments: a normal one, the worst loss, a
closed market, one account out of reach (its port is closed), and a halt by hand. So the pictures
show what the product does, never a mock-up. A minute or so; nothing else is written but the run's
own folder.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.config import load
from magellan_core.errors import MagellanError, Unavailable
from magellan_core.market_hours import new_york, sessions_between
from magellan_core.operations.dashboard import dashboard
from magellan_core.operations.demo import Demo, Market, Opened, Stopwatch, stops
from magellan_core.operations.drawing import svg
from magellan_core.operations.halting import Operator, halt
from magellan_core.operations.looks import Snapshot
from magellan_core.operations.open_stations import open_stations
from magellan_core.operations.reporting.gathering import report_of
from magellan_core.operations.reporting.words import text
from magellan_core.operations.snapshot import Lookout
from magellan_core.operations.stations import Station
from magellan_core.paper.clock import ExchangeClock
from magellan_core.paper.synthetic import DEMO_FIRST, DEMO_LAST
from magellan_core.ports import Woken

SHIPPED = sorted(ROOT.glob("deployable_strategies/*/aws_deployment/config.json"))

# A terminal as small as it may be, and one with room for everything.
SIZES = ((80, 24), (140, None))
CONSOLE = Console(highlight=False)
HALTED = "hourly_swing"
NOON = 12
CLOSED_PORT = "http://127.0.0.1:9"


class Photographer(Demo):
    """A demonstration that keeps a snapshot of each state worth a picture."""

    shots: dict[str, Snapshot]

    def _watch(self, clock: ExchangeClock, opened: Opened, stations: list[Station]) -> None:
        self.shots = {}
        lookout, cut_off = Lookout(stations), Lookout(without_account(stations, opened))
        halted = False
        for until in stops(sessions_between(opened.first, opened.last), often=True):
            if until <= clock.now():
                continue
            if clock.wait(until, wake_on_update=False) is Woken.STOP:
                raise Unavailable(f"a process ended by surprise: see {self.out / 'logs'}")
            snapshot = lookout.take(clock.now())
            if halted:
                self.shots.setdefault("halted", snapshot)
                continue
            if self._keep("normal", snapshot, busyness):
                self.shots["account-down"] = cut_off.take(clock.now())
            self._keep("loss", snapshot, loss)
            self._keep("closed", snapshot, closed)
            local = new_york(clock.now())
            if local.date() == opened.last and local.hour >= NOON:
                self._halt(clock)
                halted = True

    def _keep(
        self, name: str, snapshot: Snapshot, worth: Callable[[Snapshot], tuple[float, ...]]
    ) -> bool:
        """Keep the better one; say whether it is the new one."""
        known = self.shots.get(name)
        better = known is None or worth(snapshot) > worth(known)
        if better:
            self.shots[name] = snapshot
        return better

    def _halt(self, clock: ExchangeClock) -> None:
        """By the operator's own way; time stands still, so nobody is waited for."""
        operator = Operator("make_pictures", clock.now, time.sleep, lambda _text: None)
        halt(self.out / "state", HALTED, "earnings tonight", operator, 0)


def without_account(stations: list[Station], opened: Opened) -> list[Station]:
    """The same stations, one of them asking at a port where nobody answers."""
    lost = stations[1]
    told = {lost.strategy: opened.keys[lost.strategy]}
    path = next(p for p in SHIPPED if load(p).name == lost.strategy)
    [station] = open_stations({lost.strategy: path}, CLOSED_PORT, told, lost.journal.parent)
    return [station if each is lost else each for each in stations]


def busyness(snapshot: Snapshot) -> tuple[float, ...]:
    """An open market first, then strategies that hold something, then positions."""
    held = [len(s.positions) for s in snapshot.strategies]
    return snapshot.market.is_open, sum(1 for n in held if n), sum(held)


def loss(snapshot: Snapshot) -> tuple[float, ...]:
    """The deepest day's loss of all accounts while the market is open."""
    return snapshot.market.is_open, -float(snapshot.totals.today.value or 0)


def closed(snapshot: Snapshot) -> tuple[float, ...]:
    """Signals for the next open on a closed market, then positions."""
    signals = sum(1 for s in snapshot.strategies for look in s.symbols if look.signal)
    held = sum(len(s.positions) for s in snapshot.strategies)
    return not snapshot.market.is_open, signals, held


def drawn(shots: Mapping[str, Snapshot]) -> Iterator[tuple[str, str]]:
    """File names and pictures; the normal state is the one that the README shows."""
    for state, snapshot in sorted(shots.items()):
        name = "dashboard" if state == "normal" else f"dashboard-{state}"
        for width, height in SIZES:
            yield f"{name}-{width}.svg", svg(dashboard(snapshot, width, height), width)


def reported(run: Path, first: date, last: date) -> Iterator[tuple[str, str]]:
    """The week's report as a terminal shows it."""
    sessions = sessions_between(first, last)
    report = report_of(
        [load(path) for path in SHIPPED],
        run / "state",
        sessions,
        sessions[-1].close + timedelta(minutes=30),
    )
    for width, _ in SIZES:
        yield f"report-{width}.svg", svg(text(report), width, "scripts/daily_report.py --week")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    first, last = asked.first or DEMO_FIRST, asked.last or DEMO_LAST
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, picture in (*drawn(demo.shots), *reported(asked.run, first, last)):
        (asked.out / name).write_text(picture, encoding="utf-8")
        CONSOLE.print(f"{asked.out / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
