"""How a dashboard says numbers, ages and days. Nothing known is a dash."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from magellan_core.market_hours import new_york, new_york_date
from magellan_core.operations.looks import Origin

UNKNOWN = "\N{EN DASH}"
STALE_AFTER = timedelta(seconds=60)
_A_WEEK = 6
_CENT = Decimal("0.01")
_TICK = Decimal("0.0001")


def dollars(amount: Decimal | None) -> str:
    return UNKNOWN if amount is None else f"{amount:,.2f}"


def signed(amount: Decimal | None) -> str:
    """With its sign, and never a negative nothing."""
    if amount is None:
        return UNKNOWN
    rounded = amount.quantize(_CENT)
    return f"{abs(rounded):,.2f}" if rounded == 0 else f"{rounded:+,.2f}"


def gain_style(amount: Decimal | None) -> str:
    if not amount:
        return ""
    return "green" if amount > 0 else "red"


def price(amount: Decimal | None) -> str:
    """Two decimals from $1, up to four below: the venue's ticks."""
    if amount is None:
        return UNKNOWN
    return f"{amount:,.2f}" if abs(amount) >= 1 else f"{amount.quantize(_TICK):f}"


def prices(amounts: Iterable[Decimal]) -> str:
    """Each once, lowest first: "5.10/5.60"."""
    return "/".join(price(each) for each in sorted(set(amounts)))


def number(amount: Decimal) -> str:
    """Shares, without trailing zeros."""
    return f"{amount.normalize():,f}" if amount else "0"


def ago(origin: Origin, now: datetime) -> str:
    """An age in its largest unit: "45 s", "4 min", "3 h", "2 d"."""
    age = origin.age(now)
    if age is None:
        return UNKNOWN
    seconds = max(int(age.total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (size == 60 and seconds >= size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def is_stale(origin: Origin, now: datetime) -> bool:
    """Told, but too long ago to be taken for now."""
    age = origin.age(now)
    return age is not None and age > STALE_AFTER


def short_day(at: datetime, now: datetime) -> str:
    """Empty for today, a weekday within the week, else month and day."""
    days = abs((new_york_date(at) - new_york_date(now)).days)
    if not days:
        return ""
    return f"{new_york(at):%a}" if days <= _A_WEEK else f"{new_york(at):%m-%d}"
