"""Prices as the venue takes them: on its ticks, rounded so that no rounding flatters us.

LAW: pure Decimal arithmetic, dollars. Live, replay and backtest round through these functions.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

CENT = Decimal("0.01")
SUB_PENNY = Decimal("0.0001")
_ONE_DOLLAR = Decimal(1)


def to_decimal(x: float) -> Decimal:
    """The decimal a person would read, 0.1 as 0.1. Raise ValueError for nan or infinity.

    Through repr, the shortest text that names the float, so without binary noise.
    """
    exact = Decimal(repr(float(x)))
    if not exact.is_finite():
        raise ValueError(f"{x} is no price: a price is a finite number of dollars")
    return exact


def tick_of(price: Decimal) -> Decimal:
    """The smallest step in dollars: 0.01 from $1 on, 0.0001 below (SEC Rule 612)."""
    return CENT if price >= _ONE_DOLLAR else SUB_PENNY


def round_down(price: Decimal | float) -> Decimal:
    """The highest price on a tick that is not above `price`. Raise ValueError below 0."""
    exact = _exact(price)
    return exact.quantize(tick_of(exact), rounding=ROUND_FLOOR)


def round_up(price: Decimal | float) -> Decimal:
    """The lowest price on a tick that is not below `price`. Raise ValueError below 0."""
    exact = _exact(price)
    up = exact.quantize(tick_of(exact), rounding=ROUND_CEILING)
    # Just below $1 rounds up to 1.0000, which the venue takes as 1.00.
    return up.quantize(tick_of(up))


def stop_price(price: Decimal | float) -> Decimal:
    """A sell stop on the venue's ticks. Raise ValueError below 0."""
    # Down: the loss is taken at the worse tick, never above the strategy's own level.
    return round_down(price)


def target_price(price: Decimal | float) -> Decimal:
    """A sell target (limit) on the venue's ticks. Raise ValueError below 0."""
    # Up: the harder tick to reach, so no fill is counted that the level itself would not give.
    return round_up(price)


def _exact(price: Decimal | float) -> Decimal:
    exact = price if isinstance(price, Decimal) else to_decimal(price)
    if not exact.is_finite() or exact < 0:
        raise ValueError(f"{price} is no price: a price is a finite number of dollars from 0 on")
    return exact
