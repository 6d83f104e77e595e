#!/usr/bin/env python3
"""Run a past live day again from its journal and report the first difference.

The journal holds the bars, quotes, account figures, orders and fills of the day; the strategy and
the engine decide anew. Indicators are warmed by the journal's earlier bars, and by those of --data
from before its first: without them a young journal cannot warm a long indicator.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser, day
from magellan_core.backtest.history import firsts, stored_before
from magellan_core.backtest.replay import days_of, replay
from magellan_core.backtest.same_day import trader_of
from magellan_core.config import load
from magellan_core.errors import ConfigMissing, DataError, ExitCode, MagellanError
from magellan_core.store.journal import read_only

FOLDERS = {
    "bear_trap": "bear_trap",
    "daily_trend": "daily_trend_hysteresis",
    "hourly_swing": "hourly_swing",
}


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--journal", required=True, type=Path, metavar="FILE", help="<state>/<strategy>.sqlite3")
    add("--day", type=day, metavar="DATE", help="default: the journal's last")
    add("--strategy", choices=sorted(FOLDERS), help="default: the journal's file name says it")
    add("--config", type=Path, metavar="FILE", help="as it was on the day; default: as shipped")
    add("--data", type=Path, metavar="DIR", help="bars from before the journal's first")
    asked = parser.parse_args(arguments)
    name = asked.strategy or asked.journal.name.split(".")[0]
    try:
        if name not in FOLDERS:
            raise ConfigMissing(f"{asked.journal}: whose journal is it? give --strategy")
        beside = ROOT / "deployable_strategies" / FOLDERS[name] / "aws_deployment"
        config = load(asked.config or beside / "config.json")
        with read_only(asked.journal) as journal:
            events = list(journal.events())
        days = days_of(events)
        if not days:
            raise DataError(f"{asked.journal}: the journal holds neither bars nor decisions")
        trader = trader_of(config, {})
        if trader is None:
            raise ConfigMissing(f"{config.name}: the backtest does not know it (BUILDERS)")
        make = trader.make_strategy
        earlier = (
            {} if asked.data is None else stored_before(firsts(events), asked.data, make().needs)
        )
        told = replay(events, asked.day or days[-1], make, trader.settings, earlier)
    except MagellanError as fault:
        sys.stderr.write(f"replay_day: {fault}\n")
        return fault.exit_code
    said = f"{name} {told.day}: {told.ticks} ticks, {told.lines} lines, {told.decisions} decisions"
    if told.difference is not None:
        sys.stdout.write(f"{said}; first difference:\n{told.difference}\n")
        return ExitCode.NOT_RECONCILED
    sys.stdout.write(f"{said}, all as journaled\n")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
