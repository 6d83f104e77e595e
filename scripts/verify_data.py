#!/usr/bin/env python3
"""Backtest every variant of the answer keys and compare trade by trade.

Prints variant, trades and how many came out again; ends with 1 on any difference. Data and keys
are looked for beside the checkout (../shared); without them it says so and ends with 0.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser
from magellan_core.backtest.answer_keys import compare
from magellan_core.config import load
from magellan_core.errors import ExitCode, MagellanError

SHARED = ROOT.parent / "shared"
FOLDERS = {
    "bear_trap": "bear_trap",
    "daily_trend": "daily_trend_hysteresis",
    "hourly_swing": "hourly_swing",
}


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED / "marketdata", metavar="DIR")
    parser.add_argument("--keys", type=Path, default=SHARED / "answer_keys", metavar="DIR")
    asked = parser.parse_args(arguments)
    if not asked.data.is_dir() or not asked.keys.is_dir():
        sys.stdout.write(f"nothing verified: no {asked.data} or no {asked.keys}\n")
        return ExitCode.OK
    configs = {
        name: load(ROOT / "deployable_strategies" / folder / "aws_deployment" / "config.json")
        for name, folder in FOLDERS.items()
    }
    trades = reproduced = differences = 0
    sys.stdout.write(f"{'answer key':<22}{'variant':<24}{'trades':>7}{'reproduced':>12}\n")
    try:
        for row in compare(asked.keys, asked.data, configs):
            sys.stdout.write(f"{row.key:<22}{row.variant:<24}{row.trades:>7}{row.reproduced:>12}\n")
            for fault in row.differences[:5]:
                sys.stdout.write(f"    {fault}\n")
            trades += row.trades
            reproduced += row.reproduced
            differences += len(row.differences)
    except MagellanError as fault:
        sys.stderr.write(f"verify_data: {fault}\n")
        return fault.exit_code
    sys.stdout.write(f"{'all':<46}{trades:>7}{reproduced:>12}\n")
    return ExitCode.CRASH if differences or not trades else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
