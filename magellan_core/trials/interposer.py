"""Stands between engine and outer world, counts every call, and spoils the one it is told to.

LAW: a spoiled call has had its effect at the broker or has not, as its Answer says; what the
engine learns of it is decided apart from that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from magellan_core.errors import JournalUnwritable, Unavailable
from magellan_core.lines import Event
from magellan_core.market_hours import Session
from magellan_core.model import (
    Account,
    Asset,
    Bar,
    BrokerOrder,
    Fill,
    OrderRequest,
    Outcome,
    Position,
    Quote,
    Refused,
    Timeframe,
    Unknown,
)
from magellan_core.ports import Broker, Journal, MarketData


class Killed(BaseException):
    """kill -9: no handler runs, the engine is thrown away. Not an Exception: nothing eats it."""


class Answer(StrEnum):
    """What the broker does with a call, and what of its answer arrives."""

    HONEST = "answered"
    LOST = "answer lost"  # took effect, then a time-out
    GATEWAY = "504 after accept"  # took effect
    RESET = "connection reset"  # no effect
    REFUSED = "refused"  # no effect, and the broker says so
    SLOW_DOWN = "429"  # no effect


TAKES_EFFECT = frozenset({Answer.HONEST, Answer.LOST, Answer.GATEWAY})


class Kill(StrEnum):
    """When the process dies, seen from the spoiled call or journal write."""

    BEFORE = "before"
    DURING = "during"  # the broker (the disk) has done what it does, nobody has heard
    AFTER = "after"
    NEXT_WRITE = "before the next journal write"
    PAST_WRITE = "after the next journal write"


class Place(StrEnum):
    """What is counted: calls of broker and market data, and writes to the journal."""

    CALL = "call"
    APPEND = "journal write"


@dataclass(frozen=True, slots=True)
class Fault:
    """Spoil number `point` (from 1, over all lives) of that place. `disk_full`: failing writes."""

    place: Place
    point: int
    answer: Answer = Answer.HONEST
    kill: Kill | None = None
    disk_full: int = 0

    def __str__(self) -> str:
        words = [f"{self.place.value} {self.point}"]
        if self.answer is not Answer.HONEST:
            words.append(self.answer.value)
        if self.kill is not None:
            words.append(f"killed {self.kill.value}")
        if self.disk_full:
            words.append(f"disk full for {self.disk_full} writes")
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it was made. `life` counts the starts of the daemon, from 1."""

    number: int
    method: str
    at: datetime
    life: int
    argument: object = None

    @property
    def writes(self) -> bool:
        return self.method in ("submit", "replace_stop", "cancel")


@dataclass(slots=True)
class Tally:
    """Counts over all lives of a daemon, and knows what to spoil. `before` sees each write."""

    now: Callable[[], datetime]
    faults: Sequence[Fault] = ()
    before: Callable[[Call], None] = lambda _: None
    life: int = 1
    calls: int = 0
    appends: int = 0
    made: list[Call] = field(default_factory=list)
    doomed: Kill | None = None
    full_for: int = 0
    fired: int = 0

    def due(self, place: Place, point: int) -> Fault | None:
        for fault in self.faults:
            if fault.place is place and fault.point == point:
                self.fired += 1
                return fault
        return None


class Spoiler(Protocol):
    """How an Answer other than HONEST comes about on the way to the broker and back."""

    def spoil(self, answer: Answer, do: Callable[[], Any], *, writes: bool, dies: bool) -> Any:
        """Make the call so spoiled. With `dies`, raise Killed once the broker has acted."""
        ...


class InProcess:
    """Spoils calls to the matching core itself: the outcome is made up here."""

    def spoil(self, answer: Answer, do: Callable[[], Any], *, writes: bool, dies: bool) -> Any:
        done = do() if answer in TAKES_EFFECT else None
        if dies:
            raise Killed
        if answer is Answer.HONEST:
            return done
        why = f"{answer.value}, as the trial wants it"
        if not writes:
            raise Unavailable(why)
        if answer is Answer.REFUSED:
            return Refused(403, 40310000, why)
        return Refused(429, None, why) if answer is Answer.SLOW_DOWN else Unknown(why)


