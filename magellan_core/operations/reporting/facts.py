"""What a journal tells of a stretch of sessions: trades, refusals, gaps, restarts, halts.

LAW: pure. Everything is counted from journal lines; what they do not tell is None.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from magellan_core.book import Book, Halt
from magellan_core.fold import apply
from magellan_core.lines import Event, Line, bar_of
from magellan_core.market_hours import Session, new_york_date
from magellan_core.model import Bar
from magellan_core.risk.account import ClosedTrade


@dataclass(frozen=True, slots=True)
class DayMoney:
    """One session's equity in dollars: at the close before it, and at its own; None: not told."""

    session: date
    start: Decimal
    end: Decimal | None

    @property
    def pnl(self) -> Decimal | None:
        return None if self.end is None else self.end - self.start


@dataclass(slots=True)
class Facts:
    """One strategy over the sessions of a period; `covers` is all that the journal tells of."""

    strategy: str
    sessions: Sequence[Session]
    days: list[DayMoney] = field(default_factory=list)
    trades: list[ClosedTrade] = field(default_factory=list)
    decisions: list[Event] = field(default_factory=list)
    fills: list[Event] = field(default_factory=list)
    bars: dict[str, list[Bar]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    halts: list[Halt] = field(default_factory=list)
    alerts: list[Event] = field(default_factory=list)
    starts: int = 0
    crashes: int = 0
    versions: set[str] = field(default_factory=set)
    outages: int = 0
    outage: timedelta = timedelta(0)
    lines: int = 0
    covers: tuple[date, date] | None = None
    book: Book = field(default_factory=Book)

    @property
    def first(self) -> datetime:
        return self.sessions[0].open

    @property
    def pnl(self) -> Decimal | None:
        """Of the period in dollars; None while a day's end is not told."""
        told = [day.pnl for day in self.days]
        known = [pnl for pnl in told if pnl is not None]
        return sum(known, Decimal(0)) if told and len(known) == len(told) else None

    @property
    def entries(self) -> int:
        """Decisions to enter that nothing was said against."""
        return sum(1 for d in self.decisions if d.data.get("action") == "enter" and not against(d))

    @property
    def order_ids(self) -> Mapping[str, str]:
        """Orders of the period by our name, with the broker's id: the proof of life."""
        return {
            o.key: o.broker_id
            for o in self.book.orders.values()
            if o.broker_id is not None and self.first.date() <= new_york_date(o.planned_at)
        }


def gather(
    strategy: str,
    events: Iterable[Event],
    sessions: Sequence[Session],
    latest: tuple[date, Decimal] | None,
) -> Facts:
    """Fold a journal from its beginning; keep what belongs to the sessions' New York dates.

    `latest` is the newest equity known from elsewhere, with its session: the daemon's own
    published figure. Raise ValueError without sessions, KeyError or ValueError for a bad line.
    """
    if not sessions:
        raise ValueError("no sessions to report on")
    facts = Facts(strategy, sessions)
    first, last = sessions[0].date, sessions[-1].date
    starts: list[tuple[date, Decimal]] = []
    life = _Life(facts)
    for event in events:
        on = new_york_date(event.at)
        if event.kind == Line.DAY:
            d = event.data
            starts.append((date.fromisoformat(str(d["session"])), Decimal(str(d["day_start"]))))
        facts.covers = (facts.covers[0] if facts.covers else on, on)
        if on > last:
            continue
        apply(facts.book, event)
        life.take(event, within=on >= first)
        if on >= first:
            facts.lines += 1
            _keep(facts, event)
    facts.trades = [t for t in facts.book.trades if first <= new_york_date(t.exited_at) <= last]
    facts.days = _days(starts, first, last, latest)
    return facts


class _Life:
    """Starts, crashes and outages: a start without a stop before it was a crash."""

    def __init__(self, facts: Facts) -> None:
        self._facts, self._running = facts, False
        self._out_since: datetime | None = None

    def take(self, event: Event, *, within: bool) -> None:
        facts = self._facts
        match event.kind:
            case Line.START:
                if within:
                    facts.starts += 1
                    facts.crashes += self._running
                    facts.versions.add(str(event.data.get("version", "")))
                self._running = True
            case Line.STOP:
                self._running = False
            case Line.OUTAGE:
                self._out_since = event.at
                facts.outages += within
            case Line.BACK if self._out_since is not None:
                facts.outage += event.at - self._out_since if within else timedelta(0)
                self._out_since = None


def _keep(facts: Facts, event: Event) -> None:
    match event.kind:
        case Line.DECISION:
            facts.decisions.append(event)
            facts.refused.update(objection.partition(":")[0] for objection in against(event))
        case Line.FILL:
            facts.fills.append(event)
        case Line.BAR if event.symbol is not None:
            facts.bars.setdefault(event.symbol, []).append(bar_of(event))
        case Line.HALT:
            d = event.data
            facts.halts.append(Halt(str(d["limit"]), str(d["why"]), str(d["policy"]), event.at))
        case Line.ALERT:
            facts.alerts.append(event)


def against(decision: Event) -> list[str]:
    """What was said against a decision: "predicate: why"."""
    said = decision.data.get("objections")
    return [str(each) for each in said] if isinstance(said, list) else []


def _days(
    starts: Sequence[tuple[date, Decimal]],
    first: date,
    last: date,
    latest: tuple[date, Decimal] | None,
) -> list[DayMoney]:
    """A session ends with the equity that the next one starts from."""
    days: list[DayMoney] = []
    for number, (session, start) in enumerate(starts):
        following = starts[number + 1][1] if number + 1 < len(starts) else None
        if following is None and latest is not None and latest[0] == session:
            following = latest[1]
        if first <= session <= last:
            days.append(DayMoney(session, start, following))
    return days
