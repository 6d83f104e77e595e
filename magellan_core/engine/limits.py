"""Account and portfolio limits at work: the day's start, the high-water mark, durable halts."""

from datetime import datetime
from decimal import Decimal

from magellan_core.engine.ledger import Ledger
from magellan_core.engine.settings import Settings
from magellan_core.errors import Unavailable
from magellan_core.lines import Line, line
from magellan_core.market_hours import Session
from magellan_core.model import Account, Published
from magellan_core.ports import Alerts, Level, PortfolioStore
from magellan_core.risk import account as account_risk
from magellan_core.risk import portfolio as portfolio_risk
from magellan_core.risk.account import Breach


class Limits:
    """Judges every tick; a breach becomes a halt that only a person clears."""

    def __init__(
        self,
        strategy: str,
        ledger: Ledger,
        store: PortfolioStore,
        alerts: Alerts,
        settings: Settings,
    ) -> None:
        self.strategy, self.ledger, self.store = strategy, ledger, store
        self.alerts, self.settings = alerts, settings
        self.stale: list[str] = ["portfolio figures not read yet"]

    def judge(self, account: Account, now: datetime, session: Session | None) -> None:
        """Roll the day, raise the mark, and halt on any limit that is breached."""
        book = self.ledger.book
        self._roll_day(account, now, session)
        if account.equity > book.high_water:
            self.ledger.write(line(now, Line.HIGH, equity=str(account.equity)))
        limits = self.settings.account
        breaches = [
            account_risk.daily_loss(account.equity, book.day_start, limits),
            account_risk.drawdown(account.equity, book.high_water, limits),
            account_risk.losing_streak(book.days, limits),
            account_risk.win_rate(book.trades, now, limits),
        ]
        for breach in breaches:
            if breach is not None:
                self.halt(breach, now)
        loss = book.day_start - account.equity
        if loss >= self.settings.alert_on_loss:
            self.alerts.alert(
                Level.WARNING, f"loss-{book.session}", f"the account lost {loss:.2f} today"
            )

    def _roll_day(self, account: Account, now: datetime, session: Session | None) -> None:
        """A session's P&L counts from the broker's equity at the close before it."""
        book = self.ledger.book
        if session is None or book.session == session.date:
            return
        start = account.equity if now >= session.close else account.last_equity
        self.ledger.write(
            line(now, Line.DAY, session=session.date.isoformat(), day_start=str(start))
        )

    def pnl_today(self, account: Account) -> Decimal:
        return account.equity - self.ledger.book.day_start

    def halt(self, breach: Breach, now: datetime) -> None:
        """Write a durable halt, once per limit, and tell a person."""
        if breach.limit in self.ledger.book.halts:
            return
        policy = self.settings.policies[breach.limit]
        self.ledger.write(line(now, Line.HALT, limit=breach.limit, why=breach.why, policy=policy))
        self.alerts.alert(
            Level.CRITICAL,
            f"halt-{breach.limit}",
            f"trading halted ({breach.limit}, {policy}): {breach.why}; "
            f"resume with scripts/resume_trading.py --strategy {self.strategy} --reason ...",
        )

    def share(self, account: Account, now: datetime, next_by: datetime, state: str) -> None:
        """Publish our figures, read everybody's, and judge the portfolio by them."""
        book = self.ledger.book
        mine = Published(
            strategy=self.strategy,
            at=now,
            next_by=next_by,
            equity=account.equity,
            pnl_today=self.pnl_today(account),
            session=book.session,
            flat=not book.positions,
            state=state,
        )
        limits = self.settings.portfolio
        try:
            self.store.publish(mine)
            rows = self.store.rows()
            known = {row.strategy for row in rows} >= set(limits.strategies)
            total = sum((row.equity for row in rows), Decimal(0))
            mark = self.store.high_water(total) if known else Decimal(0)
        except Unavailable as fault:
            self.stale = [f"the portfolio store cannot be read: {fault}"]
            return
        self.stale = portfolio_risk.stale_peers(rows, self.strategy, now, limits)
        checks = [portfolio_risk.drawdown(rows, mark, limits)]
        if book.session is not None:
            checks.append(portfolio_risk.daily_loss(rows, book.session, limits))
        for breach in checks:
            if breach is not None:
                self.halt(breach, now)
