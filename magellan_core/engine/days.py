"""Days: where each session's P&L counts from, also of the sessions that nobody was up for.

LAW: fail closed. A result that nobody can tell is taken for a loss; a start of today that nobody
can tell keeps entries away.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from magellan_core.engine.ledger import Ledger
from magellan_core.engine.till import Till
from magellan_core.errors import Unavailable
from magellan_core.lines import Event, Line, line
from magellan_core.market_hours import (
    Session,
    new_york_date,
    previous_session,
    session_on,
    sessions_between,
)
from magellan_core.model import Account
from magellan_core.ports import Alerts, Broker, Level

ONE_DAY = timedelta(days=1)


class Days:
    """Writes the line with which each session begins."""

    def __init__(self, broker: Broker, ledger: Ledger, alerts: Alerts, till: Till) -> None:
        self.broker, self.ledger, self.alerts, self.till = broker, ledger, alerts, till

    def roll(self, account: Account, now: datetime, session: Session | None) -> str | None:
        """Begin `session`, and before it every one since the last on record.

        A session's P&L counts from the equity at the close before it. Return why that is not known,
        once it matters.
        """
        book = self.ledger.book
        if session is None or book.session == session.date:
            return None
        if book.session is not None and book.session > session.date:
            return f"the clock was set back: the journal is in the session of {book.session}"
        if book.session is None and now >= session.close and account.equity is not None:
            # The first session on record, begun after its close, counts from now.
            self.ledger.write(_day(session, account.equity, now, now))
            return None
        before, told = previous_session(session.date), _told(account, now)
        why = None
        if told is None or told[0].date < before.date:
            as_of = "nothing" if told is None else f"the close of {told[0].date}"
            why = f"the day's start is not known: the broker tells {as_of}, not {before.date}"
        elif book.session is None:
            self.ledger.write(_day(session, told[1], before.close, now))
        else:
            begun = sessions_between(book.session, session.date)[1:]
            try:
                closes = self._closes([previous_session(s.date) for s in begun], *told, now)
            except Unavailable as fault:
                why = f"the day's start is not known: {fault}"
            else:
                if before.date in closes:
                    self._begin(begun, closes, now)
                else:
                    why = f"the day's start is not known: the broker has no close of {before.date}"
        return why if now >= session.open else None

    def _closes(
        self, wanted: Sequence[Session], latest: Session, equity: Decimal, now: datetime
    ) -> Mapping[date, Decimal]:
        """Equity at these closes, as far as anybody can tell, given that at the latest close.

        Raise Unavailable.
        """
        if not self.till.knew(wanted[-1].close):
            self.till.ask(now)
        if wanted[0].date == latest.date:
            return {latest.date: equity}
        if self._lay_idle(wanted[0]):
            # Nothing was held and nothing sold: only what was paid in or out moved the account.
            paid = self.ledger.book.paid_in_between
            return {s.date: equity - paid(s.close, latest.close) for s in wanted}
        # Of the newest day the history tells another day's figure for a while: not asked for.
        told = self.broker.closing_equities(wanted[0].date, latest.date - ONE_DAY)
        return {**told, latest.date: equity}

    def _lay_idle(self, since: Session) -> bool:
        """Whether the account has held nothing from that session's close on."""
        book = self.ledger.book
        latest = max(book.last_exit.values(), default=None)
        return not book.positions and (latest is None or latest <= since.close)

    def _begin(self, begun: list[Session], closes: Mapping[date, Decimal], now: datetime) -> None:
        lines: list[Event] = []
        start, missing = self.ledger.book.day_start, []
        for session in begun:
            before = previous_session(session.date)
            if (told := closes.get(before.date)) is None:
                missing.append(before.date)
                # Carried on for those who draw it; `known` says that it is nobody's word.
                lines.append(_day(session, start, before.close, now, known=False))
            else:
                start = told
                lines.append(_day(session, start, before.close, now))
        self.ledger.write(*lines)
        if missing:
            days = ", ".join(str(day) for day in missing)
            self.alerts.alert(
                Level.WARNING,
                f"unknown-days-{missing[-1]}",
                f"the broker does not tell the equity at the close of {days}: the sessions around "
                "it count as losing ones in the losing streak",
            )


def _told(account: Account, now: datetime) -> tuple[Session, Decimal] | None:
    """The latest close, with the equity that the account tells of it; None: it tells of none."""
    today = new_york_date(now)
    if account.last_equity is None:
        return None
    if account.as_of is None:
        session = session_on(today)
        if session is not None and now >= session.close:
            return None  # today's close or the one before
    day = today if account.as_of is None else min(account.as_of, today)
    told = session_on(day) or previous_session(day)
    if told.close > now:
        told = previous_session(told.date)
    return told, account.last_equity


def _day(
    session: Session, start: Decimal, since: datetime, now: datetime, *, known: bool = True
) -> Event:
    facts = {} if known else {"known": False}
    return line(
        now,
        Line.DAY,
        session=session.date.isoformat(),
        day_start=str(start),
        since=since.isoformat(),
        **facts,
    )
