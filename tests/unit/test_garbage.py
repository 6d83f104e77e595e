"""The collector rests during ticks and runs between them. In a process of its own: it is global."""

import subprocess
import sys

PROGRAM = """
import gc
from magellan_core.process import garbage

class Ring:
    freed = 0
    def __init__(self):
        self.self = self
    def __del__(self):
        Ring.freed += 1

def rings(count):
    for _ in range(count):
        Ring()

clock = [0.0]
garbage.monotonic = lambda: clock[0]
collector = garbage.Garbage()
collector.begin()
frozen = gc.get_freeze_count()
rings(5000)
during = Ring.freed
collector.between_ticks(0.0)
after = Ring.freed
old = Ring()
gc.collect(1)
del old
collector.between_ticks(60.0)
soon = Ring.freed
clock[0] += 60.0
collector.between_ticks(0.0)
busy = Ring.freed
collector.between_ticks(60.0)
print(frozen > 1000, gc.isenabled(), during, after, soon, busy, Ring.freed)
"""


def test_garbage_waits_for_the_end_of_a_tick_and_old_garbage_for_an_idle_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False", "0", "5000", "5000", "5000", "5001"]
