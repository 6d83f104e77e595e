#!/usr/bin/env python3
"""Back up the journals and the portfolio store, or put a strategy's journal back.

A backup may be taken while the daemons run. A restore wants the strategy's service stopped.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser
from magellan_core.errors import ExitCode, MagellanError, UsageError
from magellan_core.operations.backup import back_up, restore
from magellan_core.operations.options import add_state_dir


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--to", type=Path, metavar="DIR", help="back up into this folder")
    what.add_argument("--restore", type=Path, metavar="DIR", help="put back from this folder")
    parser.add_argument("--strategy", metavar="NAME", help="whose journal to restore")
    add_state_dir(parser, os.environ)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    asked = options(arguments)
    state = asked.state_dir
    try:
        if asked.to is not None:
            for copy in back_up(state, asked.to):
                sys.stdout.write(f"{copy}: {copy.stat().st_size:,} bytes, checked\n")
        elif asked.strategy is None:
            raise UsageError("--restore needs --strategy: one journal is put back at a time")
        else:
            kept = restore(state, asked.restore, asked.strategy)
            sys.stdout.write(f"{asked.strategy} is restored; what was there is {kept}\n")
    except MagellanError as fault:
        sys.stderr.write(f"backup_state: {fault}\n")
        return fault.exit_code
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
