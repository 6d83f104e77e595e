"""The ledger hands lines to the disk in the order in which they were folded, and loses none."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magellan_core.book import Book
from magellan_core.engine.ledger import Ledger
from magellan_core.errors import JournalUnwritable
from magellan_core.fold import apply
from magellan_core.lines import Event, Line, line
from magellan_core.ports import Journal
from magellan_core.store.journal import SqliteJournal
from magellan_core.store.memory import MemoryJournal

AT = datetime(2025, 11, 25, 15, 0, tzinfo=UTC)


class Disk:
    """ports.Journal that can be full. `writes` counts what would each be one fsync."""

    def __init__(self) -> None:
        self.inner, self.full, self.writes = MemoryJournal(), False, 0

    def append(self, events: Sequence[Event]) -> None:
        self.writes += 1
        if self.full:
            raise JournalUnwritable("the disk is full: free some space")
        self.inner.append(events)

    def events(self) -> Iterator[Event]:
        return self.inner.events()

    def condensed(
        self, *, only_last: Collection[str], without: Collection[str]
    ) -> Iterator[tuple[int, Event]]:
        return self.inner.condensed(only_last=only_last, without=without)


def block(why: str) -> Event:
    return line(AT, Line.BLOCK, "AMC", why=why)


def on(disk: Disk) -> list[object]:
    return [event.data["why"] for event in disk.events()]


def test_lines_that_may_wait_go_to_disk_with_the_next_one() -> None:
    disk = Disk()
    ledger = Ledger(disk)
    ledger.later(block("a"))
    ledger.later(block("b"))
    assert (on(disk), ledger.book.blocked["AMC"], ledger.writable) == ([], "b", True)
    ledger.write(block("c"))
    assert (on(disk), disk.writes) == (["a", "b", "c"], 1)
    ledger.later(block("d"))
    ledger.write_ahead(block("e"))
    assert (on(disk), disk.writes) == (["a", "b", "c", "d", "e"], 2)
    ledger.later(block("f"))
    assert ledger.flush()
    assert (on(disk)[-1], disk.writes) == ("f", 3)
    assert ledger.flush()
    assert disk.writes == 3


def test_a_full_disk_keeps_an_entry_back_and_the_lines_before_it_in_memory() -> None:
    disk = Disk()
    ledger = Ledger(disk)
    ledger.later(block("a"))
    disk.full = True
    with pytest.raises(JournalUnwritable):
        ledger.write_ahead(block("entry"))
    assert (ledger.book.blocked["AMC"], ledger.writable) == ("a", False)
    assert not ledger.flush()
    disk.full = False
    ledger.write_ahead(block("b"))
    assert (on(disk), ledger.writable) == (["a", "b"], True)


steps = st.lists(
    st.tuples(st.sampled_from(["write", "later", "write_ahead", "flush"]), st.booleans())
)


@given(steps)
def test_the_disk_holds_a_beginning_of_what_was_folded(steps: list[tuple[str, bool]]) -> None:
    disk = Disk()
    ledger = Ledger(disk)
    folded: list[object] = []
    for number, (method, disk.full) in enumerate(steps):
        if method == "flush":
            ledger.flush()
            continue
        try:
            getattr(ledger, method)(block(str(number)))
        except JournalUnwritable:
            continue
        folded.append(str(number))
        assert on(disk) == folded[: len(on(disk))]
    disk.full = False
    assert ledger.flush()
    assert on(disk) == folded
    book = Book()
    for event in disk.events():
        apply(book, event)
    assert vars(book) == vars(ledger.book)


LIVES = ("bar", "bar", "bar", "decision", "block", "halt", "resume", "high", "alert", "start")


def happened(kind: str, symbol: str, number: int) -> Event:
    at = AT + timedelta(minutes=number)
    told: dict[str, dict[str, object]] = {
        "bar": {"end": at.isoformat(), "memory": {"n": number} if number % 3 else {}},
        "block": {"why": str(number)},
        "halt": {"limit": str(number), "why": "", "policy": "flatten" if number % 2 else "hold"},
        "high": {"equity": str(number)},
    }
    whole = kind in ("halt", "resume", "high", "start")
    return line(at, Line(kind), None if whole else symbol, **told.get(kind, {}))


@given(
    st.lists(st.tuples(st.sampled_from(LIVES), st.sampled_from(["AMC", "NKLA"])), max_size=40),
    st.sampled_from(["memory", "disk"]),
)
@settings(max_examples=50, deadline=None)
def test_a_start_reads_less_than_all_and_finds_the_same_book(
    tmp_path_factory: pytest.TempPathFactory, lived: list[tuple[str, str]], where: str
) -> None:
    events = [happened(kind, symbol, n) for n, (kind, symbol) in enumerate(lived)]
    whole = Book()
    for event in events:
        apply(whole, event)
    with ExitStack() as stack:
        journal: Journal = MemoryJournal()
        if where == "disk":
            path = tmp_path_factory.mktemp("j") / "j.db"
            journal = stack.enter_context(SqliteJournal(path))
        journal.append(events)
        ledger = Ledger(journal)
        ledger.load()
    assert vars(ledger.book) == vars(whole)
