"""The engine's edges as protocols: broker, market data, clock, journal, alerts, portfolio store."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from magellan_core.lines import Event as Event
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
from magellan_core.model import Published as Published
from magellan_core.risk.account import Transfer
from magellan_core.risk.notice import Notice, Numbered


class Broker(Protocol):
    """One account at a broker. Reads raise Unavailable; writes never raise, they answer.

    CredentialsError is raised by any call when the keys are refused.
    """

    def account(self) -> Account: ...

    def positions(self) -> Sequence[Position]: ...

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Orders that may still fill, parents with nested legs (held ones too), oldest first."""
        ...

    def order(self, order_id: str) -> BrokerOrder | None:
        """One order by the broker's id, legs nested; None: the broker says it does not exist."""
        ...

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """One order by our id, legs nested; None: the broker says it does not exist."""
        ...

    def fills(self, after: str | None) -> Sequence[Fill]:
        """All executions after that fill id (None: from the beginning), oldest first."""
        ...

    def transfers(self, after: str | None) -> Sequence[Transfer]:
        """Deposits and withdrawals after that id (None: all), oldest first."""
        ...

    def closing_equities(self, first: date, last: date) -> Mapping[date, Decimal]:
        """Equity in dollars at the closes of the sessions of those dates, both inclusive.

        A session of which the broker tells nothing is absent.
        """
        ...

    def submit(self, request: OrderRequest) -> Outcome: ...

    def replace_stop(self, order_id: str, client_order_id: str, stop: Decimal) -> Outcome:
        """Replace a working stop order's price; the replacement is a new order with that id."""
        ...

    def cancel(self, order_id: str) -> Refused | Unknown | None:
        """Ask to cancel; None: the broker took the request (the order may still fill)."""
        ...

    def asset(self, symbol: str) -> Asset | None:
        """Whether it can be traded; None: the broker does not know the symbol."""
        ...

    def calendar(self, first: date, last: date) -> Sequence[Session]:
        """The broker's sessions, both dates inclusive."""
        ...


class MarketData(Protocol):
    """Bars and quotes. Raises Unavailable."""

    def bars(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        start: datetime,
        end: datetime,
        *,
        split_adjusted: bool,
    ) -> Mapping[str, Sequence[Bar]]:
        """Completed bars with start <= bar.start and bar.end <= end, oldest first per symbol.

        Symbols without bars are absent from the answer. Hourly bars sit on clock hours,
        04:00-20:00 New York; daily bars span the regular session.
        """
        ...

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Latest quotes; symbols without one are absent."""
        ...


class ToldBar(NamedTuple):
    """A minute bar as a stream told it; `revised`: in place of what was told before."""

    bar: Bar
    revised: bool


class ToldStatus(NamedTuple):
    """A trading status as a stream told it, in the exchange's codes and words; any may be empty.

    `halted`: whether it says that trading stands still, or goes on; None: it is of something else.
    """

    symbol: str
    at: datetime
    halted: bool | None
    code: str
    words: str
    reason_code: str
    reason: str


Told = ToldBar | ToldStatus | Quote


class BarNews(Protocol):
    """A stream of bars, trading statuses and quotes, good for hints alone."""

    def told(self) -> Sequence[Told]:
        """What was told since the last call, oldest first, then the newest quote of each symbol.

        Never raises, never waits.
        """
        ...

    def follow(self, symbols: Sequence[str]) -> None:
        """Tell bars and statuses of these symbols from now on. Never raises, never waits."""
        ...

    def watch(self, symbols: Sequence[str]) -> None:
        """Tell quotes of these symbols, and of no others, from now on. Never raises or waits."""
        ...


class Woken(StrEnum):
    """Why a wait ended."""

    TIME = "time"
    UPDATE = "update"
    BARS = "bars"
    STOP = "stop"
    RELOAD = "reload"


class Clock(Protocol):
    """Now as a value, and the nap between ticks."""

    def now(self) -> datetime: ...

    def wait(self, until: datetime, *, wake_on_update: bool) -> Woken:
        """Nap until then, an update of our orders (if asked for), news of bars, or a signal."""
        ...


class Level(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Alerts(Protocol):
    def alert(self, level: Level, key: str, message: str) -> None:
        """Tell a person. Never raises; `key` names the matter, for de-duplication."""
        ...


class Journal(Protocol):
    """Append-only, durable when `append` returns. Raises JournalUnwritable."""

    def append(self, events: Sequence[Event]) -> None:
        """All or none of them, on disk (synchronous=FULL) when this returns."""
        ...

    def events(self) -> Iterator[Event]:
        """Everything ever appended, oldest first."""
        ...

    def condensed(
        self, *, only_last: Collection[str], without: Collection[str]
    ) -> Iterator[tuple[int, Event]]:
        """Lines with their numbers, oldest first, less the kinds `without`.

        Of the kinds `only_last`, only the newest line of each symbol.
        """
        ...


class PortfolioStore(Protocol):
    """The shared store of all strategies. Raises Unavailable."""

    def publish(self, row: Published) -> None: ...

    def rows(self) -> Sequence[Published]: ...

    def high_water(self, equity: Decimal, era: int = 0) -> Decimal:
        """Raise the portfolio's high-water mark to `equity` if it is higher; return the mark.

        A later era (the number of the resume that began it) starts from a new mark; an earlier
        one changes nothing.
        """
        ...

    def post(self, notice: Notice) -> Numbered:
        """Put up a halt or resume for others; durable when this returns."""
        ...

    def notices(self, after: int) -> Sequence[Numbered]:
        """Notices numbered above `after`, lowest first."""
        ...
