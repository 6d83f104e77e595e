"""The journal together with its fold: a line is written first and applied after."""

from collections.abc import Sequence

from magellan_core.book import Book
from magellan_core.errors import JournalError, JournalUnwritable
from magellan_core.fold import apply
from magellan_core.lines import Event
from magellan_core.ports import Journal


class Ledger:
    """Write lines, keep the book. When the disk refuses, what happened is kept in memory.

    An entry must be on disk before it may leave (`write_ahead`). Everything else has happened
    already, or is an exit that must not wait for a disk: it is applied at once and written as
    soon as the disk takes it (`write`).
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.book = Book()
        self.backlog: list[Event] = []

    @property
    def writable(self) -> bool:
        return not self.backlog

    def load(self) -> None:
        """Fold everything ever written. Raise JournalError if a line cannot be folded."""
        for number, event in enumerate(self.journal.events(), start=1):
            try:
                apply(self.book, event)
            except (KeyError, ValueError, TypeError) as fault:
                raise JournalError(
                    f"journal line {number} ({event.kind}, {event.at.isoformat()}) cannot be read: "
                    f"{fault!r}; restore the journal from a backup or move it away"
                ) from fault

    def write(self, *events: Event) -> None:
        """Record what has happened; never raises for a full disk."""
        if events:
            self.backlog.extend(events)
            self.flush()
            self._apply(events)

    def write_ahead(self, *events: Event) -> None:
        """Record what is about to happen. Raise JournalUnwritable, having applied nothing."""
        self.journal.append([*self.backlog, *events])
        self.backlog.clear()
        self._apply(events)

    def flush(self) -> bool:
        """Try to write what could not be written before; say whether all is on disk."""
        if self.backlog:
            try:
                self.journal.append(self.backlog)
            except JournalUnwritable:
                return False
            self.backlog.clear()
        return True

    def _apply(self, events: Sequence[Event]) -> None:
        for event in events:
            apply(self.book, event)
