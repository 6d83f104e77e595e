#!/usr/bin/env python3
"""Halt one strategy, or all of them, by hand.

The halt is on record at once. A running daemon reads it at its next tick, cancels its entries,
closes what it holds as its config says (halt_policies.manual) and ends with 75 when it is flat; one
that is stopped or hung reads it when it is back.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import getpass
import os
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.environment import state_dir
from magellan_core.errors import ExitCode, MagellanError
from magellan_core.operations.halting import STRATEGIES, Operator, halt


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strategy", required=True, help=f"{', '.join(STRATEGIES)}, or all")
    parser.add_argument("--reason", required=True, help="goes on record")
    parser.add_argument("--state-dir", type=Path, help="where the journals are (default: found)")
    parser.add_argument(
        "--wait", type=float, default=15.0, help="seconds for running daemons to read it"
    )
    return parser.parse_args(arguments)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main(arguments: list[str] | None = None) -> int:
    asked = options(arguments)
    if not asked.reason.strip():
        sys.stderr.write("halt: --reason must say why: it goes on record\n")
        return ExitCode.USAGE
    operator = Operator(
        name=f"{getpass.getuser()} ({Path(__file__).name})",
        now=lambda: datetime.now(UTC),
        pause=time.sleep,
        say=say,
    )
    state = asked.state_dir or state_dir(os.environ)
    try:
        halt(state, asked.strategy, asked.reason.strip(), operator, asked.wait)
    except MagellanError as fault:
        sys.stderr.write(f"halt: {fault}\n")
        return fault.exit_code
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
