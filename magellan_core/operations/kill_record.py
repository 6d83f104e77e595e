"""What the kill switch did, kept where nothing can keep it from being kept.

Every event goes to a file of its own as a line of JSON; at the end a summary goes into the
strategy's journal too, if that can be written.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock

from magellan_core.errors import JournalError, JournalUnwritable, Unavailable
from magellan_core.lines import Line, line
from magellan_core.risk.notice import EVERYBODY, Action, Notice
from magellan_core.store.journal import SqliteJournal
from magellan_core.store.notices import FOLDER, NoticeBoard

_PATIENCE = 2.0


class Record:
    """Says every event and appends it to `path`; says so once if the file cannot be written."""

    def __init__(self, path: Path, now: Callable[[], datetime], say: Callable[[str], None]) -> None:
        self.path, self._now, self._say = path, now, say
        self._lock = Lock()
        self._broken = False

    def tell(self, account: str, event: str, facts: Mapping[str, object]) -> None:
        said = ", ".join(f"{name} {value}" for name, value in facts.items())
        fields = {"at": self._now().isoformat(), "account": account, "event": event, **facts}
        with self._lock:
            self._say(f"{account}: {event.replace('_', ' ')}{': ' if said else ''}{said}")
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(fields, default=str) + "\n")
            except OSError as fault:
                if not self._broken:
                    self._say(f"{self.path}: not kept on disk ({fault.strerror})")
                self._broken = True

    def of(self, account: str) -> Callable[[str, Mapping[str, object]], None]:
        """The voice of one account."""
        return lambda event, facts: self.tell(account, event, facts)


def halt(state: Path, strategy: str, reason: str, by: str, now: datetime, record: Record) -> None:
    """Put the halt on record before anything is sold, so that no daemon buys again."""
    notice = Notice(Action.HALT, strategy, "manual", reason, by, now)
    try:
        put_up = NoticeBoard(state / FOLDER).post(notice)
    except Unavailable as fault:
        why = f"{fault}; a running daemon may trade again: stop its service"
        record.tell(strategy, "halt_not_on_record", {"why": why})
    else:
        told = EVERYBODY if strategy == EVERYBODY else strategy
        record.tell(told, "halt_on_record", {"notice": put_up.number, "reason": reason})


def into_journal(state: Path, strategy: str, message: str, now: datetime, record: Record) -> None:
    """An alert for those who read the journal; it changes nothing in the book."""
    path = state / f"{strategy}.sqlite3"
    if not path.exists():
        return
    try:
        journal = SqliteJournal(path, patience=_PATIENCE)
        try:
            told = {"level": "critical", "key": "emergency_stop", "message": message}
            journal.append([line(now, Line.ALERT, None, **told)])
        finally:
            journal.close()
    except (JournalError, JournalUnwritable) as fault:
        record.tell(strategy, "not_in_journal", {"why": str(fault)})
