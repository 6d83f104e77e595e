"""All accounts together: their money, and how the day went."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from magellan_core.config import Config
from magellan_core.operations.looks import (
    BROKER,
    AccountLook,
    Figure,
    Origin,
    StrategyLook,
    Totals,
    Usage,
)
from magellan_core.operations.usage import agreed

NOTHING = Decimal(0)


def totals(
    looks: Sequence[StrategyLook], configs: Sequence[Config], usages: tuple[Usage, ...]
) -> Totals:
    """Sums over the accounts looked at; `usages` are of the portfolio's limits."""

    def total(pick: Callable[[AccountLook], Figure]) -> Figure:
        return summed([(look.name, pick(look.account)) for look in looks])

    return Totals(
        equity=total(lambda a: a.equity),
        cash=total(lambda a: a.cash),
        today=total(lambda a: a.today),
        total=total(lambda a: a.total),
        daily_loss_limit=agreed([c.portfolio.max_daily_loss_dollars for c in configs]),
        usages=usages,
        curve=summed_curve([look.curve for look in looks]),
    )


def summed(figures: Sequence[tuple[str, Figure]]) -> Figure:
    """A sum is as old as its oldest part, and unknown if a part is."""
    missing = [name for name, figure in figures if figure.value is None]
    ages = [figure.origin.at for _, figure in figures if figure.origin.at is not None]
    origin = Origin(BROKER, min(ages, default=None))
    if missing or not figures:
        return Figure(None, origin, f"not known of {', '.join(missing)}")
    return Figure(sum((f.value or NOTHING for _, f in figures), NOTHING), origin)


def summed_curve(
    curves: Sequence[Sequence[tuple[datetime, Decimal]]],
) -> tuple[tuple[datetime, Decimal], ...]:
    """The accounts' equity together, from the first instant at which all are known."""
    steps = sorted((at, n, value) for n, curve in enumerate(curves) for at, value in curve)
    latest: dict[int, Decimal] = {}
    points: list[tuple[datetime, Decimal]] = []
    for at, n, value in steps:
        latest[n] = value
        if len(latest) == len(curves):
            if points and points[-1][0] == at:
                points.pop()
            points.append((at, sum(latest.values(), NOTHING)))
    return tuple(points)
