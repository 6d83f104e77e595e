#!/usr/bin/env python3
"""Lift the halts of one strategy, or of all of them; on record with your reason.

Losing days, win rate and high-water mark count anew from here; after a flatten the strategy goes
live anew. Start its service afterwards, if it had ended.
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

from magellan_core.operations.halting import Operator, resume
from magellan_core.operations.notice_script import notice_script, say


def main(arguments: Sequence[str] | None = None) -> int:
    operator = Operator(
        name=f"{getpass.getuser()} ({Path(__file__).name})",
        now=lambda: datetime.now(UTC),
        pause=time.sleep,
        say=say,
    )
    return notice_script("resume", resume, __doc__, operator, os.environ, arguments)


if __name__ == "__main__":
    sys.exit(main())
