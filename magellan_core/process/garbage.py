"""Garbage collection where nothing waits for it: never while a bar is on its way to an order."""

import gc
from time import monotonic

_IDLE = 1.0
_AT_MOST_EVERY = 10.0


class Garbage:
    """Cyclic garbage only; everything else is freed as it falls, as ever.

    Once `begin` is called, what a start has loaded is never looked at again, and Python collects
    only where `between_ticks` tells it to.
    """

    def __init__(self) -> None:
        self._whole_at = monotonic()

    def begin(self) -> None:
        """The start is over: what lives now, lives for good."""
        gc.collect()
        gc.freeze()
        gc.disable()

    def between_ticks(self, idle: float) -> None:
        """Collect the young, and the old too where that many idle seconds allow for it."""
        whole = idle >= _IDLE and monotonic() - self._whole_at >= _AT_MOST_EVERY
        gc.collect(2 if whole else 1)
        if whole:
            self._whole_at = monotonic()
