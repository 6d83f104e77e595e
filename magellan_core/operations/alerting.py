"""Send alerts to people, from the journals of all strategies, outside of every trading process.

An alert is a line of its strategy's journal, so it is durable before anybody tries to send it, and
trading never waits for a sender. De-duplicated by its key, limited in rate, tried until it is out.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from magellan_core.engine.halts import halt_key
from magellan_core.errors import JournalError, JournalUnwritable, MagellanError
from magellan_core.lines import Event, Line
from magellan_core.ports import Level
from magellan_core.process.alerts import LOG_LEVEL
from magellan_core.process.logs import log
from magellan_core.store.journal import read_only
from magellan_core.store.outbox import LOCAL, REPEATED, SENT, WAITING, Alert, Outbox

HOUR = timedelta(hours=1)
# A first look at an old journal must not send last month's alerts.
FRESH = timedelta(hours=24)


class Channel(Protocol):
    """A way to a person."""

    def send(self, subject: str, text: str) -> None:
        """Raise MagellanError if it did not go out."""
        ...


@dataclass(frozen=True, slots=True)
class Policy:
    """`repeat`: how long a matter that did not get worse is not told again. `hourly`: messages an
    hour, beyond which only critical ones go. `digest`: more alerts than this go as one message.
    `escalate`: a critical alert unsent for so long is cried out.
    """

    least: Level = Level.WARNING
    repeat: timedelta = timedelta(minutes=15)
    hourly: int = 20
    digest: int = 3
    escalate: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Desk:
    """One strategy's journal, and how its alerts reach a person; no channels: the log alone."""

    strategy: str
    journal: Path
    channels: Sequence[Channel]
    policy: Policy


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out at once."""

    strategy: str
    subject: str
    text: str
    alerts: tuple[Alert, ...]


class Sender:
    """Takes alerts in and sends them on. A fault of one strategy never holds another up."""

    def __init__(self, outbox: Outbox, desks: Sequence[Desk]) -> None:
        self._outbox = outbox
        self._desks: Mapping[str, Desk] = {desk.strategy: desk for desk in desks}
        self._pauses: dict[str, tuple[datetime, timedelta]] = {}
        self._cried: datetime | None = None

    def step(self, now: datetime) -> list[Alert]:
        """Take in, send what may go; the critical alerts that wait too long."""
        for desk in self._desks.values():
            self._take_in(desk, now)
        waiting = self._outbox.waiting()
        for desk in self._desks.values():
            mine = [alert for alert in waiting if alert.strategy == desk.strategy]
            if mine and not self._pausing(desk, now):
                self._send(desk, mine, now)
        return self._overdue(now)

    def _take_in(self, desk: Desk, now: datetime) -> None:
        if not desk.journal.exists():
            return
        before = self._outbox.cursor(desk.strategy)
        try:
            with read_only(desk.journal) as journal:
                last = journal.last_seq
                # A journal that was moved away begins anew.
                since = before if before is not None and before <= last else 0
                found = list(journal.since(since, kinds={Line.ALERT, Line.HALT}))
        except (JournalError, JournalUnwritable) as fault:
            log(logging.ERROR, "journal_unread", str(fault), strategy=desk.strategy)
            return
        if last == before:
            return
        taken: list[tuple[Alert, str]] = []
        for seq, event in found:
            alert = alert_of(desk.strategy, seq, event)
            if before is None and alert.at < now - FRESH:
                continue
            taken.append((alert, self._begins(desk, alert, [each for each, _ in taken])))
        self._outbox.take(desk.strategy, last, taken, now)

    def _begins(self, desk: Desk, alert: Alert, beside: Sequence[Alert]) -> str:
        """The state an alert begins in."""
        if not desk.channels or LOG_LEVEL[alert.level] < LOG_LEVEL[desk.policy.least]:
            return LOCAL
        told = [(a.level, a.at) for a in beside if a.key == alert.key]
        if (last := self._outbox.last(alert.strategy, alert.key)) is not None:
            told.append(last)
        for level, at in told:
            worse = LOG_LEVEL[alert.level] > LOG_LEVEL[level]
            if not worse and at <= alert.at < at + desk.policy.repeat:
                return REPEATED
        return WAITING

    def _pausing(self, desk: Desk, now: datetime) -> bool:
        until = self._pauses.get(desk.strategy)
        return until is not None and now < until[0]

    def _send(self, desk: Desk, waiting: Sequence[Alert], now: datetime) -> None:
        sent = self._outbox.sent_since(now - HOUR)
        for message in messages(desk, waiting, sent):
            errors = [error for c in desk.channels if (error := _attempt(c, message)) is not None]
            if len(errors) < len(desk.channels):
                self._outbox.settle(message.alerts, SENT, now)
                self._pauses.pop(desk.strategy, None)
                log(logging.INFO, "alert_sent", message.subject, strategy=desk.strategy)
            else:
                self._outbox.fail(message.alerts, "; ".join(errors))
                _, pause = self._pauses.get(desk.strategy, (now, timedelta(seconds=2.5)))
                pause = min(pause * 2, timedelta(minutes=2))
                self._pauses[desk.strategy] = (now + pause, pause)
                return

    def _overdue(self, now: datetime) -> list[Alert]:
        """Critical alerts that could not be sent in time; cried out every quarter of an hour."""
        late = [
            alert
            for alert in self._outbox.waiting()
            if alert.level is Level.CRITICAL
            and alert.strategy in self._desks
            and now - alert.at >= self._desks[alert.strategy].policy.escalate
        ]
        if late and (self._cried is None or now - self._cried >= timedelta(minutes=15)):
            self._cried = now
            for alert in late:
                text = f"NOT SENT to anybody since {alert.at:%H:%M} UTC ({alert.error}): "
                log(logging.CRITICAL, "alert_unsent", text + alert.message, key=alert.key)
        if not late:
            self._cried = None
        return late


def _attempt(channel: Channel, message: Message) -> str | None:
    try:
        channel.send(message.subject, message.text)
    except MagellanError as fault:
        log(logging.ERROR, "alert_undelivered", str(fault), strategy=message.strategy)
        return str(fault)
    return None


def alert_of(strategy: str, seq: int, event: Event) -> Alert:
    """A line of the journal as an alert. A halt is one, should its alert have been lost."""
    data = event.data
    if event.kind == Line.HALT:
        key, level = halt_key(str(data.get("limit")), event.at), Level.CRITICAL
        return Alert(strategy, seq, event.at, level, key, f"trading halted: {data.get('why')}")
    level = Level(str(data["level"]))
    return Alert(strategy, seq, event.at, level, str(data["key"]), str(data["message"]))


def messages(desk: Desk, waiting: Sequence[Alert], sent_this_hour: int) -> list[Message]:
    """What may go out now: each alert for itself, or all in one when they are many."""
    policy = desk.policy
    critical = [alert for alert in waiting if alert.level is Level.CRITICAL]
    room = policy.hourly - sent_this_hour
    if room <= 0 and not critical:
        return []
    due = list(waiting) if room > 0 else critical
    if len(due) > policy.digest or len(due) > max(room, 1):
        return [_digest(desk.strategy, due)]
    return [Message(desk.strategy, subject(alert), _row(alert), (alert,)) for alert in due]


def subject(alert: Alert) -> str:
    """SNS takes 100 ASCII characters without line breaks."""
    text = f"Magellan {alert.level.value.upper()} {alert.strategy}: {alert.message}"
    clean = "".join(c if " " <= c <= "~" else "?" for c in " ".join(text.split()))
    return clean if len(clean) < 100 else f"{clean[:96]}..."


def _digest(strategy: str, alerts: Sequence[Alert]) -> Message:
    worst = max(alerts, key=lambda alert: LOG_LEVEL[alert.level])
    head = f"Magellan {worst.level.value.upper()} {strategy}: {len(alerts)} alerts"
    return Message(strategy, head, "\n".join(_row(alert) for alert in alerts), tuple(alerts))


def _row(alert: Alert) -> str:
    return f"{alert.at:%Y-%m-%d %H:%M:%S} UTC {alert.level.value.upper()} {alert.message}"
