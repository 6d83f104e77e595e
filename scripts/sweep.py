#!/usr/bin/env python3
"""Run a strategy at every point of a grid, and say what the best of them is worth.

Examples:
  scripts/sweep.py --strategy hourly_swing --data ../shared/marketdata \\
      --from 2024-01-01 --to 2025-12-31 --frictions
  scripts/sweep.py --strategy daily_trend --data ../shared/marketdata \\
      --from 2022-01-01 --to 2025-12-31 --grid 'symbol_parameters.*.rsi_period=14,21,28' \\
      --grid 'symbol_parameters.*.upper=55,60,65' --train-months 12 --test-months 3
  dask scheduler & dask worker tcp://127.0.0.1:8786 &
  scripts/sweep.py ... --scheduler tcp://127.0.0.1:8786
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.errors import DataError, ExitCode, MagellanError, UsageError
from scripts.backtest import CONFIGS, Progress, download, options_of
from scripts.backtest import parser as backtest_parser

FRICTIONS = "cost_bps=0,2.5,5,7.5,10,12.5,15,20"
VARIANTS = {
    "bear_trap": ("fill=next_open,close", "support_break=true,false"),
    "daily_trend": ("fill=next_open,close", "rsi=ema,wilder", "bars=adjusted,stored"),
    "hourly_swing": ("fill=rth_open,next_open,close", "rsi=ema,wilder", "bars=adjusted,stored"),
}


def parser() -> argparse.ArgumentParser:
    made = backtest_parser(__doc__ or "")
    add = made.add_argument
    add("--grid", action="append", default=[], metavar="NAME=V1,V2",
        help="a path of config.json (* for every key), or an option of the run: cost_bps, fill, "
        "rsi, bars, support_break, price_ticks, spread_bps, warmup_bars")  # fmt: skip
    add("--frictions", action="store_true", help=f"--grid {FRICTIONS}")
    add("--variants", action="store_true", help="every kind of fill, RSI and bars")
    add("--train-months", type=int, metavar="N", help="walk forward: choose on so many months")
    add("--test-months", type=int, default=3, metavar="N", help="and trade the next (%(default)s)")
    add("--draws", type=int, default=1000, metavar="N", help="of the bootstrap (%(default)s)")
    add("--seed", type=int, default=7, help="of the bootstrap (%(default)s)")
    add("--results", type=Path, metavar="FILE", help="one line a finished run; a sweep that was "
        "stopped goes on from it (default: var/sweeps/STRATEGY.jsonl)")  # fmt: skip
    add("--scheduler", metavar="ADDRESS", help="of a Dask cluster (default: processes here)")
    add("--workers", type=int, default=os.cpu_count(), metavar="N", help="here (%(default)s)")
    return made


def main(arguments: list[str] | None = None) -> int:
    asked = parser().parse_args(arguments)
    try:
        return swept(asked)
    except ModuleNotFoundError as fault:
        tools = "pip install --require-hashes -r requirements-research.txt"
        sys.stderr.write(f"sweep: needs {fault.name}: {tools}\n")
        return ExitCode.USAGE
    except MagellanError as fault:
        sys.stderr.write(f"sweep: {fault}\n")
        return fault.exit_code
    except OSError as fault:
        sys.stderr.write(f"sweep: {fault.filename}: {fault.strerror}: give a usable path\n")
        return ExitCode.USAGE
    except KeyboardInterrupt:
        sys.stderr.write("sweep: stopped; the same command goes on where this one was\n")
        return 130


def swept(asked: argparse.Namespace) -> int:
    """Plan, run, judge, tell. Raise MagellanError for what a person must mend."""
    sys.stdout.write(find(asked))
    return ExitCode.OK


def find(asked: argparse.Namespace) -> str:
    """Run the sweep, write its files and return the findings in words. Raise MagellanError."""
    from magellan_core.backtest.farm import client_of, sweep
    from magellan_core.backtest.findings import findings, told
    from magellan_core.backtest.grid import axis, plan
    from magellan_core.backtest.trial import source_digest

    check(asked)
    options = options_of(asked)
    if asked.data == "alpaca":
        download(options, os.environ)
    options = replace(options, data=options.data.resolve())
    # Before any worker is started: each would tell of it in a traceback.
    if not options.data.is_dir():
        raise DataError(f"--data {asked.data}: there is no such folder of market data")
    beside = ROOT / "deployable_strategies" / CONFIGS[asked.strategy] / "aws_deployment"
    text = (asked.config or beside / "config.json").read_text(encoding="utf-8")
    wanted = [*asked.grid, *([FRICTIONS] if asked.frictions else [])]
    wanted += VARIANTS[asked.strategy] if asked.variants else ()
    made = plan(options, text, dict(axis(one) for one in wanted), source_digest())
    path = asked.results or ROOT / "var" / "sweeps" / f"{asked.strategy}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with client_of(asked.scheduler, asked.workers or 1) as client:
        trials = sweep(client, made.tasks, path, Progress())
    round_trip = 2 * float(options.cost_bps) / 10_000
    found = findings(
        trials, asked.train_months, asked.test_months, round_trip, asked.seed, asked.draws
    )
    if asked.json is not None:
        document = {"strategy": asked.strategy, "options": options.assumptions(), **found}
        asked.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return f"{told(asked.strategy, options, found, made.refused)}\nruns: {path}\n"


def check(asked: argparse.Namespace) -> None:
    """Raise UsageError for numbers that make no sense."""
    if (asked.workers or 1) < 1 or asked.draws < 100 or asked.test_months < 1:
        raise UsageError("--workers and --test-months are 1 or more, --draws 100 or more")
    if asked.train_months is not None and asked.train_months < 1:
        raise UsageError("--train-months is 1 or more")


if __name__ == "__main__":
    sys.exit(main())
