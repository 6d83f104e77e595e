"""What a dashboard shows, as values: every figure with who told it and when.

LAW: nothing is made up. What is not known has no value, and says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from magellan_core.market_hours import Session, new_york_date, next_session, session_on
from magellan_core.operations.services import ServiceLook
from magellan_core.ports import Level

BROKER, JOURNAL, CONFIG, STORE = "broker", "journal", "config", "portfolio store"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who told, and when we were told so. `at` None: a config, or nobody has told yet."""

    source: str
    at: datetime | None = None

    def age(self, now: datetime) -> timedelta | None:
        return None if self.at is None else now - self.at


@dataclass(frozen=True, slots=True)
class Figure:
    """One number; None: it is not known, and `why`."""

    value: Decimal | None
    origin: Origin
    why: str = ""


@dataclass(frozen=True, slots=True)
class MarketClock:
    """Whether the market is open, and the next session's event: its close, or its open."""

    is_open: bool
    session: Session

    @property
    def event(self) -> str:
        return "closes" if self.is_open else "opens"

    @property
    def event_at(self) -> datetime:
        return self.session.close if self.is_open else self.session.open


def market_clock(now: datetime) -> MarketClock:
    """The session that is on, or else the next one. Raise DataError beyond the session table."""
    today = session_on(new_york_date(now))
    if today is not None and now < today.close:
        return MarketClock(now >= today.open, today)
    return MarketClock(False, next_session(new_york_date(now)))


class Run(StrEnum):
    """What is known of a daemon. SILENT: it broke its promise of when to publish next."""

    RUNNING = "running"
    HALTED = "halted"
    STOPPED = "stopped"
    SILENT = "SILENT"
    STARTED = "started"
    NEVER = "not started"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DaemonLook:
    """A daemon by its own words: the portfolio store's row, and start and stop lines.

    `crashed` says how the life before its last start ended, if not by a stop.
    """

    run: Run
    origin: Origin
    started: datetime | None = None
    stopped: datetime | None = None
    version: str = ""
    outage: str = ""
    outage_of: str = "the broker"
    outage_at: datetime | None = None
    back_at: datetime | None = None
    crashed: str = ""


@dataclass(frozen=True, slots=True)
class AccountLook:
    """The broker's account and what follows from it. Money in dollars, drawdown in per cent.

    `today` is equity less the equity the session's P&L counts from; `total` is equity less the
    config's initial capital. `fault` is why the broker could not be asked the last time.
    """

    number: str
    status: str
    equity: Figure
    cash: Figure
    today: Figure
    total: Figure
    drawdown: Figure
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a limit is used: both may be unknown, and there may be no limit."""

    what: str
    used: Figure
    limit: Figure
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Resting:
    """A stop or a target at the broker: for how many shares, at which price in dollars."""

    qty: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class PositionLook:
    """Shares held. `uncovered`: shares of a bracketed position that no stop covers."""

    symbol: str
    qty: Decimal
    average: Decimal
    last: Decimal | None
    unrealised: Decimal | None
    stops: tuple[Resting, ...]
    targets: tuple[Resting, ...]
    uncovered: Decimal
    entered_at: datetime | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class OrderLook:
    """An order that may still fill. `role` is the journal's word for what it is for."""

    symbol: str
    side: str
    qty: Decimal
    filled: Decimal
    type: str
    limit: Decimal | None
    stop: Decimal | None
    status: str
    role: str
    since: datetime
    origin: Origin


@dataclass(frozen=True, slots=True)
class BarLook:
    """The newest bar a strategy has decided on, in dollars and shares."""

    start: datetime
    end: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class DecisionLook:
    """The latest decision on a symbol. Objections: what kept an entry from being sent."""

    symbol: str
    at: datetime
    action: str
    reason: str
    qty: int | None
    objections: tuple[str, ...]
    numbers: Mapping[str, str]
    origin: Origin


@dataclass(frozen=True, slots=True)
class SignalLook:
    """A signal that waits for its instant."""

    symbol: str
    action: str
    reason: str
    not_before: datetime | None
    until: datetime | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class SymbolLook:
    """One symbol: its newest bar, what the strategy sees in it, and why it does not trade.

    `state` is what keeps it from trading, or what is under way; empty: it waits for `numbers`.
    """

    symbol: str
    bar: BarLook | None
    numbers: Mapping[str, str]
    state: str
    blocked: str
    untradable: str
    signal: SignalLook | None
    decision: DecisionLook | None


@dataclass(frozen=True, slots=True)
class HaltLook:
    """A limit that stopped trading."""

    limit: str
    why: str
    policy: str
    at: datetime
    origin: Origin


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should know first."""

    strategy: str
    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class StrategyLook:
    """One strategy with its account."""

    name: str
    account: AccountLook
    daemon: DaemonLook
    usages: tuple[Usage, ...]
    symbols: tuple[SymbolLook, ...]
    positions: tuple[PositionLook, ...]
    orders: tuple[OrderLook, ...]
    halts: tuple[HaltLook, ...]
    alerts: tuple[str, ...]
    newest_line: datetime | None
    journal_fault: str
    problems: tuple[Problem, ...]
    service: ServiceLook | None = None
    no_service: str = ""
    curve: tuple[tuple[datetime, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """All accounts that are looked at, in dollars."""

    equity: Figure
    cash: Figure
    today: Figure
    total: Figure
    daily_loss_limit: Figure
    usages: tuple[Usage, ...] = ()
    curve: tuple[tuple[datetime, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a dashboard shows, as of one instant."""

    at: datetime
    market: MarketClock
    totals: Totals
    strategies: tuple[StrategyLook, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Of all strategies, the worst first."""
        every = [p for s in self.strategies for p in s.problems]
        return tuple(sorted(every, key=lambda p: p.level is not Level.CRITICAL))
