"""Portfolio limits over the published figures of all strategies.

LAW: pure. Each daemon judges alike from the same rows, so a breach halts all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from magellan_core.model import Published
from magellan_core.risk.account import Breach, fall


@dataclass(frozen=True, slots=True)
class PortfolioLimits:
    """Config `portfolio`."""

    strategies: Sequence[str]
    max_daily_loss_dollars: Decimal
    max_drawdown_pct: Decimal
    stale_after: timedelta


def stale_peers(
    rows: Sequence[Published], me: str, now: datetime, limits: PortfolioLimits
) -> list[str]:
    """Peers whose figures cannot be trusted now: they block entries, never exits.

    A peer that stopped cleanly and flat cannot lose, so its last figure stays good. Figures of a
    later time than now, our own too, are left from before the clock was set back.
    """
    by_name = {row.strategy: row for row in rows}
    stale: list[str] = []
    for name in limits.strategies:
        row = by_name.get(name)
        if row is not None and row.at > now + limits.stale_after:
            stale.append(f"{name} (figures of {row.at:%Y-%m-%d %H:%M:%S} UTC, later than now)")
        elif name == me:
            continue
        elif row is None:
            stale.append(f"{name} (never published)")
        elif row.state == "stopped" and row.flat:
            continue
        elif now > row.next_by + limits.stale_after:
            stale.append(f"{name} (silent since {row.at:%Y-%m-%d %H:%M:%S} UTC)")
    return stale


def pnl_of(rows: Sequence[Published], session: date) -> Decimal:
    """Sum of that session's P&L in dollars; figures of another one count nothing."""
    return sum((row.pnl_today for row in rows if row.session == session), Decimal(0))


def daily_loss(rows: Sequence[Published], session: date, limits: PortfolioLimits) -> Breach | None:
    """Today's loss of all accounts together."""
    total = pnl_of(rows, session)
    if -total >= limits.max_daily_loss_dollars:
        why = f"all accounts lost {-total:.2f} today, limit {limits.max_daily_loss_dollars:.2f}"
        return Breach("portfolio", why)
    return None


def complete(rows: Sequence[Published], limits: PortfolioLimits) -> bool:
    """Whether every strategy of the portfolio has published."""
    return {row.strategy for row in rows} >= set(limits.strategies)


def earned(rows: Sequence[Published]) -> Decimal:
    """Total equity less what was paid in since the start: deposits are no gains."""
    return sum((row.equity - row.paid_in for row in rows), Decimal(0))


def fall_of_all(
    rows: Sequence[Published], mark: Decimal, limits: PortfolioLimits
) -> Decimal | None:
    """Per cent below the high-water mark, both with what was paid in.

    `mark` is the high of `earned`. None until every account has published, or without a mark.
    """
    if not complete(rows, limits):
        return None
    return fall(sum((row.equity for row in rows), Decimal(0)), _high(rows, mark))


def _high(rows: Sequence[Published], mark: Decimal) -> Decimal:
    return mark + sum((row.paid_in for row in rows), Decimal(0))


def drawdown(rows: Sequence[Published], mark: Decimal, limits: PortfolioLimits) -> Breach | None:
    """Total equity against its high-water mark. `mark` is the high of `earned`."""
    pct = fall_of_all(rows, mark, limits)
    if pct is not None and pct >= limits.max_drawdown_pct:
        limit = limits.max_drawdown_pct
        why = f"all accounts are {pct:.2f} % below {_high(rows, mark):.2f}, limit {limit} %"
        return Breach("portfolio", why)
    return None
