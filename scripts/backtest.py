#!/usr/bin/env python3
"""Run a strategy over past bars: the live strategy object under a virtual clock.

Examples:
  scripts/backtest.py --strategy daily_trend --data ../shared/marketdata \\
      --from 2024-01-01 --to 2025-12-31 --capital 10000
  scripts/backtest.py --strategy bear_trap --symbols AMC --data ../shared/marketdata \\
      --from 2024-04-01 --to 2024-06-30 --json trap.json
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import os
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from magellan_core.backtest.result import Result

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser
from magellan_core.backtest.options import DEFAULTS, BacktestOptions
from magellan_core.config import load
from magellan_core.errors import ExitCode, MagellanError, UsageError

CONFIGS = {
    "bear_trap": "bear_trap",
    "daily_trend": "daily_trend_hysteresis",
    "hourly_swing": "hourly_swing",
}
LONG_RUN = 3


def amount(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not value.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return value


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day: write YYYY-MM-DD") from None


def override(text: str) -> tuple[str, float | str | bool]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    if value in ("true", "false"):
        return name, value == "true"
    try:
        return name, int(value) if value.lstrip("-").isdigit() else float(value)
    except ValueError:
        return name, value


def parser(description: str | None = __doc__) -> argparse.ArgumentParser:
    made = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = made.add_argument
    add("--strategy", required=True, choices=sorted(CONFIGS))
    add("--config", type=Path, metavar="FILE", help="default: the strategy's own config.json")
    add("--data", required=True, metavar="DIR|alpaca", help="a folder of bars, or download them")
    add("--cache", type=Path, default=ROOT / "var" / "marketdata", metavar="DIR",
        help="where --data alpaca keeps what it downloads (%(default)s)")  # fmt: skip
    add("--from", dest="first", required=True, type=day, metavar="DATE")
    add("--to", dest="last", required=True, type=day, metavar="DATE")
    add("--symbols", metavar="A,B", help="default: the config's")
    add("--fill", choices=("next_open", "close", "rth_open"), help="default: as deployed")
    add("--rsi", choices=("ema", "wilder"), help="default: the config's")
    add(
        "--bars",
        choices=("stored", "adjusted"),
        help="default: stored for bear_trap, else adjusted",
    )
    add("--cost-bps", type=amount, metavar="N", help="a side; default: 6.25 for bear_trap, else 5")
    add("--break", dest="support_break", action=argparse.BooleanOptionalAction, default=None,
        help="bear_trap: the bar must break the session's low (default: the config's)")  # fmt: skip
    add("--capital", type=amount, default=Decimal(100_000), metavar="N", help="dollars an account")
    add("--accounts", choices=("shared", "per-symbol"), default="per-symbol", help="%(default)s")
    add("--spread-bps", type=amount, default=Decimal(5), metavar="N",
        help="shared: quotes are last +/- N (%(default)s)")  # fmt: skip
    add("--warmup-bars", type=int, metavar="N",
        help="no signal from the first N bars; default: 0 for bear_trap, else 84")  # fmt: skip
    add("--no-history", dest="history", action="store_false", help="forget bars before --from")
    add("--price-ticks", choices=("venue", "exact"), default="venue", help="%(default)s")
    add("--set", dest="overrides", action="append", type=override, metavar="NAME=VALUE",
        help="change a parameter of the rules; rsi_period, upper, lower: every band")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="trades in the answer keys' form")
    add("--html", type=Path, metavar="FILE", help="a report with charts, one self-contained file")
    return made


def options_of(asked: argparse.Namespace) -> BacktestOptions:
    """The command line as a value. Raise ConfigMissing, ConfigError, UsageError, Unavailable."""
    beside = ROOT / "deployable_strategies" / CONFIGS[asked.strategy] / "aws_deployment"
    config = load(asked.config or beside / "config.json")
    if config.name != asked.strategy:
        raise UsageError(f"{asked.config}: is the config of {config.name}, not {asked.strategy}")
    default = DEFAULTS[config.name]
    symbols = None
    if asked.symbols is not None:
        symbols = tuple(dict.fromkeys(s.strip() for s in asked.symbols.split(",") if s.strip()))
    return BacktestOptions(
        config=config,
        data=asked.cache if asked.data == "alpaca" else Path(asked.data),
        first=asked.first,
        last=asked.last,
        symbols=symbols,
        fill=asked.fill or default.fill,
        rsi=asked.rsi,
        bars=asked.bars or default.bars,
        cost_bps=default.cost_bps if asked.cost_bps is None else asked.cost_bps,
        support_break=asked.support_break,
        capital=asked.capital,
        accounts=asked.accounts,
        spread_bps=asked.spread_bps,
        warmup_bars=default.warmup_bars if asked.warmup_bars is None else asked.warmup_bars,
        history=asked.history,
        price_ticks=asked.price_ticks,
        overrides=dict(asked.overrides) if asked.overrides else None,
    )


def report(options: BacktestOptions, result: "Result", path: Path) -> None:
    """Write the HTML. Raise UsageError without its tools, OSError if it cannot be written."""
    try:
        from magellan_core.backtest.report import write_html
    except ModuleNotFoundError as fault:
        raise UsageError(
            f"--html needs {fault.name}: pip install --require-hashes -r requirements-research.txt"
        ) from fault
    from magellan_core.backtest.bars import minutes

    write_html(result, path, minutes(options))


class Progress:
    """A bar on a terminal's stderr, shown from the first step on that is not the last."""

    def __init__(self) -> None:
        self.shown = False

    def __call__(self, done: int, total: int) -> None:
        if not sys.stderr.isatty() or total < LONG_RUN:
            return
        width, self.shown = 40 * done // total, True
        sys.stderr.write(f"\r[{'#' * width}{'.' * (40 - width)}] {done}/{total}")
        if done == total:
            sys.stderr.write("\r" + " " * 60 + "\r")
        sys.stderr.flush()


def download(options: BacktestOptions, environ: Mapping[str, str]) -> None:
    """Fetch what the run and its warm-up need. Raise CredentialsError, Unavailable, DataError."""
    from magellan_core.backtest.strategies import maker
    from magellan_core.engine.feed import history_of
    from magellan_core.engine.source import stored
    from scripts.fetch_market_data import download

    requirements = options.config.data_requirements
    symbols = options.symbols or options.config.symbols
    needs = maker(options)(tuple(symbols)).needs
    warm_up = history_of(needs) if options.history else timedelta(0)
    feed = "iex" if requirements.feed == "iex" else "sip"
    first = options.first - warm_up
    download(environ, options.data, symbols, stored(needs), first, options.last, feed=feed)


def main(arguments: list[str] | None = None) -> int:
    asked = parser().parse_args(arguments)
    try:
        options = options_of(asked)
        if asked.data == "alpaca":
            download(options, os.environ)
        from magellan_core.backtest.run import run

        result = run(options, Progress())
        if asked.json is not None:
            asked.json.write_text(result.to_json() + "\n", encoding="utf-8")
        if asked.html is not None:
            report(options, result, asked.html)
    except MagellanError as fault:
        sys.stderr.write(f"backtest: {fault}\n")
        return fault.exit_code
    except OSError as fault:
        sys.stderr.write(f"backtest: {fault.filename}: {fault.strerror}: give a writable FILE\n")
        return ExitCode.USAGE
    from magellan_core.backtest.words import table

    sys.stdout.write(table(result))
    return ExitCode.OK


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Nothing is left to clean up; taking apart a large heap would cost a tenth of a short run.
    os._exit(code)
