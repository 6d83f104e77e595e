"""Outages of the broker or of the market data: on record and told as they begin and end."""

from datetime import datetime
from typing import NamedTuple

from magellan_core.engine.ledger import Ledger
from magellan_core.errors import DataUnavailable, Unavailable
from magellan_core.lines import Line, line
from magellan_core.ports import Alerts, Level

BROKER, DATA = "the broker", "market data"


class Outage(NamedTuple):
    """Who does not answer, and how it was told."""

    what: str
    why: str

    @property
    def status(self) -> str:
        """How `systemctl status` begins during it."""
        who = "broker" if self.what == BROKER else self.what
        return f"{who} unreachable: {self.why}"


class Outages:
    """At most one goes on at a time, in our records: that of the broker hides that of the data."""

    def __init__(self, ledger: Ledger, alerts: Alerts) -> None:
        self.ledger, self.alerts = ledger, alerts
        self.current: Outage | None = None

    def begin(self, fault: Unavailable, now: datetime) -> Outage:
        """It goes on, or begins now: then it is put on record."""
        what = DATA if isinstance(fault, DataUnavailable) else BROKER
        before, self.current = self.current, Outage(what, str(fault))
        if before is None or before.what != what:
            self._over(before, now)
            self.ledger.write(line(now, Line.OUTAGE, None, why=str(fault), what=what))
            key, exits = ("outage", "wait") if what == BROKER else ("data-outage", "go on")
            self.alerts.alert(
                Level.WARNING, key, f"{what} cannot be asked: no entries, exits {exits}: {fault}"
            )
        return self.current

    def end(self, now: datetime) -> None:
        """Everybody answers."""
        before, self.current = self.current, None
        self._over(before, now)

    def _over(self, outage: Outage | None, now: datetime) -> None:
        if outage is not None:
            self.ledger.write(line(now, Line.BACK, None, after=outage.why, what=outage.what))
