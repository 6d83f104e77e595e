"""How fast backtests run: bars a second, peak memory, as JSON: python -m benchmarks.backtest

trap     5 symbols x 97,500 one-minute bars (250 sessions), the Bear Trap rules: strategy, risk
         predicates, matching, an equity point a minute, journal in memory; accounts per symbol.
swing    2 symbols x 8 years of hourly bars, Hourly Swing, the same way.
daily    10 symbols x 8 years of daily bars, Daily Trend: the script from the command line, files
         read, nothing warm but the disk cache.
engine   the Bear Trap rules over the synthetic market through the live engine and the exchange's
         core on one shared account: what --accounts shared costs.

Each workload runs in a process of its own, so that its peak memory is its own. `cpu` seconds leave
out what other processes on the machine take.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from time import perf_counter, process_time

from magellan_core.backtest import bars
from magellan_core.backtest.drive import drive_all
from magellan_core.backtest.fills import POLICIES
from magellan_core.backtest.judge import Judge
from magellan_core.backtest.options import DEFAULTS, BacktestOptions
from magellan_core.backtest.per_symbol import SymbolRun, Terms
from magellan_core.backtest.shared import stage
from magellan_core.backtest.strategies import maker
from magellan_core.compose import settings_of
from magellan_core.config import Config, load
from magellan_core.lines import Line
from magellan_core.market_hours import at_new_york, sessions_between
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.market import Market
from magellan_core.paper.market_series import Series, micros
from magellan_core.paper.market_writer import write_folder
from magellan_core.paper.synthetic import DEMO_FIRST, DEMO_LAST, DEMO_SEED, generate
from magellan_core.store.memory import MemoryJournal

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "bear_trap": "bear_trap",
    "daily_trend": "daily_trend_hysteresis",
    "hourly_swing": "hourly_swing",
}
TRAP = date(2023, 1, 3), date(2024, 1, 31)
EIGHT_YEARS = date(2018, 1, 2), date(2025, 12, 31)
MINUTE, HOUR = 60_000_000, 3_600_000_000
TRAP_BARS = 97_500
Row = tuple[float, float, float, float, float]
Figures = dict[str, float]


def config_of(name: str) -> Config:
    return load(ROOT / "deployable_strategies" / FOLDERS[name] / "aws_deployment/config.json")


def series_of(symbol: str, starts: "array[int]", rows: list[Row], length: int) -> Series:
    made = Series(symbol, starts, array("q", [start + length for start in starts]))
    made.opens, made.highs, made.lows, made.closes, made.volumes = (
        array("d", column) for column in zip(*rows, strict=True)
    )
    return made


def step(price: float, rng: Random, drift: float, width: float) -> Row:
    """One bar of a random walk from `price`."""
    close = round(max(price * (1 + drift + rng.gauss(0, width)), 0.5), 4)
    low = round(min(price, close) * (1 - abs(rng.gauss(0, width))), 4)
    high = round(max(price, close) * (1 + abs(rng.gauss(0, width))), 4)
    return price, high, low, close, float(rng.randrange(500, 20_000))


def minutes(symbol: str, rng: Random) -> Series:
    """A penny stock: calm days, and one in ten that falls by a quarter and bounces."""
    starts, rows, price = array("q"), list[Row](), 8.0
    for session in sessions_between(*TRAP):
        price, crash = min(max(price, 2.0), 20.0), rng.random() < 0.1
        for minute in range((session.close - session.open).seconds // 60):
            if len(rows) == TRAP_BARS:
                break
            starts.append(micros(session.open) + minute * MINUTE)
            rows.append(step(price, rng, -0.004 if crash and 20 < minute < 100 else 0.0, 0.002))
            price = rows[-1][3]
    return series_of(symbol, starts, rows, MINUTE)


def hours(symbol: str, rng: Random) -> Series:
    """04:00 to 20:00 New York, as the feed has them."""
    starts, rows, price = array("q"), list[Row](), 100.0
    for session in sessions_between(*EIGHT_YEARS):
        for hour in range(4, 20):
            starts.append(micros(at_new_york(session.date, hour)))
            rows.append(step(price, rng, 0.0, 0.006))
            price = rows[-1][3]
    return series_of(symbol, starts, rows, HOUR)


def days(symbol: str, rng: Random) -> Iterator[Bar]:
    price = 100.0
    for session in sessions_between(*EIGHT_YEARS):
        row = step(price, rng, 0.0003, 0.01)
        price = row[3]
        yield Bar(symbol, session.open, session.close, *row)


def per_symbol(name: str, symbols: tuple[str, ...], series: list[Series], first: date) -> Figures:
    config = config_of(name)
    options = BacktestOptions(config, Path(), first, first, fill=DEFAULTS[name].fill)
    make = maker(options)
    limits = settings_of(config, patrol=None, patrol_closed=None).entry
    cost = options.cost_bps / 10_000
    terms = Terms(options.capital, cost, POLICIES[options.fill], 0, bars.midnight(first))
    wall, cpu = perf_counter(), process_time()
    runs = [
        SymbolRun(make((symbol,)), rows, terms, Judge(limits, MemoryJournal())).run()
        for symbol, rows in zip(symbols, series, strict=True)
    ]
    return figures(sum(run.bars for run in runs), sum(len(run.trades) for run in runs), wall, cpu)


def figures(seen: int, trades: int, wall: float, cpu: float) -> Figures:
    seconds, used = perf_counter() - wall, process_time() - cpu
    return {
        "bars": seen,
        "trades": trades,
        "wall_seconds": round(seconds, 3),
        "cpu_seconds": round(used, 3),
        "bars_per_second": round(seen / seconds),
        "bars_per_cpu_second": round(seen / used),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def trap() -> Figures:
    rng = Random(7)
    symbols = ("MULN", "ONDS", "AMC", "NKLA", "WKHS")
    return per_symbol("bear_trap", symbols, [minutes(s, rng) for s in symbols], TRAP[0])


def swing() -> Figures:
    rng = Random(7)
    symbols = ("TSLA", "NVDA")
    return per_symbol("hourly_swing", symbols, [hours(s, rng) for s in symbols], EIGHT_YEARS[0])


def daily() -> Figures:
    rng, config = Random(7), config_of("daily_trend")
    with tempfile.TemporaryDirectory() as folder:
        made = {(s, Timeframe.DAY): list(days(s, rng)) for s in config.symbols}
        write_folder(Path(folder), made)
        words = ["--strategy", "daily_trend", "--data", folder, "--json", f"{folder}/out.json"]
        words += ["--from", str(EIGHT_YEARS[0]), "--to", str(EIGHT_YEARS[1])]
        wall, before = perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "backtest.py"), *words],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds, after = perf_counter() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
        told = json.loads(Path(folder, "out.json").read_text())["symbols"].values()
    return {
        "bars": sum(account["bars"] for account in told),
        "trades": sum(len(account["trades"]) for account in told),
        "wall_seconds": round(seconds, 3),
        "cpu_seconds": round(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 3
        ),
        "peak_rss_mb": round(after.ru_maxrss / 1024, 1),
    }


def engine() -> Figures:
    market = Market.from_bars(generate(seed=DEMO_SEED, first=DEMO_FIRST, last=DEMO_LAST))
    options = BacktestOptions(
        config_of("bear_trap"), Path(), DEMO_FIRST, DEMO_LAST, bars="stored", accounts="shared",
        cost_bps=Decimal(0),
    )  # fmt: skip
    made = stage(options, market)
    wall, cpu = perf_counter(), process_time()
    drive_all([made.seat], made.exchange, made.until)
    kinds = [event.kind for event in made.journal.events()]
    return figures(kinds.count(Line.BAR), kinds.count(Line.FILL), wall, cpu)


WORKLOADS: dict[str, Callable[[], Figures]] = {
    "trap": trap,
    "swing": swing,
    "daily": daily,
    "engine": engine,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), metavar="WORKLOAD")
    parser.add_argument("--here", action="store_true", help="in this process, for a profiler")
    asked = parser.parse_args()
    if asked.here:
        told = {name: WORKLOADS[name]() for name in asked.workloads}
        sys.stdout.write(json.dumps(told) + "\n")
        return
    every: dict[str, Figures] = {}
    for name in asked.workloads:
        command = [sys.executable, "-m", "benchmarks.backtest", "--here", name]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        every.update(json.loads(done.stdout))
    sys.stdout.write(json.dumps(every, indent=2) + "\n")


if __name__ == "__main__":
    main()
