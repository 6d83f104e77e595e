"""Durable halts: written down once, explained, told to a person, cleared only by a notice."""

from collections.abc import Mapping
from datetime import datetime

from magellan_core.engine.ledger import Ledger
from magellan_core.errors import Unavailable
from magellan_core.lines import Line, line
from magellan_core.ports import Alerts, Level, PortfolioStore
from magellan_core.risk.account import Breach
from magellan_core.risk.notice import EVERYBODY, Action, Notice, Numbered

HOW_TO_RESUME = 'resume with scripts/resume_trading.py --strategy {} --reason "..."'


class Halts:
    """What stops this strategy. `deaf` says why notices cannot be read now, if they cannot."""

    def __init__(
        self,
        strategy: str,
        ledger: Ledger,
        store: PortfolioStore,
        alerts: Alerts,
        policies: Mapping[str, str],
    ) -> None:
        self.strategy, self.ledger, self.store = strategy, ledger, store
        self.alerts, self.policies = alerts, policies
        self.deaf: str | None = None
        self.resumed = False
        self._passed = 0

    def halt(self, breach: Breach, now: datetime) -> None:
        """Halt this strategy alone, once per limit."""
        if breach.limit not in self.ledger.book.halts:
            self._write_halt(breach, now)

    def halt_everybody(self, breach: Breach, now: datetime) -> None:
        """Halt all strategies: peers that hang or are down find the notice when they are back."""
        if breach.limit in self.ledger.book.halts:
            return
        notice = Notice(
            Action.HALT, EVERYBODY, breach.limit, breach.why, f"daemon of {self.strategy}", now
        )
        try:
            self.store.post(notice)
        except Unavailable as fault:
            self.alerts.alert(
                Level.CRITICAL, "notice-lost", f"the peers may not hear of the halt: {fault}"
            )
        self.hear(now)
        self.halt(breach, now)

    def hear(self, now: datetime) -> None:
        """Write new notices that are for us into the journal, in their order, each once."""
        book = self.ledger.book
        try:
            notices = self.store.notices(max(book.notice, self._passed))
        except Unavailable as fault:
            self.deaf = str(fault)
            self.alerts.alert(Level.CRITICAL, "notices", f"no entries: {fault}")
            return
        self.deaf = None
        for numbered in notices:
            if not numbered.notice.addresses(self.strategy):
                continue
            if numbered.notice.action is Action.HALT:
                self._write_halt(Breach(numbered.notice.limit, numbered.notice.why), now, numbered)
            else:
                self._resume(numbered, now)
        if notices:
            self._passed = notices[-1].number

    def _write_halt(self, breach: Breach, now: datetime, heard: Numbered | None = None) -> None:
        policy = self.policies.get(breach.limit, "flatten")
        self.ledger.write(
            line(
                now,
                Line.HALT,
                limit=breach.limit,
                why=breach.why,
                policy=policy,
                notice=None if heard is None else heard.number,
                by=None if heard is None else heard.notice.by,
            )
        )
        self.alerts.alert(
            Level.CRITICAL,
            halt_key(breach.limit, now),
            f"trading halted ({breach.limit}, {policy}): {breach.why}; "
            + HOW_TO_RESUME.format(self.strategy),
        )

    def _resume(self, numbered: Numbered, now: datetime) -> None:
        notice = numbered.notice
        self.ledger.write(
            line(
                now,
                Line.RESUME,
                reason=notice.why,
                by=notice.by,
                notice=numbered.number,
                everybody=notice.strategy == EVERYBODY,
            )
        )
        self.resumed = True
        self.alerts.alert(
            Level.WARNING, f"resume-{numbered.number}", f"trading resumed: {notice.why}"
        )


def halt_key(limit: str, at: datetime) -> str:
    """Each halt is a matter of its own: one soon after a resume is no repetition."""
    return f"halt-{limit}-{at.isoformat(timespec='seconds')}"
