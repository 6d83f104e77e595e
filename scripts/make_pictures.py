#!/usr/bin/env python3
"""Draw docs/images: the dashboard and the report in every state that an operator meets.

Runs the demonstration on its made-up market and keeps its most telling moments, so the pictures
show what the product does, never a mock-up: a busy hour, the deepest loss, a closed market, an
account whose keys are refused, and a strategy halted by hand on the last afternoon. A minute or
so; nothing else is written but the run's own folder.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from io import StringIO
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser, day
from magellan_core.backtest.same_day import SameDay, same_days, trader_of
from magellan_core.config import Config, load
from magellan_core.errors import DataError, MagellanError, Unavailable
from magellan_core.lines import Event
from magellan_core.market_hours import new_york_date, sessions_between
from magellan_core.operations.demo import Demo, Market, Opened, Stopwatch, stops
from magellan_core.operations.drawing import report_svg, svg
from magellan_core.operations.halting import Operator, halt
from magellan_core.operations.looks import Snapshot
from magellan_core.operations.open_stations import open_stations
from magellan_core.operations.reporting.gathering import report_of
from magellan_core.operations.reporting.report import Report
from magellan_core.operations.snapshot import Lookout
from magellan_core.operations.stations import Station
from magellan_core.paper.clock import ExchangeClock
from magellan_core.paper.synthetic import DEMO_FIRST, DEMO_LAST, DEMO_SEED, generate
from magellan_core.ports import Woken

# A terminal as small as it may be, and one with room for everything.
SIZES = ((80, 24), (140, None))
CONSOLE = Console(highlight=False)
HALTED, REASON = "hourly_swing", "orders at the broker that nobody here sent"
BEFORE_CLOSE = timedelta(hours=1)


class Photographer(Demo):
    """A demonstration that keeps a snapshot of each state, by name; "" is the busy hour."""

    album: dict[str, Snapshot]
    now: datetime

    def _watch(self, clock: ExchangeClock, opened: Opened, stations: list[Station]) -> None:
        self.album = {}
        refused = {**opened.keys, "bear_trap": ("PK-revoked", "revoked")}
        configs = {name: unit.config for name, unit in self.units.items()}
        folder = self.out / "state"
        well = Lookout(stations)
        ill = Lookout(open_stations(configs, opened.base_url, refused, folder))
        sessions = sessions_between(opened.first, opened.last)
        bell = sessions[-1].close - BEFORE_CLOSE
        for until in stops(sessions, often=True):
            if until <= clock.now():
                continue
            if clock.wait(until, wake_on_update=False) is Woken.STOP:
                raise Unavailable(f"a process ended by surprise: see {self.out / 'logs'}")
            self.now = clock.now()
            snapshot = well.take(self.now)
            if self.now < bell:
                self._keep("", snapshot, key=busyness)
                self._keep("loss", snapshot, key=lost)
                self._keep("account-down", ill.take(self.now), key=busyness)
                self._keep("closed", snapshot, key=lambda s: (not s.market.is_open,))
            elif "halted" not in self.album and any(s.halts for s in snapshot.strategies):
                self.album["halted"] = snapshot
            elif "halted" not in self.album:
                operator = Operator("operator", clock.now, lambda _: None, lambda _: None)
                halt(folder, HALTED, REASON, operator, 0)

    def _keep(
        self, state: str, snapshot: Snapshot, key: Callable[[Snapshot], tuple[int, ...]]
    ) -> None:
        kept = self.album.get(state)
        if kept is None or key(snapshot) > key(kept):
            self.album[state] = snapshot


def lost(snapshot: Snapshot) -> tuple[bool, bool, int]:
    """An open market in which something is held, and the deepest loss there."""
    today = snapshot.totals.today.value
    held = any(s.positions for s in snapshot.strategies)
    return snapshot.market.is_open, held, 0 if today is None else -int(today)


def busyness(snapshot: Snapshot) -> tuple[bool, int, int]:
    """An open market first, then strategies that hold something, then positions."""
    held = [len(s.positions) for s in snapshot.strategies]
    return snapshot.market.is_open, sum(1 for n in held if n), sum(held)


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="stored bars, not made-up ones")
    parser.add_argument("--from", dest="first", type=day, metavar="YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=day, metavar="YYYY-MM-DD")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="%(default)s")
    parser.add_argument("--run", type=Path, default=ROOT / "var" / "pictures", help="%(default)s")
    asked = parser.parse_args(arguments)
    asked.out, asked.run = asked.out.resolve(), asked.run.resolve()
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
    asked.out.mkdir(parents=True, exist_ok=True)
    for state, snapshot in demo.album.items():
        for width, height in SIZES:
            name = "-".join(filter(None, ("dashboard", state, str(width))))
            write(asked.out / f"{name}.svg", svg(snapshot, width, height))
    for state, report in reports(demo, market).items():
        for width, _ in SIZES:
            write(asked.out / f"report-{state}-{width}.svg", report_svg(report, width))
    return 0


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    CONSOLE.print(str(path), soft_wrap=True)


def reports(demo: Photographer, market: Market) -> dict[str, Report]:
    """The week, the worst day, the day of the halt, and one with a journal missing."""
    sessions = sessions_between(market.first or DEMO_FIRST, market.last or DEMO_LAST)
    configs = [load(unit.config) for unit in demo.units.values()]
    state, lame = (demo.out / "state").resolve(), (demo.out / "lame").resolve()
    shutil.copytree(state, lame, ignore=shutil.ignore_patterns("bear_trap*"))
    # A report names the journal that it misses: not by where this checkout happens to lie.
    os.chdir(demo.out)
    lame = Path(lame.name)
    make = partial(report_of, configs, now=demo.now, trade_again=partial(again, market))
    worst = new_york_date(demo.album["loss"].at)
    return {
        "week": make(state, sessions),
        "loss": make(state, [s for s in sessions if s.date == worst]),
        "halted": make(state, sessions[-1:]),
        "missing": make(lame, sessions[-1:]),
    }


def again(
    market: Market, config: Config, events: Callable[[], Iterable[Event]], days: Sequence[date]
) -> Iterable[SameDay | DataError]:
    """As scripts/daily_report.py, with the made-up bars from before the run to warm up with."""
    bars = {} if market.data else generate(seed=DEMO_SEED, first=DEMO_FIRST, last=DEMO_LAST)
    frame = config.data_requirements.timeframe
    history = {
        symbol: [bar for bar in rows if new_york_date(bar.start) < DEMO_FIRST]
        for (symbol, of), rows in bars.items()
        if of.value == frame and symbol in config.symbols
    }
    trader = trader_of(config, history)
    return [] if trader is None else same_days(events(), days, trader)


if __name__ == "__main__":
    sys.exit(main())
