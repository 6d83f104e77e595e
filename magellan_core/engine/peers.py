"""The portfolio as one strategy sees it: tell our figures, read everybody's, judge the sum.

LAW: no entry leaves unless, in the same tick, our own figures were published first and everybody's
read after; so of several that race, at least the last to publish sees the whole sum.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from magellan_core.engine.halts import Halts
from magellan_core.engine.ledger import Ledger
from magellan_core.errors import Unavailable
from magellan_core.model import Published
from magellan_core.ports import PortfolioStore
from magellan_core.risk import portfolio as portfolio_risk
from magellan_core.risk.portfolio import PortfolioLimits


class Peers:
    """`stale` names what makes the sum unknown; it blocks entries, never exits."""

    def __init__(
        self,
        strategy: str,
        ledger: Ledger,
        store: PortfolioStore,
        halts: Halts,
        limits: PortfolioLimits,
    ) -> None:
        self.strategy, self.ledger, self.store = strategy, ledger, store
        self.halts, self.limits = halts, limits
        self.stale: list[str] = ["portfolio figures not read yet"]

    def share(self, mine: Published, now: datetime) -> None:
        """Publish, then read and judge."""
        self.publish(mine)
        self.judge(now)

    def publish(self, mine: Published) -> None:
        try:
            self.store.publish(mine)
        except Unavailable as fault:
            self.stale = [f"the portfolio store cannot be written: {fault}"]
        else:
            self.stale = []

    def judge(self, now: datetime) -> None:
        """Read everybody's figures, and halt all strategies if they breach a limit."""
        try:
            rows = self.store.rows()
            mark = self._mark(rows)
        except Unavailable as fault:
            self.stale.append(f"the portfolio store cannot be read: {fault}")
            return
        self.stale += portfolio_risk.stale_peers(rows, self.strategy, now, self.limits)
        session = self.ledger.book.session
        breaches = [portfolio_risk.drawdown(rows, mark, self.limits)]
        if session is not None:
            breaches.append(portfolio_risk.daily_loss(rows, session, self.limits))
        for breach in breaches:
            if breach is not None:
                self.halts.halt_everybody(breach, now)

    def _mark(self, rows: Sequence[Published]) -> Decimal:
        """The high of what was not paid in; 0 while an account has not published yet."""
        if not portfolio_risk.complete(rows, self.limits):
            return Decimal(0)
        return self.store.high_water(portfolio_risk.earned(rows), self.ledger.book.era)
