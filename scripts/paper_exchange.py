#!/usr/bin/env python3
"""Run the paper exchange: Alpaca's protocol on loopback, over stored or made-up bars."""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import json
import signal
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from magellan_core.arguments import Parser, day, real, whole
from magellan_core.errors import DataError, ExitCode, MagellanError, UsageError
from magellan_core.market_hours import Session, at_new_york, new_york, sessions_between
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.opening import Opening, from_configs, from_file, roster
from magellan_core.paper.options import describe
from magellan_core.paper.options import read as read_rules
from magellan_core.paper.rules import Rules
from magellan_core.paper.server import Mode, Running, Scaled, Stepped, running

CONFIGS = sorted(
    (Path(__file__).resolve().parent.parent / "deployable_strategies").glob(
        "*/aws_deployment/config.json"
    )
)
CONSOLE = Console(stderr=True, highlight=False)
PREMARKET_HOUR = 4
ALPACA_LIMIT = 200  # requests a minute and account

EPILOG = """\
examples:
  a made-up market, sixty times as fast as the clock:
    scripts/paper_exchange.py --synthetic --speed 60 --port 8900
  stored bars, time moved by the daemons themselves:
    scripts/paper_exchange.py --data DIR --from 2024-11-04 --to 2024-11-08 --step
  time moved by hand:
    scripts/paper_exchange.py --synthetic --step --roster me --port 8900
    curl 'http://127.0.0.1:8900/sim/wait?member=me&until=2025-11-25T10:00:00-05:00'
  look at it, with a key that the start lines tell:
    curl -H 'APCA-API-KEY-ID: PK-bear_trap' -H 'APCA-API-SECRET-KEY: local-bear_trap' \\
         http://127.0.0.1:8900/v2/account

rules, with their defaults; those that Alpaca's documentation leaves open are told in
docs/paper_exchange.md:
{rules}

exit codes: 0 stopped as asked, 64 wrong arguments, 65 no such market data, 70 port in use,
76 a daemon held stepped time for too long, 66 or 78 a configuration is missing or wrong.
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line as values. Raises UsageError; --help exits."""
    parser = Parser(
        description=__doc__,
        epilog=EPILOG.replace("{rules}", describe().replace("%", "%%")),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    market = parser.add_argument_group("market")
    source = market.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="DIR", help="folder: minute/ hourly/ daily/")
    source.add_argument("--synthetic", action="store_true", help="bars made up from --seed")
    market.add_argument(
        "--from",
        dest="first",
        type=day,
        metavar="YYYY-MM-DD",
        help="first day to trade (needed with --data)",
    )
    market.add_argument(
        "--to",
        dest="last",
        type=day,
        metavar="YYYY-MM-DD",
        help="last day to trade (needed with --data)",
    )
    market.add_argument(
        "--start",
        type=datetime.fromisoformat,
        metavar="TIME",
        help="where time starts (default: 04:00 New York of the first session)",
    )
    market.add_argument("--seed", type=int, help="of made-up bars and of all random draws")
    market.add_argument(
        "--spread-bps",
        type=real(0, 10_000),
        default=Rules().spread_bps,
        metavar="N",
        help="width of the quoted spread in basis points (default: %(default)s)",
    )
    market.add_argument(
        "--partial-fills",
        type=real(0, 1),
        default=0.0,
        metavar="P",
        help="chance that a fill is partial (default: 0; Alpaca's paper: 0.1)",
    )
    market.add_argument(
        "--rule",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another behaviour of the exchange (below); may be repeated",
    )
    time = parser.add_argument_group("time")
    pace = time.add_mutually_exclusive_group()
    pace.add_argument("--step", action="store_true", help="time moves when all of the roster wait")
    pace.add_argument(
        "--speed",
        type=real(0, 1e6, above=True),
        metavar="N",
        help="N times the clock's (default: 1)",
    )
    time.add_argument(
        "--roster",
        metavar="NAMES",
        help="comma-separated, the conductor first (default: conductor and all)",
    )
    time.add_argument(
        "--watchdog",
        type=real(0, 86_400, above=True),
        default=30.0,
        metavar="SECONDS",
        help="how long one member may hold stepped time (default: %(default)g)",
    )
    accounts = parser.add_argument_group("accounts")
    which = accounts.add_mutually_exclusive_group()
    which.add_argument(
        "--configs",
        type=Path,
        nargs="+",
        metavar="FILE",
        default=CONFIGS,
        help="the strategies' config.json (default: all three)",
    )
    which.add_argument(
        "--accounts",
        type=Path,
        metavar="FILE",
        help="JSON list of {strategy, number, timeframe[, key, secret, cash]}",
    )
    accounts.add_argument(
        "--rate-limit",
        type=whole(1, 10**6),
        metavar="N",
        help="requests a minute and account (default: 200; --step: unlimited)",
    )
    server = parser.add_argument_group("server")
    server.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    server.add_argument(
        "--port", type=whole(0, 65_535), default=0, help="0, the default, picks a free one"
    )
    server.add_argument(
        "--ready-file",
        type=Path,
        metavar="FILE",
        help="written when listening: JSON with port and accounts",
    )
    server.add_argument("--quiet", action="store_true", help="say nothing but errors")
    return parser.parse_args(arguments)


