"""All accounts together: money, and how much of the portfolio's limits is used."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from magellan_core.config import Config
from magellan_core.operations.looks import (
    BROKER,
    CONFIG,
    STORE,
    AccountLook,
    Figure,
    Origin,
    StrategyLook,
    Totals,
    Usage,
)

NOTHING = Decimal(0)


def totals(looks: Sequence[StrategyLook], configs: Sequence[Config], mark: Figure) -> Totals:
    """Sums over the accounts looked at. `mark` is the portfolio's high-water mark."""

    def total(pick: Callable[[AccountLook], Figure]) -> Figure:
        return summed([(look.name, pick(look.account)) for look in looks])

    equity, today = total(lambda a: a.equity), total(lambda a: a.today)
    loss_limit = agreed([c.portfolio.max_daily_loss_dollars for c in configs])
    return Totals(
        equity=equity,
        cash=total(lambda a: a.cash),
        today=today,
        total=total(lambda a: a.total),
        daily_loss_limit=loss_limit,
        usages=(
            Usage("lost today", lost(today), loss_limit, "$"),
            Usage(
                "drawdown",
                drawdown(equity, mark, whole=_is_whole(looks, configs)),
                agreed([c.portfolio.max_drawdown_pct for c in configs]),
                "%",
            ),
        ),
        curve=summed_curve([look.curve for look in looks]),
    )


def agreed(values: Sequence[Decimal]) -> Figure:
    """A limit that the configs must name alike."""
    known = set(values)
    return Figure(known.pop() if len(known) == 1 else None, Origin(CONFIG), "the configs disagree")


def lost(today: Figure) -> Figure:
    """Today's P&L as a loss in dollars: a gain uses nothing of the limit."""
    value = None if today.value is None else max(-today.value, NOTHING)
    return Figure(value, today.origin, today.why)


def drawdown(equity: Figure, mark: Figure, *, whole: bool) -> Figure:
    """Per cent below the portfolio's mark; it is of all strategies, so of some nothing is known."""
    origin = Origin(f"{BROKER}, {STORE}", equity.origin.at)
    if not whole:
        return Figure(None, origin, "not all strategies are looked at")
    if equity.value is None or mark.value is None or mark.value <= 0:
        return Figure(None, origin, equity.why or mark.why)
    return Figure(max((mark.value - equity.value) / mark.value * 100, NOTHING), origin)


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


def _is_whole(looks: Sequence[StrategyLook], configs: Sequence[Config]) -> bool:
    return {look.name for look in looks} >= {s for c in configs for s in c.portfolio.strategies}
