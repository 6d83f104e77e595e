"""The journal in words: what happened to a symbol on a day, and why nothing did.

LAW: everything told is in the journal; nothing is computed again, asked of a broker or guessed.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from magellan_core.lines import Event, Line, status_words
from magellan_core.market_hours import new_york_date, session_on
from magellan_core.operations.reasons import WAITS

Data = Mapping[str, object]
# Lines without a symbol that bear on every symbol.
FOR_ALL = frozenset(
    {Line.START, Line.STOP, Line.HALT, Line.RESUME, Line.RELOAD, Line.OUTAGE, Line.BACK, Line.ALERT}
)
_PRICES = {
    "limit": "limit",
    "stop": "at",
    "take_profit": "with take profit",
    "stop_loss": "with stop loss",
}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_DETAIL = re.compile(r"\s*\(.*?\)|[\d.]+")


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened. `grave`: against the strategy's wish, or a person must know."""

    at: datetime
    what: str
    words: str
    grave: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    """Bars in a row at whose end the strategy waited for the same thing.

    `ranges` are the lowest and the highest of each number in it; `waits` its last words.
    """

    first: datetime
    last: datetime
    bars: int
    waits: str
    ranges: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DayBars:
    """The day's bars together; prices as the strategy saw them."""

    count: int
    first: datetime
    last: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class Story:
    """One symbol's day in one strategy's journal. `bars` None: none came."""

    strategy: str
    symbol: str
    day: date
    bars: DayBars | None
    phases: Sequence[Phase]
    happenings: Sequence[Happening]
    refusals: Mapping[str, int]

    @property
    def traded(self) -> bool:
        return any(each.what == "fill" for each in self.happenings)


def story(strategy: str, symbol: str, day: date, lines: Iterable[Event]) -> Story:
    """The day's story out of the journal's lines; `day` is New York's date of the lines."""
    mine = [
        event
        for event in lines
        if _day(event) == day
        and (event.symbol == symbol or (event.symbol is None and event.kind in FOR_ALL))
    ]
    bars = [event for event in mine if event.kind == Line.BAR]
    happened = [each for event in mine for each in _happening(event, symbol)]
    return Story(
        strategy,
        symbol,
        day,
        _together(bars),
        list(_phases(bars)),
        happened,
        Counter(why for event in mine for why in _objections(event)),
    )


def _day(event: Event) -> date:
    """A bar belongs to the day it ended on, also if it was read on the next morning."""
    at = datetime.fromisoformat(str(event.data["end"])) if event.kind == Line.BAR else event.at
    return new_york_date(at)


def why_not(told: Story) -> list[str]:
    """Why nothing was traded, in sentences, what mattered most first. Empty if it was."""
    if told.traded:
        return []
    found = [f"{each.what}: {each.words}" for each in told.happenings if each.grave]
    for why, times in Counter(told.refusals).most_common():
        found.append(f"an entry was refused{_times(times)}: {why}")
    if told.bars is None:
        closed = session_on(told.day) is None
        why = "the exchange has no session on it" if closed else "no data, or not running"
        found.append(f"no bar of it came on that day: {why}")
    waits: Counter[str] = Counter()
    last: dict[str, Phase] = {}
    for phase in told.phases:
        kind = _kind(phase.waits)
        waits[kind] += phase.bars
        last[kind] = phase
    for kind, count in waits.most_common():
        ranges = ", ".join(f"{k} {v}" for k, v in _overall(told.phases, kind).items())
        noun = "bar" if count == 1 else "bars"
        found.append(f"{count} {noun} waited for {last[kind].waits or 'nothing'} ({ranges})")
    return found


def _overall(phases: Sequence[Phase], kind: str) -> dict[str, str]:
    """The ranges of all phases of a kind, taken together."""
    rows = [phase.ranges for phase in phases if _kind(phase.waits) == kind]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _range([row[name] for row in rows if name in row]) for name in names}


def _times(count: int) -> str:
    return "" if count == 1 else f" {count} times"


def _kind(waits: str) -> str:
    return _DETAIL.sub("", waits).strip()


def _together(bars: Sequence[Event]) -> DayBars | None:
    if not bars:
        return None
    data = [event.data for event in bars]
    return DayBars(
        len(bars),
        datetime.fromisoformat(str(data[0]["start"])),
        datetime.fromisoformat(str(data[-1]["end"])),
        _float(data[0]["open"]),
        max(_float(row["high"]) for row in data),
        min(_float(row["low"]) for row in data),
        _float(data[-1]["close"]),
        sum(_float(row["volume"]) for row in data),
    )


def _float(value: object) -> float:
    return float(str(value))


def _phases(bars: Sequence[Event]) -> Iterator[Phase]:
    run: list[Event] = []
    for event in bars:
        if run and _kind(_waits(event)) != _kind(_waits(run[-1])):
            yield _phase(run)
            run = []
        run.append(event)
    if run:
        yield _phase(run)


