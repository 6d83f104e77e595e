"""Hourly and daily bars of the synthetic market: a walk that returns to its level, then a script.

Each series is one chain of log moves, laid so that the first session asked for starts at the
character's price.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from magellan_core.market_hours import Session
from magellan_core.model import Bar
from magellan_core.paper.synthetic_scripts import DailyCharacter, HourlyCharacter
from magellan_core.paper.synthetic_shapes import candle, noise

HOUR = timedelta(hours=1)
PRE_MARKET = timedelta(hours=5, minutes=30)
AFTER_HOURS = timedelta(hours=4)
FIRST_HOUR = 4
# Shares and movement of an hour outside the regular session against one inside it.
THIN, SLOW = 0.012, 0.35
REGULAR_HOURS = 7
SCRIPTED_NOISE = 0.2
# Bars before the first session asked for that follow the character's drift.
LEAD_DAYS, LEAD_HOURS = 60, 60
# Before those, daily prices swell and ebb: size a day, sessions to a radian.
SWELL, SLOWNESS = 0.0012, 25
WIDEST_GAP = 0.004


class _Step(NamedTuple):
    start: datetime
    end: datetime
    size: float
    move: float
    volume: float


def hourly_bars(
    rng: Random,
    symbol: str,
    character: HourlyCharacter,
    before: Sequence[Session],
    sessions: Sequence[Session],
) -> list[Bar]:
    """Hours of 04:00-20:00 New York, on half days to four hours after the close."""
    steps: list[_Step] = []
    shock = 0.0
    hours = [(n, at) for n, s in enumerate(before, -len(before)) for at in _hours(s)]
    lead = len(hours) - LEAD_HOURS
    eve = len(hours)
    hours += [(n, at) for n, s in enumerate(sessions) for at in _hours(s)]
    by_number = dict(enumerate((*before, *sessions), -len(before)))
    for place, (n, start) in enumerate(hours):
        session = by_number[n]
        regular = start + HOUR > session.open and start < session.close
        drift = _scripted_hour(character, n, start, session) if n >= 0 else None
        size = character.volatility * (1 if regular else SLOW)
        if drift is not None:
            size *= SCRIPTED_NOISE
        elif lead <= place < eve:
            drift = character.drift
        turn, shock = noise(rng, size, shock)
        move = turn + (drift or 0.0)
        share = character.volume / REGULAR_HOURS * (1 if regular else THIN)
        volume = share * math.exp(rng.gauss(0, 0.3)) * (1 + 40 * abs(move))
        steps.append(_Step(start, start + HOUR, size, move, volume))
    bars = []
    last, *closes = _prices(character.price, [step.move for step in steps], eve)
    for step, close in zip(steps, closes, strict=True):
        body = (last * (1 + rng.gauss(0, 0.0001)), close)
        span = (step.start, step.end)
        bars.append(candle(rng, symbol, span, body, wick=0.5 * step.size, volume=step.volume))
        last = close
    return bars


def daily_bars(
    rng: Random,
    symbol: str,
    character: DailyCharacter,
    before: Sequence[Session],
    sessions: Sequence[Session],
) -> list[Bar]:
    """Days of the regular session, opening within half a percent of the close before."""
    phase = rng.uniform(0, 2 * math.pi)
    moves: list[float] = []
    shock = 0.0
    for n in range(-len(before), len(sessions)):
        scripted = 0 <= n < len(character.returns)
        size = character.volatility * (SCRIPTED_NOISE if scripted else 1)
        turn, shock = noise(rng, size, shock)
        if scripted:
            drift = character.returns[n]
        elif n < -LEAD_DAYS:
            drift = SWELL * math.sin(n / SLOWNESS + phase)
        else:
            drift = character.drift
        moves.append(drift + turn)
    bars = []
    last, *closes = _prices(character.price, moves, len(before))
    for session, move, close in zip((*before, *sessions), moves, closes, strict=True):
        gap = max(-WIDEST_GAP, min(WIDEST_GAP, rng.gauss(0.15 * move, 0.0015)))
        volume = character.volume * math.exp(rng.gauss(0, 0.2)) * (1 + 15 * abs(move))
        volume *= (session.close - session.open) / timedelta(hours=6, minutes=30)
        span = (session.open, session.close)
        wick = 0.5 * character.volatility
        bars.append(candle(rng, symbol, span, (last * (1 + gap), close), wick=wick, volume=volume))
        last = close
    return bars


def _hours(session: Session) -> list[datetime]:
    """Starts of the session's hourly bars, pre-market and after hours included."""
    first = session.open - PRE_MARKET
    return [first + n * HOUR for n in range((session.close + AFTER_HOURS - first) // HOUR)]


def _scripted_hour(
    character: HourlyCharacter, n: int, start: datetime, session: Session
) -> float | None:
    """The drift the script wants for this hour of the n-th session, if it says anything."""
    if n >= len(character.script):
        return None
    hour = FIRST_HOUR + (start - (session.open - PRE_MARKET)) // HOUR
    return next((pace for a, b, pace in character.script[n] if a <= hour <= b), None)


def _prices(price: float, moves: Sequence[float], eve: int) -> list[float]:
    """Prices before the first and after each of the log `moves`, `price` after `eve` of them."""
    levels = list(accumulate(moves, initial=0.0))
    return [price * math.exp(level - levels[eve]) for level in levels]
