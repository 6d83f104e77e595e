"""Shapes that synthetic bars are drawn with: ticks, candles, knotted paths, the day's volume curve.

LAW: pure. Chance comes in as a `random.Random`; the same stream draws the same bars.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from random import Random

from magellan_core.model import Bar

Knots = Sequence[tuple[int, float]]

# Part of one step's noise that the next takes back: keeps a driftless walk near its level,
# and so its RSI near 50.
PULL_BACK = 0.6


def stream(seed: int, *names: str) -> Random:
    """An independent random stream for these names: a symbol more or less moves no other."""
    return Random("/".join((str(seed), *names)))  # noqa: S311 - a market to look at, not a secret


def tick(price: float) -> float:
    """The venue's price step in dollars: a cent from $1, a hundredth of a cent below."""
    return 0.01 if price >= 1 else 0.0001


def on_tick(price: float) -> float:
    """The nearest price in dollars that the venue can print."""
    return round(price, 2 if price >= 1 else 4)


def candle(
    rng: Random,
    symbol: str,
    span: tuple[datetime, datetime],
    body: tuple[float, float],
    *,
    wick: float,
    volume: float,
    lower_wick: bool = True,
) -> Bar:
    """A bar from `body` (open, close) in dollars with wicks of about `wick`, a fraction of price.

    Without `lower_wick` the low is the lower end of the body.
    """
    opening, close = on_tick(body[0]), on_tick(body[1])
    top, bottom = max(opening, close), min(opening, close)
    high = max(top, on_tick(top * (1 + abs(rng.gauss(0, wick)))))
    dip = abs(rng.gauss(0, wick))
    low = min(bottom, on_tick(bottom * (1 - dip))) if lower_wick else bottom
    return Bar(symbol, span[0], span[1], opening, high, low, close, float(max(100, round(volume))))


def along(knots: Knots, length: int) -> list[float]:
    """Values at 0 .. length-1 on straight lines between `knots`, level outside them."""
    values = []
    right = 0
    for at in range(length):
        while right < len(knots) and knots[right][0] <= at:
            right += 1
        if right == 0:
            values.append(knots[0][1])
        elif right == len(knots):
            values.append(knots[-1][1])
        else:
            (x0, y0), (x1, y1) = knots[right - 1], knots[right]
            values.append(y0 + (y1 - y0) * (at - x0) / (x1 - x0))
    return values


def u_shape(part: float) -> float:
    """Volume at this part (0..1) of the regular session against its quietest minute."""
    return 1 + 2.5 * math.exp(-part / 0.06) + 1.5 * math.exp((part - 1) / 0.05)


def noise(rng: Random, size: float, before: float) -> tuple[float, float]:
    """One step of noise that takes back part of the step before: (step, shock to pass on)."""
    shock = rng.gauss(0, size)
    return shock - PULL_BACK * before, shock
