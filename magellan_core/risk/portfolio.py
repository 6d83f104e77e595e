"""Portfolio limits over the published figures of all strategies.

LAW: pure. Each daemon judges alike from the same rows, so a breach halts all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from magellan_core.model import Published
from magellan_core.risk.account import Breach


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

    A peer that stopped cleanly and flat cannot lose, so its last figure stays good.
    """
    by_name = {row.strategy: row for row in rows}
    stale: list[str] = []
    for name in limits.strategies:
        if name == me:
            continue
        row = by_name.get(name)
        if row is None:
            stale.append(f"{name} (never published)")
        elif row.state == "stopped" and row.flat:
            continue
        elif now > row.next_by + limits.stale_after:
            stale.append(f"{name} (silent since {row.at:%Y-%m-%d %H:%M:%S} UTC)")
    return stale


def daily_loss(rows: Sequence[Published], session: date, limits: PortfolioLimits) -> Breach | None:
    """Sum of today's P&L. Figures of an earlier session count nothing today."""
    total = sum((r.pnl_today for r in rows if r.session == session), Decimal(0))
    if -total >= limits.max_daily_loss_dollars:
        why = f"all accounts lost {-total:.2f} today, limit {limits.max_daily_loss_dollars:.2f}"
        return Breach("portfolio", why)
    return None


def drawdown(
    rows: Sequence[Published], high_water: Decimal, limits: PortfolioLimits
) -> Breach | None:
    """Total equity against its high-water mark; judged only when every account has published."""
    if {r.strategy for r in rows} < set(limits.strategies) or high_water <= 0:
        return None
    total = sum((r.equity for r in rows), Decimal(0))
    pct = (high_water - total) / high_water * 100
    if pct >= limits.max_drawdown_pct:
        limit = limits.max_drawdown_pct
        why = f"all accounts are {pct:.2f} % below {high_water:.2f}, limit {limit} %"
        return Breach("portfolio", why)
    return None
