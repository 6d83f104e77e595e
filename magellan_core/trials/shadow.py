"""The book as the journal on disk tells it, whatever a daemon believes."""

from magellan_core.book import Book
from magellan_core.fold import apply
from magellan_core.trials.watched import WatchedJournal


class Shadow:
    """The book as the journal on disk tells it, read on from where it was left."""

    def __init__(self) -> None:
        self.book, self.seq = Book(), 0

    def read(self, journal: WatchedJournal) -> Book:
        for number, event in journal.since(self.seq):
            apply(self.book, event)
            self.seq = number
        return self.book


def fold(journal: WatchedJournal) -> Book:
    """The book as a new process would find it."""
    return Shadow().read(journal)
