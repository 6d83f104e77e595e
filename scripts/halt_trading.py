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

import getpass
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.operations.halting import Operator, halt
from magellan_core.operations.notice_script import notice_script, say


def main(arguments: Sequence[str] | None = None) -> int:
    operator = Operator(
        name=f"{getpass.getuser()} ({Path(__file__).name})",
        now=lambda: datetime.now(UTC),
        pause=time.sleep,
        say=say,
    )
    return notice_script("halt", halt, __doc__, operator, os.environ, arguments)


if __name__ == "__main__":
    sys.exit(main())
