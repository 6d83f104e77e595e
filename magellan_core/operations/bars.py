"""Small pictures in a line of text: how much of a limit is used, how the day's equity went."""

from collections.abc import Sequence
from decimal import Decimal

FULL, EMPTY = "█", "░"
STEPS = "▁▂▃▄▅▆▇█"


def gauge(used: Decimal, limit: Decimal, width: int = 10) -> str:
    """A bar of `width` cells; any use shows at least one, and only the whole limit fills it."""
    if limit <= 0:
        return FULL * width
    share = max(used, Decimal(0)) / limit
    cells = int(share * width)
    if share > 0:
        cells = max(cells, 1)
    if share < 1:
        cells = min(cells, width - 1)
    cells = min(cells, width)
    return FULL * cells + EMPTY * (width - cells)


def sparkline(values: Sequence[Decimal], width: int = 24) -> str:
    """The values from left to right, lowest to highest; the last of each stretch stands for it."""
    if not values:
        return ""
    if len(values) > width:
        values = [values[(n + 1) * len(values) // width - 1] for n in range(width)]
    low, high = min(values), max(values)
    if low == high:
        return STEPS[len(STEPS) // 2] * len(values)
    top = len(STEPS) - 1
    return "".join(STEPS[int((value - low) / (high - low) * top)] for value in values)
