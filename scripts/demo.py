#!/usr/bin/env python3
"""Three daemons trade a market through Alpaca's protocol, on this machine alone.

Starts the paper exchange on loopback and the three daemons as their units would, shows the
dashboard while they trade, and ends with a reconciliation of journal against exchange.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import os
import shutil
import time
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser, day
from magellan_core.errors import ExitCode, MagellanError
from magellan_core.operations.demo import ChildFailed, Demo, Market, Stopwatch

CONSOLE = Console(highlight=False)
WATCH = Stopwatch(time.monotonic, time.sleep)


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="stored bars to trade")
    parser.add_argument("--from", dest="first", type=day, metavar="YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=day, metavar="YYYY-MM-DD")
    parser.add_argument("--speed", type=float, metavar="N", help="scaled real time, not stepped")
    parser.add_argument("--seed", type=int, help="of the made-up market")
    parser.add_argument("--port", type=int, default=0, help="of the exchange (default: a free one)")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "demo", help="%(default)s")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    asked = options(arguments)
    if asked.data is not None and (asked.first is None or asked.last is None):
        CONSOLE.print("demo: DATA needs FROM and TO: the days to trade, as YYYY-MM-DD")
        return ExitCode.USAGE
    shutil.rmtree(asked.out, ignore_errors=True)
    asked.out.mkdir(parents=True)
    market = Market(asked.data, asked.first, asked.last, asked.seed)
    try:
        return Demo(
            ROOT, asked.out, market, asked.speed, asked.port, CONSOLE, os.environ, WATCH
        ).run()
    except ChildFailed as fault:
        CONSOLE.print(f"demo: {fault}", style="red", markup=False, soft_wrap=True)
        return fault.code
    except MagellanError as fault:
        CONSOLE.print(f"demo: {fault}", style="red", markup=False, soft_wrap=True)
        return fault.exit_code
    except KeyboardInterrupt:
        CONSOLE.print("stopped; no process is left")
        return 130


if __name__ == "__main__":
    sys.exit(main())