def _waits(event: Event) -> str:
    return _numbers(event).get(WAITS, "")


def _numbers(event: Event) -> dict[str, str]:
    told = event.data.get("numbers")
    return {str(k): str(v) for k, v in told.items()} if isinstance(told, Mapping) else {}


def _phase(run: Sequence[Event]) -> Phase:
    rows = [_numbers(event) for event in run]
    names = dict.fromkeys(name for row in rows for name in row if name != WAITS)
    ranges = {name: _range([row[name] for row in rows if name in row]) for name in names}
    ends = [datetime.fromisoformat(str(event.data["end"])) for event in run]
    return Phase(ends[0], ends[-1], len(run), _waits(run[-1]), ranges)


def _range(texts: Sequence[str]) -> str:
    """ "-3.20 % to 1.10 %" of numbers with a unit; other words as they are, if they are few."""
    different = list(dict.fromkeys(part for text in texts for part in text.split(" to ")))
    shapes = {_NUMBER.sub("#", text) for text in different}
    if len(different) > 1 and shapes in ({"#"}, {"# %"}):
        ordered = sorted(different, key=lambda text: float(text.split()[0]))
        return f"{ordered[0]} to {ordered[-1]}"
    return "/".join(different[:3])


def _objections(event: Event) -> list[str]:
    told = event.data.get("objections")
    return [str(why) for why in told] if isinstance(told, list) else []


def _happening(event: Event, symbol: str) -> Iterator[Happening]:
    words = _words(event)
    if words is None or (event.kind == Line.ALERT and symbol not in words):
        return
    grave = event.kind in (Line.HALT, Line.BLOCK, Line.OUTAGE, Line.ALERT)
    grave = grave or bool(_objections(event)) or event.data.get("what") in ("refused", "halt")
    yield Happening(event.at, str(event.kind).replace("_", " "), words, grave)


def _words(event: Event) -> str | None:
    """The line in words; None: it is told otherwise, or only confirms."""
    if event.kind in _TOLD_OTHERWISE:
        return None
    say = _SAY.get(event.kind)
    if say is not None:
        return say(event.data) + (_in_brackets(event) if event.kind == Line.SIGNAL else "")
    if event.kind == Line.DECISION:
        return _decision(event)
    known = {k: v for k, v in event.data.items() if v is not None and k != "changes"}
    return ", ".join(f"{name} {value}" for name, value in known.items()) or "-"


def _decision(event: Event) -> str:
    d, against = event.data, _objections(event)
    what = f"{d.get('action')} {d.get('qty') or ''}".strip()
    verdict = " - REFUSED: " + "; ".join(against) if against else ""
    return f"{what} because {d.get('reason')}{_in_brackets(event)}{verdict}"


def _in_brackets(event: Event) -> str:
    numbers = [f"{name} {value}" for name, value in _numbers(event).items() if name != WAITS]
    return f" [{', '.join(numbers)}]" if numbers else ""


def _request(told: object) -> str:
    ask: Mapping[str, object] = told if isinstance(told, Mapping) else {}
    limits = [
        f"{words} {ask[name]}" for name, words in _PRICES.items() if ask.get(name) is not None
    ]
    return " ".join([f"{ask.get('side')} {ask.get('qty')} {ask.get('type')}", *limits])


def _tranche(data: Data) -> str:
    return "" if data.get("tranche") is None else f" of tranche {data['tranche']}"


def _signal(data: Data) -> str:
    until = f" at {data['not_before']}" if data.get("not_before") else ""
    return f"will {data.get('action')} because {data.get('reason')}{until}"


_TOLD_OTHERWISE = frozenset({Line.BAR, Line.SEEN, Line.LEG, Line.HIGH, Line.DAY, Line.LIVE})
_SAY: Mapping[str, Callable[[Data], str]] = {
    Line.SIGNAL: _signal,
    Line.PLANNED: lambda d: (
        f"{_request(d.get('request'))} as {d.get('role')}{_tranche(d)}, {d.get('order')}"
    ),
    Line.OUTCOME: lambda d: (
        f"{d.get('what')} {d.get('message') or ''}".strip() + f", {d.get('order')}"
    ),
    Line.FILL: lambda d: f"{d.get('side')} {d.get('qty')} at {d.get('price')}, {d.get('order')}",
    Line.CANCEL: lambda d: f"asked to cancel {d.get('order')}: {d.get('why')}",
    Line.EXIT: lambda d: f"closing: {d.get('reason')}",
    Line.EXIT_DONE: lambda d: f"closed: {d.get('reason')}",
    Line.HALT: lambda d: f"{d.get('limit')} ({d.get('policy')}): {d.get('why')}",
    Line.ALERT: lambda d: str(d.get("message")),
    Line.STATUS_SEEN: status_words,
}
