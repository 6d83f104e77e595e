#!/usr/bin/env python3
"""Renew the measured tables of AWS_DEPLOYMENT_STRATEGY.md and of the strategies' pages.

Every number comes from the command printed beside it: the same words are run here. --check writes
nothing and fails if a page is not what the data and the code of today make of it.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser
from magellan_core.backtest.document import (
    command,
    compared,
    filled,
    limits,
    names,
    parameters,
    swept,
)
from magellan_core.backtest.result import Result
from magellan_core.backtest.run import run
from magellan_core.backtest.whole import Measured, measured, whole
from magellan_core.config import Config, load
from magellan_core.errors import ExitCode, MagellanError
from scripts import sweep
from scripts.backtest import CONFIGS, options_of, parser

PAGES = (
    "AWS_DEPLOYMENT_STRATEGY.md",
    *(f"deployable_strategies/{folder}/README.md" for folder in CONFIGS.values()),
)
TWO_YEARS = ["--from", "2024-01-01", "--to", "2025-12-31", "--capital", "10000"]
DAILY = ["--strategy", "daily_trend", *TWO_YEARS]
HOURLY = ["--strategy", "hourly_swing", *TWO_YEARS]
PUBLISHED = ["--fill", "close", "--bars", "stored", "--warmup-bars", "0", "--no-history"]
BEAR = ["--strategy", "bear_trap"]
QUARTERS = (
    ("AMC,CGC,GME,PLUG,WKHS", "2024-04-01", "2024-06-30"),
    ("AMC,FCEL,MULN,SPRC,WKHS", "2024-11-01", "2025-01-31"),
    ("ONDS", "2025-04-01", "2025-06-30"),
)
BANDS = [
    *("--grid", "symbol_parameters.*.rsi_period=14,21,28"),
    *("--grid", "symbol_parameters.*.upper=55,60,65"),
    *("--grid", "symbol_parameters.*.lower=35,40,45"),
]
WALK_DAILY = ["--strategy", "daily_trend", "--from", "2022-01-01", "--to", "2025-12-31", *BANDS,
              "--capital", "10000", "--train-months", "12"]  # fmt: skip
WALK_HOURLY = ["--strategy", "hourly_swing", "--from", "2024-01-01", "--to", "2025-12-31", *BANDS,
               "--capital", "10000", "--train-months", "6"]  # fmt: skip


class Study:
    """Makes the blocks of the pages, each when it is asked for."""

    def __init__(self, data: Path, scratch: Path) -> None:
        self.data, self.scratch = data, scratch
        self.done: dict[tuple[str, ...], Result] = {}
        self.blocks: dict[str, Callable[[], str]] = {
            "limits": lambda: limits([config(name) for name in CONFIGS]),
            "daily-trend": lambda: self._accounts(DAILY),
            "daily-trend-variants": lambda: self._variants(
                ("as deployed", DAILY),
                ("Wilder's RSI", [*DAILY, "--rsi", "wilder"]),
                ("filled at the close", [*DAILY, "--fill", "close"]),
                ("as published", [*DAILY, *PUBLISHED, "--cost-bps", "1.5"]),
            ),
            "hourly-swing": lambda: self._accounts(HOURLY),
            "hourly-swing-variants": lambda: self._variants(
                ("as deployed", HOURLY),
                ("filled at any hour", [*HOURLY, "--fill", "next_open"]),
                ("Wilder's RSI", [*HOURLY, "--rsi", "wilder"]),
                ("as published, splits and all", [*HOURLY, *PUBLISHED]),
            ),
            "hourly-swing-frictions": lambda: self._frictions(HOURLY, "0", "5", "10", "20"),
            "bear-trap": lambda: self._quarters([]),
            "bear-trap-any": lambda: self._quarters(["--no-break"]),
            "daily-trend-sweep": lambda: self._swept("daily", WALK_DAILY),
            "hourly-swing-sweep": lambda: self._swept("hourly", WALK_HOURLY),
            **{
                f"{name.replace('_', '-')}-parameters": partial(configured, name)
                for name in CONFIGS
            },
        }

    def make(self, wanted: Sequence[str]) -> dict[str, str]:
        """Those blocks; what no page asks for is not run."""
        return {name: self.blocks[name]() for name in self.blocks if name in wanted}

    def _run(self, words: Sequence[str]) -> Result:
        """A backtest by the words of its command line."""
        key = tuple(words)
        if key not in self.done:
            asked = parser().parse_args([*words, "--data", str(self.data)])
            self.done[key] = run(options_of(asked))
        return self.done[key]

    def _accounts(self, words: Sequence[str]) -> str:
        result = self._run(words)
        rows = [(account.name, measured(account, result)) for account in result.accounts]
        rows.append(("**all**", whole(result)))
        return f"{compared(rows)}\n\n{shell(words)}"

    def _variants(self, *variants: tuple[str, Sequence[str]]) -> str:
        rows = [(label, whole(self._run(words))) for label, words in variants]
        return f"{compared(rows)}\n\n{shell(*(words for _, words in variants))}"

    def _frictions(self, words: Sequence[str], *costs: str) -> str:
        return self._variants(
            *((f"{cost} bps a side", [*words, "--cost-bps", cost]) for cost in costs)
        )

    def _quarters(self, more: Sequence[str]) -> str:
        rows: list[tuple[str, Measured]] = []
        commands: list[list[str]] = []
        for symbols, first, last in QUARTERS:
            words = [*BEAR, "--symbols", symbols, "--from", first, "--to", last, *more]
            result = self._run(words)
            rows += [
                (f"{account.name}, {first} to {last}", measured(account, result))
                for account in result.accounts
            ]
            if len(result.accounts) > 1:
                rows.append((f"**all, {first} to {last}**", whole(result)))
            commands.append(words)
        return f"{compared(rows)}\n\n{shell(*commands)}"

    def _swept(self, name: str, words: Sequence[str]) -> str:
        out = self.scratch / f"{name}.json"
        hidden = ["--results", str(self.scratch / f"{name}.jsonl"), "--json", str(out)]
        asked = sweep.parser().parse_args([*words, "--data", str(self.data), *hidden])
        sweep.find(asked)
        found = json.loads(out.read_text(encoding="utf-8"))
        shown = ["scripts/sweep.py", *words, "--data", "DATA"]
        return f"{swept(found)}\n\n{command(shown)}"


def shell(*runs: Sequence[str]) -> str:
    """The commands of some backtests, for the reader's own data folder."""
    return command(*(["scripts/backtest.py", *words, "--data", "DATA"] for words in runs))


def configured(name: str) -> str:
    return parameters(config(name))


def config(name: str) -> Config:
    folder = ROOT / "deployable_strategies" / CONFIGS[name] / "aws_deployment"
    return load(folder / "config.json")


def main(arguments: list[str] | None = None) -> int:
    made = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "marketdata",
                      metavar="DIR", help="a folder of stored bars (%(default)s)")  # fmt: skip
    made.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    asked = made.parse_args(arguments)
    pages = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
    wanted = [name for text in pages.values() for name in names(text)]
    try:
        with tempfile.TemporaryDirectory() as scratch:
            blocks = Study(asked.data.resolve(), Path(scratch)).make(wanted)
        renewed = {page: filled(text, blocks) for page, text in pages.items()}
    except MagellanError as fault:
        sys.stderr.write(f"strategy_doc: {fault}\n")
        return fault.exit_code
    stale = [page for page in pages if renewed[page] != pages[page]]
    if asked.check:
        for page in stale:
            sys.stderr.write(f"{page}: its tables are not what is measured: make strategy-doc\n")
        return ExitCode.CRASH if stale else ExitCode.OK
    for page in stale:
        (ROOT / page).write_text(renewed[page], encoding="utf-8")
        sys.stdout.write(f"{page}: renewed\n")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
