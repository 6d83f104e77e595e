#!/usr/bin/env python3
"""Play seeded days in bad weather, in parallel; name every seed on which an invariant broke."""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from pathlib import Path
from time import monotonic

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from magellan_core.arguments import Parser
from magellan_core.errors import ExitCode
from magellan_core.trials.chaos import Day, Told

CONSOLE = Console(highlight=False, soft_wrap=True)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line as values."""
    parser = Parser(description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seeds", type=int, default=100, metavar="N", help="how many (100)")
    which.add_argument("--seconds", type=float, metavar="S", help="as many as fit into S seconds")
    which.add_argument("--seed", type=int, metavar="N", help="replay one, saying every tick")
    parser.add_argument(
        "--first", type=int, default=1000, metavar="N", help="the first seed (1000)"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (all cores)"
    )
    return parser.parse_args(arguments)


def play(seed: int) -> Told:
    """One day."""
    return Day(seed).run()


def days(options: argparse.Namespace) -> Iterator[Told]:
    """Days as they end; no new one begins once the seconds are over."""
    until = None if options.seconds is None else monotonic() + options.seconds
    last = options.first + options.seeds if until is None else None
    seeds = count(options.first)
    with ProcessPoolExecutor(options.jobs) as pool:
        running: set[Future[Told]] = set()
        while True:
            more = until is None or monotonic() < until
            while more and len(running) < 2 * options.jobs:
                seed = next(seeds)
                if last is not None and seed >= last:
                    more = False
                    break
                running.add(pool.submit(play, seed))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)


def replay(seed: int) -> ExitCode:
    """One seed, tick by tick."""
    told = Day(seed, say=CONSOLE.print).run()
    CONSOLE.print(told.fault or "all invariants held", markup=False)
    return ExitCode.CRASH if told.fault else ExitCode.OK


def main(arguments: list[str]) -> ExitCode:
    """0: all held; 1: the seeds that are named did not."""
    options = parse(arguments)
    if options.seed is not None:
        return replay(options.seed)
    began, played, failed, fills, lives = monotonic(), 0, 0, 0, 0
    counts: Counter[str] = Counter()
    for told in days(options):
        played, fills, lives = played + 1, fills + told.fills, lives + told.lives
        counts += told.counts
        if told.fault is not None:
            failed += 1
            CONSOLE.print(f"seed {told.seed}: {told.fault}", markup=False)
            CONSOLE.print(f"  replay: make chaos SEED={told.seed}")
    kinds = ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
    CONSOLE.print(
        f"{played} runs of two sessions, {failed} failed, {fills} fills, {lives} lives of daemons, "
        f"{sum(counts.values())} faults, {monotonic() - began:.0f} s"
    )
    CONSOLE.print(f"faults: {kinds}")
    return ExitCode.CRASH if failed else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
