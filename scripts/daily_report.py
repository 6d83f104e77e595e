#!/usr/bin/env python3
"""Report a day, a week or four weeks: P&L, trades, refusals, gaps, slippage, success metrics.

Reads the journals and the portfolio store of this machine; asks no broker and changes nothing.
Each session is traded again from its journal by the same engine, with a backtest's fills, and each
fill compared with it. A young journal cannot warm a long indicator: --data has the bars before it.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser, day
from magellan_core.backtest.history import firsts, stored_before
from magellan_core.backtest.same_day import SameDay, same_days, trader_of
from magellan_core.config import Config, load
from magellan_core.errors import DataError, ExitCode, MagellanError, UnknownSymbol, UsageError
from magellan_core.lines import Event
from magellan_core.market_hours import new_york_date, session_on
from magellan_core.operations.channels import channels_of
from magellan_core.operations.installed import installed_configs
from magellan_core.operations.options import add_state_dir
from magellan_core.operations.reporting.gathering import report_of, sessions_up_to
from magellan_core.operations.reporting.page import page
from magellan_core.operations.reporting.plain import as_json
from magellan_core.operations.reporting.report import FOUR_WEEKS, WEEK, Report
from magellan_core.operations.reporting.words import in_plain_text, subject, text

EPILOG = """\
examples:
  the latest session, in the terminal:   scripts/daily_report.py
  the week that ended on a day:          scripts/daily_report.py --week --date 2025-12-02
  the review before any decision:        scripts/daily_report.py --four-weeks --html review.html

exit codes: 0 reported, 64 wrong arguments, 65 no session on that day, 66 or 78 a configuration is
missing or wrong, 69 it could not be sent; with --strict, 68 if a check failed.
"""


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--date", type=day, metavar="YYYY-MM-DD", help="last session")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--day", action="store_true", help="one session (default)")
    length.add_argument("--week", action="store_true", help="five sessions")
    length.add_argument("--four-weeks", action="store_true", help="twenty sessions")
    add_state_dir(parser, os.environ)
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="stored bars from before the journals' first"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="for programs; - for the terminal"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="a self-contained page")
    parser.add_argument("--send", action="store_true", help="also through the alerts' channels")
    parser.add_argument(
        "--if-session", action="store_true", help="nothing at all on a day without a session"
    )
    parser.add_argument("--strict", action="store_true", help="end with 68 if a check failed")
    return parser.parse_args(arguments)


def made(asked: argparse.Namespace, configs: Sequence[Config], now: datetime) -> Report:
    count = FOUR_WEEKS if asked.four_weeks else WEEK if asked.week else 1
    state = asked.state_dir
    sessions = sessions_up_to(asked.date, count, now)
    return report_of(configs, state, sessions, now, partial(traded_again, asked.data))


def traded_again(
    data: Path | None, config: Config, events: Callable[[], Iterable[Event]], days: Sequence[date]
) -> Iterator[SameDay | DataError]:
    """Each of those days of a journal, or why it cannot be."""
    try:
        trader = trader_of(config, {})
        if trader is None:
            raise DataError(f"{config.name}: the backtest does not know it (BUILDERS)")
        if data is not None:
            needs = trader.make_strategy().needs
            trader = replace(trader, history=stored_before(firsts(events()), data, needs))
        yield from same_days(events(), days, trader)
    except (DataError, UnknownSymbol) as fault:
        yield DataError(str(fault))


def send(report: Report, configs: Sequence[Config]) -> None:
    """Once through each channel that any strategy's alerts take. Raise Unavailable."""
    named = os.environ.get("MAGELLAN_APPRISE_CONFIG")
    found = [c for config in configs for c in channels_of(config, Path(named) if named else None)]
    channels = [c for n, c in enumerate(found) if c not in found[:n]]
    if not channels:
        sys.stderr.write("daily_report: not sent: set monitoring.alert_topic_arn in a config\n")
    for channel in channels:
        channel.send(subject(report), in_plain_text(report))


def write(path: Path, text_of_file: str) -> None:
    try:
        path.write_text(text_of_file, encoding="utf-8")
    except OSError as fault:
        raise UsageError(f"{path}: cannot be written: {fault.strerror}") from fault


def main(arguments: Sequence[str] | None = None) -> int:
    asked = options(arguments)
    now = datetime.now(UTC)
    if asked.if_session and session_on(new_york_date(now)) is None:
        return ExitCode.OK
    try:
        configs = [load(path) for path in installed_configs(ROOT)]
        report = made(asked, configs, now)
        if asked.html is not None:
            write(asked.html, page(report))
        told = json.dumps(as_json(report), indent=2) + "\n"
        if asked.json is not None and str(asked.json) != "-":
            write(asked.json, told)
        elif asked.json is not None:
            sys.stdout.write(told)
        else:
            Console(highlight=False).print(text(report))
        if asked.send:
            send(report, configs)
    except MagellanError as fault:
        sys.stderr.write(f"daily_report: {fault}\n")
        return fault.exit_code
    if asked.strict and any(check.ok is False for check in report.checks):
        return ExitCode.NOT_RECONCILED
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
