"""A journal that counts its writes, and fails or dies at the one that it is told to."""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from magellan_core.errors import JournalUnwritable
from magellan_core.lines import Event
from magellan_core.ports import Journal
from magellan_core.trials.faults import Kill, Killed, Tally


class Numbered(Journal, Protocol):
    """A journal whose lines can be read on from a number; both stores have it."""

    def since(self, seq: int) -> Iterator[tuple[int, Event]]: ...


class WatchedJournal:
    """ports.Journal over a real one: counts writes, fails or dies at the one it is told to."""

    def __init__(self, journal: Numbered, tally: Tally) -> None:
        self.journal, self._tally = journal, tally

    def events(self) -> Iterator[Event]:
        return self.journal.events()

    def condensed(
        self, *, only_last: Collection[str], without: Collection[str]
    ) -> Iterator[tuple[int, Event]]:
        return self.journal.condensed(only_last=only_last, without=without)

    def since(self, seq: int) -> Iterator[tuple[int, Event]]:
        return self.journal.since(seq)

    def append(self, events: Sequence[Event]) -> None:
        tally = self._tally
        tally.appends += 1
        fault = tally.append_fault()
        doomed, tally.doomed = tally.doomed, None
        kills = {doomed, None if fault is None else fault.kill}
        if kills & {Kill.BEFORE, Kill.DURING, Kill.NEXT_WRITE}:
            # A transaction torn half-way is rolled back by the next opening: nothing is there.
            raise Killed
        if fault is not None and fault.disk_full:
            tally.full_for = fault.disk_full
        if tally.full_for > 0:
            tally.full_for -= 1
            raise JournalUnwritable("the trial's disk is full: free some space")
        self.journal.append(events)
        if kills & {Kill.AFTER, Kill.PAST_WRITE}:
            raise Killed
