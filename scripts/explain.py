#!/usr/bin/env python3
"""The journal in words: what happened to a symbol on a day, and why nothing did.

scripts/explain.py MULN 2025-11-25
scripts/explain.py MULN 2025-11-25 --why-not
scripts/explain.py TSLA today --strategy hourly_swing --state-dir var/demo/state
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import os
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser, day
from magellan_core.errors import MagellanError
from magellan_core.market_hours import new_york_date
from magellan_core.operations.explain_sources import stories
from magellan_core.operations.explain_view import show
from magellan_core.operations.options import add_state_dir


def day_of(text: str) -> date:
    """A date, or "today" in New York."""
    return new_york_date(datetime.now(UTC)) if text == "today" else day(text)


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("symbol", type=str.upper)
    parser.add_argument("day", type=day_of, metavar="DATE", help="YYYY-MM-DD in New York, or today")
    parser.add_argument("--strategy", help="default: every one whose journal knows the symbol")
    parser.add_argument("--why-not", action="store_true", help="only why nothing was traded")
    add_state_dir(parser, os.environ)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    asked = options(arguments)
    console = Console(highlight=False)
    try:
        for number, told in enumerate(
            stories(asked.state_dir, asked.symbol, asked.day, asked.strategy)
        ):
            if number:
                console.print()
            show(console, told, only_why_not=asked.why_not)
    except MagellanError as fault:
        console.print(f"explain: {fault}", style="red", markup=False, soft_wrap=True)
        return fault.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
