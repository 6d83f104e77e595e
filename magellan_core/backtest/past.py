"""What a journal's earlier days leave behind for a day that is traded again.

LAW: pure. Bars are kept as far back as a strategy warms up; of the other lines those that fold.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from magellan_core.book import Book
from magellan_core.fold import apply
from magellan_core.lines import INFORMATIVE, Event, Line, bar_of, line
from magellan_core.model import Bar
from magellan_core.records import NOTHING

_INFORMATIVE = frozenset(kind.value for kind in INFORMATIVE)


class Past:
    """The lines so far: their book, the bars they end with, and what a new journal starts from."""

    def __init__(self, keep: int, history: Mapping[str, Sequence[Bar]]) -> None:
        self.book = Book()
        self.bars: dict[str, deque[Bar]] = {s: deque(b, keep) for s, b in history.items()}
        self._keep = keep
        self._lines: list[Event] = []
        self._newest: dict[str, Event] = {}

    def take(self, events: Iterable[Event]) -> None:
        """Add lines, oldest first. Raise KeyError or ValueError for one that cannot be read."""
        for event in events:
            apply(self.book, event)
            if event.kind == Line.BAR:
                self._take_bar(event)
            elif event.kind not in _INFORMATIVE:
                self._lines.append(event)
                if event.kind == Line.RESUME:
                    # It may forget the bars seen so far: those before it must stay before it.
                    self._newest.clear()

    def _take_bar(self, event: Event) -> None:
        bar = bar_of(event)
        kept = self.bars.setdefault(bar.symbol, deque(maxlen=self._keep))
        if not kept or bar.end > kept[-1].end:
            kept.append(bar)
            self._newest[bar.symbol] = event

    @property
    def live(self) -> bool:
        """Whether the strategy had begun to trade."""
        return self.book.live_since is not None

    def shares(self) -> Mapping[str, tuple[Decimal, Decimal]]:
        """Quantity held and mean price paid, by symbol."""
        held = self.book.positions.values()
        return {p.symbol: (p.qty, p.avg_price) for p in held if p.qty > 0}

    def cash(self, equity: Decimal) -> Decimal:
        """Dollars; what equity leaves beside the shares at cost, where no base is on record."""
        book = self.book
        if book.cash_base is not None:
            return book.cash_base + book.cash_flow + book.paid_in
        return equity - sum((qty * price for qty, price in self.shares().values()), NOTHING)

    def lines(self, at: datetime) -> list[Event]:
        """A journal that folds to the same book, with every resting order gone by `at`.

        Another broker knows none of them; a tranche without its stop is given one at the first
        tick.
        """
        made = [*self._lines, *self._newest.values()]
        for order in self.book.live.values():
            if order.unresolved:
                made.append(_outcome(order.key, order.symbol, at))
                continue
            filled = str(order.filled)
            said = {"order": order.key, "word": "canceled", "filled": filled}
            made.append(line(at, Line.SEEN, order.symbol, **said))
        return made


def _outcome(key: str, symbol: str, at: datetime) -> Event:
    said = {"order": key, "what": "refused", "message": "not carried over", "broker_id": None}
    return line(at, Line.OUTCOME, symbol, **said)