class Interposer:
    """ports.Broker and ports.MarketData over the real ones."""

    def __init__(self, broker: Broker, data: MarketData, spoiler: Spoiler, tally: Tally) -> None:
        self._broker, self._data, self._spoiler, self._tally = broker, data, spoiler, tally

    def _call(self, method: str, do: Callable[[], Any], argument: object = None) -> Any:
        tally = self._tally
        tally.calls += 1
        call = Call(tally.calls, method, tally.now(), tally.life, argument)
        tally.made.append(call)
        fault = tally.due(Place.CALL, call.number)
        if fault is not None and fault.kill is Kill.BEFORE:
            raise Killed
        if call.writes:
            tally.before(call)
        if fault is None:
            return do()
        dies = fault.kill is Kill.DURING
        told = self._spoiler.spoil(fault.answer, do, writes=call.writes, dies=dies)
        if fault.kill is Kill.AFTER:
            raise Killed
        tally.doomed = fault.kill
        return told

    def account(self) -> Account:
        told: Account = self._call("account", self._broker.account)
        return told

    def positions(self) -> Sequence[Position]:
        told: Sequence[Position] = self._call("positions", self._broker.positions)
        return told

    def open_orders(self) -> Sequence[BrokerOrder]:
        told: Sequence[BrokerOrder] = self._call("open_orders", self._broker.open_orders)
        return told

    def order(self, order_id: str) -> BrokerOrder | None:
        told: BrokerOrder | None = self._call("order", lambda: self._broker.order(order_id))
        return told

    def find(self, client_order_id: str) -> BrokerOrder | None:
        told: BrokerOrder | None = self._call("find", lambda: self._broker.find(client_order_id))
        return told

    def fills(self, after: str | None) -> Sequence[Fill]:
        told: Sequence[Fill] = self._call("fills", lambda: self._broker.fills(after))
        return told

    def submit(self, request: OrderRequest) -> Outcome:
        told: Outcome = self._call("submit", lambda: self._broker.submit(request), request)
        return told

    def replace_stop(self, order_id: str, client_order_id: str, stop: Any) -> Outcome:
        told: Outcome = self._call(
            "replace_stop",
            lambda: self._broker.replace_stop(order_id, client_order_id, stop),
            client_order_id,
        )
        return told

    def cancel(self, order_id: str) -> Refused | Unknown | None:
        told: Refused | Unknown | None = self._call(
            "cancel", lambda: self._broker.cancel(order_id), order_id
        )
        return told

    def asset(self, symbol: str) -> Asset | None:
        told: Asset | None = self._call("asset", lambda: self._broker.asset(symbol))
        return told

    def calendar(self, first: date, last: date) -> Sequence[Session]:
        told: Sequence[Session] = self._call("calendar", lambda: self._broker.calendar(first, last))
        return told

    def bars(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        start: datetime,
        end: datetime,
        *,
        split_adjusted: bool,
    ) -> Mapping[str, Sequence[Bar]]:
        told: Mapping[str, Sequence[Bar]] = self._call(
            "bars",
            lambda: self._data.bars(symbols, timeframe, start, end, split_adjusted=split_adjusted),
        )
        return told

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        told: Mapping[str, Quote] = self._call("quotes", lambda: self._data.quotes(symbols))
        return told


class Numbered(Journal, Protocol):
    """A journal whose lines can be read on from a number; both stores have it."""

    def since(self, seq: int) -> Iterator[tuple[int, Event]]: ...


class WatchedJournal:
    """ports.Journal over a real one: counts writes, fails or dies at the one it is told to."""

    def __init__(self, journal: Numbered, tally: Tally) -> None:
        self.journal, self._tally = journal, tally

    def events(self) -> Iterator[Event]:
        return self.journal.events()

    def since(self, seq: int) -> Iterator[tuple[int, Event]]:
        return self.journal.since(seq)

    def append(self, events: Sequence[Event]) -> None:
        tally = self._tally
        tally.appends += 1
        fault = tally.due(Place.APPEND, tally.appends)
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
