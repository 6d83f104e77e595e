"""Account and portfolio limits at work: the day's start, the high-water mark, durable halts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from magellan_core.engine.days import Days
from magellan_core.engine.halts import Halts
from magellan_core.engine.ledger import Ledger
from magellan_core.engine.peers import Peers
from magellan_core.engine.settings import Settings
from magellan_core.engine.till import Till
from magellan_core.lines import Line, line
from magellan_core.market_hours import Session, session_on
from magellan_core.model import Account, Published
from magellan_core.ports import Alerts, Broker, Level, PortfolioStore
from magellan_core.risk import account as account_risk
from magellan_core.risk.account import Breach


@dataclass(frozen=True, slots=True)
class Worth:
    """Marked equity in dollars, as low and as high as it may be while cash is unexplained.

    Losses are judged by the high one and the mark raised by the low one, so that a transfer not
    yet told of halts nothing; the two are apart for some seconds only.
    """

    low: Decimal
    high: Decimal


class Limits:
    """Judges every tick; a breach becomes a halt that only a person clears."""

    def __init__(
        self,
        strategy: str,
        broker: Broker,
        ledger: Ledger,
        store: PortfolioStore,
        alerts: Alerts,
        settings: Settings,
    ) -> None:
        self.strategy, self.ledger = strategy, ledger
        self.alerts, self.settings = alerts, settings
        self.halts = Halts(strategy, ledger, store, alerts, settings.policies)
        self.peers = Peers(strategy, ledger, store, self.halts, settings.portfolio)
        self.till = Till(broker, ledger, alerts, settings.reconcile_grace)
        self.days = Days(broker, ledger, alerts, self.till)
        self.unjudged: str | None = "the account has not been judged yet"

    def use(self, settings: Settings) -> None:
        """Other numbers from now on."""
        self.settings = settings
        self.halts.policies, self.peers.limits = settings.policies, settings.portfolio
        self.till.grace = settings.reconcile_grace

    @property
    def stale(self) -> list[str]:
        """Why the portfolio cannot be judged now; it blocks entries."""
        deaf = self.halts.deaf
        return self.peers.stale if deaf is None else [deaf, *self.peers.stale]

    def judge(
        self, account: Account, now: datetime, session: Session | None, *, doubtful: bool
    ) -> None:
        """Roll the day, raise the mark, and halt on any limit that is breached.

        `doubtful`: book and broker disagree, so that cash tells nothing of transfers.
        """
        book = self.ledger.book
        self.unjudged = self.days.roll(account, now, session)
        if account.equity is None:
            self.unjudged = "the broker does not tell the account's equity"
        if self.unjudged is not None:
            self.alerts.alert(Level.WARNING, "unjudged", f"no entries: {self.unjudged}")
        if account.equity is None:
            return
        gap = Decimal(0) if doubtful else self.till.count(account, now)
        told, known = account.equity, account.equity - gap
        worth = Worth(min(told, known), max(told, known))
        if worth.low > book.high_water:
            self.ledger.later(line(now, Line.HIGH, equity=str(worth.low)))
        for breach in self._breaches(worth, now):
            self.halts.halt(breach, now)
        loss = book.day_base - worth.high
        if book.session is not None and loss >= self.settings.alert_on_loss:
            self.alerts.alert(
                Level.WARNING, f"loss-{book.session}", f"the account lost {loss:.2f} today"
            )

    def _breaches(self, worth: Worth, now: datetime) -> Iterator[Breach]:
        book, limits = self.ledger.book, self.settings.account
        breaches = [
            account_risk.drawdown(worth.high, book.high_water, limits),
            account_risk.losing_streak(book.days, limits),
            account_risk.win_rate(book.trades[book.judged_from :], now, limits),
        ]
        if book.session is not None and not self._day_is_settled():
            breaches.append(account_risk.daily_loss(worth.high, book.day_base, limits))
        return (breach for breach in breaches if breach is not None)

    def _day_is_settled(self) -> bool:
        """A person resumed after the day's close: its loss halts nothing any more."""
        book = self.ledger.book
        day = None if book.session is None else session_on(book.session)
        return book.resumed_at is not None and (day is None or book.resumed_at >= day.close)

    def pnl_today(self, equity: Decimal) -> Decimal:
        """Dollars; 0 before the first session is known."""
        book = self.ledger.book
        return equity - book.day_base if book.session is not None else Decimal(0)

    def share(
        self, account: Account, now: datetime, next_by: datetime, state: str, *, flat: bool
    ) -> None:
        """Publish our figures, read everybody's, and judge the portfolio by them.

        Without an equity nothing is published: our silence blocks the peers' entries.
        """
        book = self.ledger.book
        if account.equity is None or (self.unjudged is not None and state != "stopped"):
            self.peers.judge(now)
            return
        mine = Published(
            strategy=self.strategy,
            at=now,
            next_by=next_by,
            equity=account.equity,
            pnl_today=self.pnl_today(account.equity),
            session=book.session,
            flat=flat,
            state=state,
            paid_in=book.paid_in,
        )
        self.peers.share(mine, now)

    def refresh(self, account: Account, now: datetime) -> None:
        """Right before an entry: hear notices, publish, then read everybody."""
        self.halts.hear(now)
        state = "halted" if self.ledger.book.halts else "running"
        self.share(account, now, now + self.settings.loop_interval, state, flat=False)
