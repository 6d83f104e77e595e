#!/usr/bin/env python3
"""Seconds from SIGKILL to trading again: reaped, started, recovered, ticked. Over HTTP, stepped.

python -m benchmarks.sigkill [KILLS]
"""

import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from tests.process.stage import new_york, stage
from tests.process.test_sigkill import SLOW_PATROL, TRAP, dead, reborn


def main(kills: int) -> None:
    """Kill the Bear Trap daemon again and again through a day on which it trades."""
    begin, told = new_york(25, 10, 58), []
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder), TRAP, begin=begin) as on:
        on.start(TRAP, None, **SLOW_PATROL)
        for n in range(kills):
            on.play(begin + timedelta(minutes=2 + 2 * n, seconds=30))
            began = time.monotonic()
            dead(on, TRAP)
            reborn(on, TRAP)
            told.append(time.monotonic() - began)
    sys.stdout.write(
        f"{kills} kills: median {statistics.median(told):.2f} s, longest {max(told):.2f} s, "
        f"shortest {min(told):.2f} s\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
