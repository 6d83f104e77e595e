"""How many shares: whole numbers from dollars, from risk, and split into tranches.

LAW: pure Decimal arithmetic, always rounded down, so that no cap is ever exceeded.
"""

from decimal import Decimal
from fractions import Fraction

_HUNDRED = Decimal(100)


def shares_for_dollars(dollars: Decimal, price: Decimal, buffer_pct: Decimal) -> int:
    """Whole shares that `dollars` less a buffer in percent pays for at `price`.

    The buffer leaves room for a fill above `price`. None or negative dollars buy 0 shares. Raise
    ValueError unless price > 0 and 0 <= buffer_pct < 100.
    """
    if not price > 0:
        raise ValueError(f"price {price} must be above 0")
    if not 0 <= buffer_pct < _HUNDRED:
        raise ValueError(f"buffer {buffer_pct} % must lie from 0 to below 100")
    usable = Fraction(dollars) * Fraction(_HUNDRED - buffer_pct) / 100
    return max(0, int(usable / Fraction(price)))


def shares_for_risk(
    equity: Decimal, risk_pct: Decimal, entry: Decimal, stop: Decimal, cap: Decimal
) -> int:
    """Whole shares that lose at most `risk_pct` percent of `equity` between entry and stop.

    They cost at most `cap` dollars: floor(min(risk / (entry - stop), cap / entry)), never below
    0. Raise ValueError unless 0 < stop < entry and risk_pct >= 0.
    """
    if not 0 < stop < entry:
        raise ValueError(f"stop {stop} must lie between 0 and entry {entry}")
    if not risk_pct >= 0:
        raise ValueError(f"risk of {risk_pct} % must not be negative")
    # Fractions divide exactly; a quotient rounded up to a whole number would break the cap.
    risk = Fraction(equity) * Fraction(risk_pct) / 100
    by_risk = risk / (Fraction(entry) - Fraction(stop))
    return max(0, int(min(by_risk, Fraction(cap) / Fraction(entry))))


def split_tranches(qty: int) -> tuple[int, int, int]:
    """Shares of the first target (40 %), the second (30 %) and the runner (the rest).

    Whole shares, rounded down, so a small position is all runner. Raise ValueError below 0.
    """
    if qty < 0:
        raise ValueError(f"quantity {qty} must not be negative")
    first, second = qty * 40 // 100, qty * 30 // 100
    return first, second, qty - first - second
