"""Minute bars of one synthetic session: a knotted path with noise, and the trap if one is due.

Far below the open, a bar that makes a new low has no wick under its body: so only the scripted
bar breaks the low and reclaims it, whatever the seed.
"""

import math
from datetime import datetime, timedelta
from random import Random

from magellan_core.market_hours import Session
from magellan_core.model import Bar
from magellan_core.paper.synthetic_scripts import MinuteCharacter, Trap
from magellan_core.paper.synthetic_shapes import Knots, along, candle, on_tick, tick, u_shape

MINUTE = timedelta(minutes=1)
VOLATILITY = 0.0016
CALM = 0.5
MEMORY = 0.8
FAR_BELOW = 0.87
MISSING = 0.015
# The stretch around a trap, in minutes before and after it, that is calm and has every minute.
EPISODE = (32, 36)
# Prices of the slide's end, of the base and of the last minute before the trap, against the open.
SLIDE, BASE, LIP = math.log(0.827), math.log(0.836), math.log(0.8286)


def session_bars(
    rng: Random,
    symbol: str,
    session: Session,
    character: MinuteCharacter,
    opening: float,
    trap: Trap | None,
) -> list[Bar]:
    """The session's minutes from `opening` dollars on, a few missing away from any episode."""
    length = int((session.close - session.open) / MINUTE)
    at = None if trap is None else _minute_of(rng, trap, length)
    path = along(_quiet(rng, length) if at is None else _down_to(rng, at), length)
    goals = [opening * math.exp(level) for level in path]
    bars: list[Bar] = []
    low = high = last = on_tick(opening)
    wobble = 0.0
    for n in range(length):
        span = (session.open + n * MINUTE, session.open + (n + 1) * MINUTE)
        if trap is not None and n == at:
            bar = _trap_bar(symbol, span, low, trap, bars)
            reach = max(high, bar.high) - bar.close
            way = along(trap.after, length - n)
            goals[n:] = [bar.close + part * reach for part in way]
            wobble = 0.0
        else:
            near = at is not None and at - EPISODE[0] <= n <= at + EPISODE[1]
            wobble = MEMORY * wobble + rng.gauss(0, VOLATILITY * (CALM if near else 1))
            if at is not None and n == at - 1:
                wobble = 0.0
            bar = _ordinary(
                rng,
                symbol,
                span,
                character.volume * u_shape(n / length),
                last,
                goals[n] * math.exp(wobble),
            )
            if bar.low < low and bar.close < FAR_BELOW * opening:
                bar = bar._replace(low=min(bar.open, bar.close))
        bars.append(bar)
        low, high, last = min(low, bar.low), max(high, bar.high), bar.close
    return [bar for n, bar in enumerate(bars) if not _is_missing(rng, n, length, at)]


def _minute_of(rng: Random, trap: Trap, length: int) -> int:
    """Where the trap falls in a session of this length, leaving room for what follows it."""
    if trap.minute < 0:
        return length + trap.minute
    return min(trap.minute + rng.randint(-3, 3), length - 60)


def _quiet(rng: Random, length: int) -> Knots:
    return [(0, 0.0), *((length * n // 5, rng.gauss(0, 0.012)) for n in range(1, 6))]


def _down_to(rng: Random, at: int) -> Knots:
    """From the open through slide and base to the lip, one minute before the trap at `at`."""
    return [
        (0, 0.0),
        (max(2, at - 75), rng.uniform(-0.015, -0.004)),
        (at - 45, -0.08),
        (at - 30, SLIDE),
        (at - 24, BASE),
        (at - 8, BASE - 0.002),
        (at - 1, LIP),
    ]


def _ordinary(
    rng: Random,
    symbol: str,
    span: tuple[datetime, datetime],
    volume: float,
    last: float,
    close: float,
) -> Bar:
    """A bar that opens within a tick of the last close; the further it goes the more it trades."""
    opening = last + rng.choice((-1, 0, 0, 0, 1)) * tick(last)
    move = abs(math.log(close / last)) / VOLATILITY
    busy = volume * math.exp(rng.gauss(0, 0.25)) * (1 + min(1.5, 0.25 * move))
    return candle(rng, symbol, span, (opening, close), wick=VOLATILITY * 0.6, volume=busy)


def _trap_bar(
    symbol: str, span: tuple[datetime, datetime], low: float, trap: Trap, before: list[Bar]
) -> Bar:
    """The bar that breaks `low` by the trap's dip and closes twice as far above it, on volume."""
    step = tick(low)

    def above(dips: float) -> int:
        return max(1, round(dips * trap.dip * low / step))

    bottom = on_tick(low - above(1) * step)
    opening = on_tick(low + above(0.5) * step)
    close = on_tick(low + (above(2) + 1) * step)
    recent = [bar.volume for bar in before[-19:]]
    volume = round(3.5 * sum(recent) / len(recent))
    return Bar(symbol, *span, opening, on_tick(close + step), bottom, close, float(volume))


def _is_missing(rng: Random, n: int, length: int, at: int | None) -> bool:
    """Whether nobody traded in this minute; never the first or last, never around a trap."""
    nobody = rng.random() < MISSING
    near = at is not None and at - EPISODE[0] <= n <= at + EPISODE[1]
    return nobody and 0 < n < length - 1 and not near
