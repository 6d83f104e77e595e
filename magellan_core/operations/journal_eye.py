"""Follow a journal cheaply: fold what is new since the last look, remember the latest of the rest.

Nine lines in ten are bars, which change nothing that a dashboard shows but the newest of each
symbol. So bars are looked up by index, and all other lines are folded once each: the first look
at a year's journal reads some thousand lines, every later one only what was added.
"""

from collections import deque
from pathlib import Path

from magellan_core.book import Book
from magellan_core.errors import JournalError, JournalUnwritable
from magellan_core.fold import apply
from magellan_core.lines import Event, Line
from magellan_core.store.journal import JournalReader, read_only

FOLDED = frozenset(Line) - {Line.BAR}
REMEMBERED = frozenset({Line.START, Line.STOP, Line.OUTAGE, Line.BACK})
ALERTS = 5


class JournalEye:
    """What the journal tells by now. `fault` is why it could not be read the last time."""

    def __init__(self, path: Path, symbols: tuple[str, ...]) -> None:
        self.path, self.symbols = path, symbols
        self.fault = ""
        self._forget()

    def _forget(self) -> None:
        self.book = Book()
        self.bars: dict[str, Event] = {}
        self.decisions: dict[str, Event] = {}
        self.signals: dict[str, Event] = {}
        self.latest: dict[str, Event] = {}
        self.alerts: deque[Event] = deque(maxlen=ALERTS)
        self.day: Event | None = None
        self.newest: Event | None = None
        self._last: tuple[int, Event] | None = None

    def look(self) -> None:
        """Take in what was added. Never raises: a fault keeps what was known before."""
        try:
            with read_only(self.path, patience=0.5) as reader:
                self._follow(reader)
        except (JournalError, JournalUnwritable) as fault:
            self.fault = str(fault)
        else:
            self.fault = ""

    def _follow(self, reader: JournalReader) -> None:
        if self._last is not None and not self._is_there(reader, *self._last):
            # Another file by that name: a new run, or a backup put back.
            self._forget()
        for number, event in reader.since(self._last[0] if self._last else 0, kinds=FOLDED):
            self._take(number, event)
        for symbol in self.symbols:
            bar = reader.last(Line.BAR, symbol=symbol)
            if bar is not None:
                self.bars[symbol] = bar
                self._note(bar)

    @staticmethod
    def _is_there(reader: JournalReader, number: int, event: Event) -> bool:
        found = next(iter(reader.since(number - 1, kinds={event.kind})), None)
        return found == (number, event)

    def _take(self, number: int, event: Event) -> None:
        try:
            apply(self.book, event)
        except (KeyError, ValueError, TypeError) as fault:
            # Half a fold would show numbers that nobody wrote: start over at the next look.
            self._forget()
            raise JournalError(
                f"{self.path}: line {number} ({event.kind}) cannot be read: {fault!r}; "
                "restore the journal from a backup, or use the version that wrote it"
            ) from fault
        self._last = number, event
        self._note(event)
        if event.kind in REMEMBERED:
            self.latest[event.kind] = event
        elif event.kind == Line.ALERT:
            self.alerts.append(event)
        elif event.kind == Line.DAY:
            self.day = event
        elif event.kind == Line.DECISION and event.symbol is not None:
            self.decisions[event.symbol] = event
        elif event.kind == Line.SIGNAL and event.symbol is not None:
            self.signals[event.symbol] = event

    def _note(self, event: Event) -> None:
        if self.newest is None or event.at >= self.newest.at:
            self.newest = event
