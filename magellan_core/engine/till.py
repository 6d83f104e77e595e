"""Money paid in and out, told apart from gains: watched by the cash that fills do not explain."""

from datetime import datetime, timedelta
from decimal import Decimal

from magellan_core.engine.ledger import Ledger
from magellan_core.errors import Unavailable
from magellan_core.lines import Line, line
from magellan_core.model import Account
from magellan_core.ports import Alerts, Broker, Level
from magellan_core.risk.account import Transfer

NOTHING = Decimal(0)


class Till:
    """Asks for transfers only when the cash is off, so that a quiet account costs no request."""

    def __init__(self, broker: Broker, ledger: Ledger, alerts: Alerts, grace: timedelta) -> None:
        self.broker, self.ledger, self.alerts, self.grace = broker, ledger, alerts, grace
        self._off_since: datetime | None = None
        self._right_at: datetime | None = None

    def count(self, account: Account, now: datetime) -> Decimal:
        """Dollars of cash whose origin is not known yet; call it when fills and positions agree.

        Deposits and withdrawals are journaled. What stays unexplained past the grace is a gain or
        a loss like any other: fees, interest, dividends, cash for a split's fractions.
        """
        book = self.ledger.book
        if book.cash_base is None:
            self._begin(account, now)
        gap = self._gap(account)
        if gap:
            gap = self._explain(account, now)
        if not gap:
            self._off_since, self._right_at = None, now
        return gap

    def _gap(self, account: Account) -> Decimal:
        book = self.ledger.book
        return account.cash - (book.cash_base or NOTHING) - book.cash_flow - book.paid_in

    def _begin(self, account: Account, now: datetime) -> None:
        """The first look: what fills and transfers so far do not explain is what we start from."""
        book = self.ledger.book
        try:
            earlier = self.broker.transfers(None)
        except Unavailable as fault:
            self._cannot_ask(fault)
            return
        for transfer in earlier:
            self._write(transfer, transfer.at, now)
        base = account.cash - book.cash_flow - book.paid_in
        self.ledger.write(line(now, Line.CASH, base=str(base), why="first look"))

    def knew(self, at: datetime) -> bool:
        """Whether what was paid in and out up to then is on record."""
        return self._right_at is not None and self._right_at >= at

    def ask(self, now: datetime) -> None:
        """Transfers that came while nobody looked, before a day's result is told.

        Raise Unavailable.
        """
        book = self.ledger.book
        if book.cash_base is not None:
            for transfer in self.broker.transfers(book.last_transfer):
                # Where we saw that the cash was still right, the money came later than that.
                self._write(transfer, max(transfer.at, self._right_at or transfer.at), now)

    def _write(self, transfer: Transfer, since: datetime, now: datetime) -> None:
        self.ledger.write(
            line(
                now,
                Line.TRANSFER,
                id=transfer.id,
                amount=str(transfer.amount),
                since=since.isoformat(),
            )
        )

    def _explain(self, account: Account, now: datetime) -> Decimal:
        book = self.ledger.book
        if book.cash_base is None:
            return NOTHING
        try:
            self.ask(now)
        except Unavailable as fault:
            self._cannot_ask(fault)
            return self._gap(account)
        gap = self._gap(account)
        self._off_since = self._off_since or now
        if gap and now - self._off_since >= self.grace:
            base = (book.cash_base or NOTHING) + gap
            self.ledger.write(
                line(now, Line.CASH, base=str(base), change=str(gap), why="not paid in: P&L")
            )
            return NOTHING
        return gap

    def _cannot_ask(self, fault: Unavailable) -> None:
        self.alerts.alert(
            Level.WARNING, "transfers", f"deposits and withdrawals cannot be told: {fault}"
        )
