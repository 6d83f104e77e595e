"""Run a past day again from its journal: the same engine and strategy, the broker as recorded.

Bars, quotes, statuses, account figures, orders and fills come from the journal; decisions,
refusals and orders are taken anew and compared, tick by tick. Halts and what operators did are
taken as facts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from magellan_core.backtest.recorded import Recorded
from magellan_core.backtest.ticks import ticks_of
from magellan_core.engine.engine import Engine
from magellan_core.engine.settings import Settings
from magellan_core.errors import DataError
from magellan_core.lines import Event, Line
from magellan_core.market_hours import label, new_york_date
from magellan_core.model import Bar
from magellan_core.ports import Level
from magellan_core.store.memory import MemoryJournal, MemoryPortfolioStore
from magellan_core.strategy import Strategy

COMPARED = (
    Line.BAR,
    Line.SIGNAL,
    Line.SIGNAL_GONE,
    Line.DECISION,
    Line.PLANNED,
    Line.CANCEL,
    Line.EXIT,
)
_WORDS = frozenset(kind.value for kind in COMPARED)
# What happens to an engine from outside: told to the second run as it was to the first.
_FACTS = frozenset(
    kind.value
    for kind in (Line.HALT, Line.RESUME, Line.BLOCK, Line.UNBLOCK, Line.CASH, Line.TRANSFER)
)


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it. `difference` None: every line came out again."""

    day: date
    ticks: int
    lines: int
    decisions: int
    difference: str | None


class Silent:
    """ports.Alerts that tells nobody: a person was told on the day itself."""

    def alert(self, level: Level, key: str, message: str) -> None:
        """Nothing."""


def days_of(events: Iterable[Event]) -> list[date]:
    """New York dates with a bar or decision in the journal, oldest first."""
    return sorted({new_york_date(e.at) for e in events if e.kind in _WORDS})


def replay(
    events: Sequence[Event],
    day: date,
    make_strategy: Callable[[], Strategy],
    settings: Settings,
    history: Mapping[str, Sequence[Bar]],
) -> Replay:
    """Run that New York day again. Raise DataError if the journal has no line of it."""
    before = [event for event in events if new_york_date(event.at) < day]
    today = [event for event in events if new_york_date(event.at) == day]
    if not today:
        days = days_of(events)
        has = f"it has {days[0]} to {days[-1]}" if days else "it has no day at all"
        raise DataError(f"the journal has no line of {day}: {has}")
    recorded, journal = Recorded(before, history), MemoryJournal()
    journal.append(before)
    engine: Engine | None = None
    ticks = lines = decisions = 0
    for at, tick in ticks_of(today):
        recorded.advance(at, tick)
        wanted = [event for event in tick if event.kind in _WORDS]
        seen = journal.last_seq
        if engine is None or any(event.kind == Line.START for event in tick):
            engine = Engine(
                make_strategy,
                recorded,
                recorded,
                journal,
                MemoryPortfolioStore(),
                Silent(),
                settings,
            )
            engine.feed.news.source = recorded
            engine.recover(at, {"replay": day.isoformat()})
        engine.ledger.write(*[event for event in tick if event.kind in _FACTS])
        if any(event.kind == Line.STOP for event in tick):
            continue
        engine.tick(at)
        got = [event for _, event in journal.since(seen) if event.kind in _WORDS]
        ticks, lines = ticks + 1, lines + len(wanted)
        decisions += sum(1 for event in wanted if event.kind == Line.DECISION)
        for difference in differences(at, wanted, got):
            return Replay(day, ticks, lines, decisions, difference)
    return Replay(day, ticks, lines, decisions, None)


def differences(at: datetime, wanted: Sequence[Event], got: Sequence[Event]) -> Iterator[str]:
    """What differs between two tellings of one tick, in words."""
    where = f"{at.isoformat()} ({label(at)})"
    for one, other in zip(wanted, got, strict=False):
        if (one.kind, one.symbol) != (other.kind, other.symbol):
            yield f"{where}: journaled {words(one)}, replayed {words(other)}"
        for name in sorted({*one.data, *other.data}):
            if one.data.get(name) != other.data.get(name):
                yield (
                    f"{where}: {one.symbol} {one.kind}: {name} journaled {one.data.get(name)!r}, "
                    f"replayed {other.data.get(name)!r}"
                )
    for event in wanted[len(got) :]:
        yield f"{where}: journaled {words(event)}, not replayed"
    for event in got[len(wanted) :]:
        yield f"{where}: replayed {words(event)}, not journaled"


def words(event: Event) -> str:
    told = event.data.get("reason") or event.data.get("why") or event.data.get("order") or ""
    return f"{event.symbol} {event.kind} {told}".strip()
