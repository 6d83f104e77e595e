"""The journal together with its fold: lines go to disk in the order in which they were folded.

LAW: nothing leaves for the broker while a line waits for the disk. So a crash loses lines only of
what the broker knows too, and what is on disk is always a beginning of what was folded.
"""

from collections.abc import Sequence

from magellan_core.book import Book
from magellan_core.errors import JournalError, JournalUnwritable
from magellan_core.fold import ONLY_LAST, apply
from magellan_core.lines import INFORMATIVE, Event
from magellan_core.model import Holding
from magellan_core.ports import Journal


class Ledger:
    """Write lines, keep the book. When the disk refuses, what happened is kept in memory.

    An entry must be on disk before it may leave (`write_ahead`). Everything else has happened
    already, or is an exit that must not wait for a disk: it is applied at once and written as
    soon as the disk takes it (`write`), or together with the next line (`later`).
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.book = Book()
        self.backlog: list[Event] = []
        self._waiting: list[Event] = []
        self._held: dict[str, Holding | None] = {}

    @property
    def writable(self) -> bool:
        return not self.backlog

    def load(self) -> None:
        """Fold what was ever written. Raise JournalError if a line cannot be folded.

        Lines that fold to nothing are not read, nor bars that a later one of their symbol makes
        void: that is nearly all of a year.
        """
        told = self.journal.condensed(only_last=ONLY_LAST, without=INFORMATIVE)
        for number, event in told:
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
            self.backlog += [*self._waiting, *events]
            self._waiting.clear()
            self.flush()
            self._apply(events)

    def later(self, *events: Event) -> None:
        """Record what has happened, on disk with the next line or flush: one fsync for all."""
        self._waiting.extend(events)
        self._apply(events)

    def write_ahead(self, *events: Event) -> None:
        """Record what is about to happen. Raise JournalUnwritable, having applied nothing."""
        self.backlog += self._waiting
        self._waiting.clear()
        self.journal.append([*self.backlog, *events])
        self.backlog.clear()
        self._apply(events)

    def flush(self) -> bool:
        """Try to write what waits, and what could not be written before; say whether all is."""
        self.backlog += self._waiting
        self._waiting.clear()
        if self.backlog:
            try:
                self.journal.append(self.backlog)
            except JournalUnwritable:
                return False
            self.backlog.clear()
        return True

    def holdings(self) -> dict[str, Holding]:
        """What is held, as strategies see it; worked out anew only where a line has changed it."""
        found: dict[str, Holding] = {}
        for symbol, position in self.book.positions.items():
            if symbol not in self._held:
                self._held[symbol] = self.book.holding(position)
            if (held := self._held[symbol]) is not None:
                found[symbol] = held
        return found

    def _apply(self, events: Sequence[Event]) -> None:
        for event in events:
            apply(self.book, event)
            # A line changes the position and the orders of its own symbol alone.
            if event.symbol is not None:
                self._held.pop(event.symbol, None)