def build_market(options: argparse.Namespace) -> tuple[Market, Session]:
    """The bars, and the first session of the days asked for. Raises DataError, UsageError."""
    if options.synthetic:
        # Bars are made up, and the generator is imported, only where they are asked for.
        from magellan_core.paper.synthetic import DEMO_FIRST, DEMO_LAST, DEMO_SEED, generate

        options.first = options.first or DEMO_FIRST
        options.last = options.last or DEMO_LAST
        seed = DEMO_SEED if options.seed is None else options.seed
        market = Market.from_bars(generate(seed=seed, first=options.first, last=options.last))
    else:
        if options.first is None or options.last is None:
            raise UsageError("--data needs --from and --to: the days to trade")
        market = Market.load(options.data, first=options.first, last=options.last)
    sessions = sessions_between(options.first, options.last)
    if not sessions:
        raise DataError(f"no session from {options.first} to {options.last}: choose other days")
    return market, sessions[0]


def build_mode(options: argparse.Namespace, openings: list[Opening]) -> Mode:
    """How time goes. Raises UsageError for a roster of strangers."""
    members = roster(options.roster, openings)
    if options.step:
        return Stepped(members, watchdog=options.watchdog)
    return Scaled(1.0 if options.speed is None else options.speed, members)


def build_exchange(options: argparse.Namespace, openings: list[Opening]) -> Exchange:
    """The core, its time standing at --start."""
    market, first = build_market(options)
    start = options.start or at_new_york(first.date, PREMARKET_HOUR)
    if start.tzinfo is None:
        raise UsageError("--start needs an offset, e.g. 2024-11-04T04:00-05:00")
    rules = replace(
        Rules(
            seed=options.seed or 0,
            spread_bps=Decimal(str(options.spread_bps)),
            partial_fill_probability=options.partial_fills,
        ),
        **read_rules(options.rule),
    )
    return Exchange(market, [o.spec for o in openings], start=start, rules=rules)


def greet(server: Running, openings: list[Opening], mode: Mode) -> None:
    """Say where it listens, who may come in, and how to look."""
    now = new_york(server.service.now())
    pace = "stepped" if isinstance(mode, Stepped) else f"{mode.speed:g} times the clock's"
    CONSOLE.print(
        f"paper exchange at {server.base_url}, time {pace}, now {now:%F %H:%M} New York",
        soft_wrap=True,
    )
    for opening in openings:
        spec = opening.spec
        CONSOLE.print(f"  {opening.strategy:24} account {spec.number}  {spec.timeframe} prices")
        CONSOLE.print(f"  {'':24} key {spec.key}  secret {spec.secret}")
    spec = openings[0].spec
    CONSOLE.print(
        f"try: curl -H 'APCA-API-KEY-ID: {spec.key}' -H 'APCA-API-SECRET-KEY: {spec.secret}' "
        f"{server.base_url}/v2/account",
        soft_wrap=True,
    )


def run(options: argparse.Namespace) -> None:
    """Serve until SIGTERM, SIGINT or a failure, which is raised."""
    openings = from_file(options.accounts) if options.accounts else from_configs(options.configs)
    if not openings:
        raise UsageError("no account to open: name config files with --configs")
    mode = build_mode(options, openings)
    exchange = build_exchange(options, openings)
    limit = options.rate_limit or (None if options.step else ALPACA_LIMIT)
    ends: SimpleQueue[MagellanError | None] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ends.put(None))
    with running(
        exchange, host=options.host, port=options.port, mode=mode, rate_limit=limit
    ) as server:
        server.service.on_failure = ends.put
        if not options.quiet:
            greet(server, openings, mode)
        if options.ready_file is not None:
            tell_ready(options.ready_file, server, openings)
        failure = ends.get()
    if failure is not None:
        raise failure


def tell_ready(path: Path, server: Running, openings: list[Opening]) -> None:
    """Write the ready file whole: whoever sees it can read it. Raises UsageError."""
    told = {"port": server.port, "accounts": [opening.describe() for opening in openings]}
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(told), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise UsageError(f"--ready-file {path}: cannot be written ({error.strerror})") from error


def main(arguments: list[str]) -> ExitCode:
    """Exit codes are those of magellan_core.errors."""
    try:
        run(parse(arguments))
    except MagellanError as error:
        CONSOLE.print(f"paper_exchange: {error}", soft_wrap=True, markup=False)
        return error.exit_code
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
