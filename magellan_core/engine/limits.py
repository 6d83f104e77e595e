"""Account and portfolio limits at work: the day's start, the high-water mark, durable halts."""

from datetime import datetime
from decimal import Decimal

from magellan_core.engine.halts import Halts
from magellan_core.engine.ledger import Ledger
from magellan_core.engine.peers import Peers
from magellan_core.engine.settings import Settings
from magellan_core.lines import Line, line
from magellan_core.market_hours import Session, session_on
from magellan_core.model import Account, Published
from magellan_core.ports import Alerts, Level, PortfolioStore
from magellan_core.risk import account as account_risk


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
        self.strategy, self.ledger = strategy, ledger
        self.alerts, self.settings = alerts, settings
        self.halts = Halts(strategy, ledger, store, alerts, settings.policies)
        self.peers = Peers(strategy, ledger, store, self.halts, settings.portfolio)

    @property
    def stale(self) -> list[str]:
        """Why the portfolio cannot be judged now; it blocks entries."""
        deaf = self.halts.deaf
        return self.peers.stale if deaf is None else [deaf, *self.peers.stale]

    def judge(self, account: Account, now: datetime, session: Session | None) -> None:
        """Roll the day, raise the mark, and halt on any limit that is breached."""
        book = self.ledger.book
        self._roll_day(account, now, session)
        if account.equity > book.high_water:
            self.ledger.write(line(now, Line.HIGH, equity=str(account.equity)))
        limits = self.settings.account
        breaches = [
            account_risk.drawdown(account.equity, book.high_water, limits),
            account_risk.losing_streak(book.days, limits),
            account_risk.win_rate(book.trades[book.judged_from :], now, limits),
        ]
        if not self._day_is_settled():
            breaches.append(account_risk.daily_loss(account.equity, book.day_start, limits))
        for breach in breaches:
            if breach is not None:
                self.halts.halt(breach, now)
        loss = book.day_start - account.equity
        if loss >= self.settings.alert_on_loss:
            self.alerts.alert(
                Level.WARNING, f"loss-{book.session}", f"the account lost {loss:.2f} today"
            )

    def _day_is_settled(self) -> bool:
        """A person resumed after the day's close: its loss halts nothing any more."""
        book = self.ledger.book
        day = None if book.session is None else session_on(book.session)
        return book.resumed_at is not None and (day is None or book.resumed_at >= day.close)

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
        """Dollars; 0 before the first session is known."""
        book = self.ledger.book
        return Decimal(0) if book.session is None else account.equity - book.day_start

    def share(
        self, account: Account, now: datetime, next_by: datetime, state: str, *, flat: bool
    ) -> None:
        """Publish our figures, read everybody's, and judge the portfolio by them."""
        book = self.ledger.book
        mine = Published(
            strategy=self.strategy,
            at=now,
            next_by=next_by,
            equity=account.equity,
            pnl_today=self.pnl_today(account),
            session=book.session,
            flat=flat,
            state=state,
        )
        self.peers.share(mine, now)

    def refresh(self, account: Account, now: datetime) -> None:
        """Right before an entry: hear notices, publish, then read everybody."""
        self.halts.hear(now)
        state = "halted" if self.ledger.book.halts else "running"
        self.share(account, now, now + self.settings.loop_interval, state, flat=False)
