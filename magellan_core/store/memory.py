"""The stores in memory: for backtests, which outlive no process, and for tests.

They pass the same contract suites as the stores on disk.
"""

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal

from magellan_core.ports import Event, Published
from magellan_core.risk.notice import Notice
from magellan_core.risk.notice import Numbered as NumberedNotice
from magellan_core.store.journal import Numbered
from magellan_core.store.portfolio import SET_BACK
from magellan_core.store.rows import Row, finite, to_event, to_row


class MemoryJournal:
    """ports.Journal that forgets at exit. Lines are kept as text: later changes cannot reach."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def append(self, events: Sequence[Event]) -> None:
        self._rows.extend([to_row(event) for event in events])

    def events(self) -> Iterator[Event]:
        return (event for _, event in self.since(0))

    def since(
        self, seq: int, *, kinds: Collection[str] | None = None, symbol: str | None = None
    ) -> Iterator[Numbered]:
        last = self.last_seq
        for number in range(max(seq, 0) + 1, last + 1):
            row = self._rows[number - 1]
            if (kinds is None or row.kind in kinds) and symbol in (None, row.symbol):
                yield number, to_event(row)

    def condensed(
        self, *, only_last: Collection[str], without: Collection[str]
    ) -> Iterator[Numbered]:
        newest = {(r.kind, r.symbol): n for n, r in enumerate(self._rows, start=1)}
        kept = set(newest.values())
        for number, event in self.since(0):
            if event.kind not in without and (event.kind not in only_last or number in kept):
                yield number, event

    def last(self, kind: str, *, symbol: str | None = None) -> Event | None:
        for row in reversed(self._rows):
            if row.kind == kind and symbol in (None, row.symbol):
                return to_event(row)
        return None

    @property
    def last_seq(self) -> int:
        return len(self._rows)


class MemoryPortfolioStore:
    """ports.PortfolioStore of strategies that share one process."""

    def __init__(self) -> None:
        self._rows: dict[str, Published] = {}
        self._mark: Decimal | None = None
        self._era = 0
        self._board: list[NumberedNotice] = []

    def publish(self, row: Published) -> None:
        finite(row.equity)
        finite(row.pnl_today)
        kept = self._rows.get(row.strategy)
        if kept is None or kept.at <= row.at or kept.at > row.at + SET_BACK:
            self._rows[row.strategy] = row

    def rows(self) -> Sequence[Published]:
        return tuple(self._rows[name] for name in sorted(self._rows))

    def high_water(self, equity: Decimal, era: int = 0) -> Decimal:
        finite(equity)
        if self._mark is None or era > self._era:
            self._mark, self._era = equity, era
        elif era == self._era:
            self._mark = max(self._mark, equity)
        return self._mark

    def post(self, notice: Notice) -> NumberedNotice:
        put_up = NumberedNotice(len(self._board) + 1, notice)
        self._board.append(put_up)
        return put_up

    def notices(self, after: int) -> Sequence[NumberedNotice]:
        return self._board[after:]
