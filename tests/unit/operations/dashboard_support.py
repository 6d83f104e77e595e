"""A desk for the dashboard's tests: a plain broker with values, a hand-made journal, a config."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from magellan_core.config import Config, load
from magellan_core.errors import MagellanError
from magellan_core.lines import Event, Line, bar_data, line
from magellan_core.market_hours import Session, at_new_york
from magellan_core.model import (
    Account,
    Asset,
    Bar,
    BrokerOrder,
    Fill,
    OrderRequest,
    Outcome,
    Position,
    Refused,
    Side,
    Unknown,
)
from magellan_core.operations.stations import Station
from magellan_core.risk.account import Transfer
from magellan_core.store.journal import SqliteJournal

ROOT = Path(__file__).resolve().parents[3]
FRIDAY = date(2024, 11, 29)  # the half day after Thanksgiving
NOW = at_new_york(FRIDAY, 10, 31)
SHIPPED = {
    "bear_trap": ROOT / "deployable_strategies/bear_trap/aws_deployment/config.json",
    "daily_trend": ROOT / "deployable_strategies/daily_trend_hysteresis/aws_deployment/config.json",
    "hourly_swing": ROOT / "deployable_strategies/hourly_swing/aws_deployment/config.json",
}
MINUTE = timedelta(minutes=1)


def account(number: str = "PA1", equity: str = "100500", **more: Any) -> Account:
    told = Account(
        number=number,
        status="ACTIVE",
        cash=Decimal("60000"),
        equity=Decimal(equity),
        last_equity=Decimal("100100"),
        buying_power=Decimal("200000"),
        multiplier=Decimal(2),
        trading_blocked=False,
    )
    return replace(told, **more)


def order(symbol: str, side: Side, qty: int, **more: Any) -> BrokerOrder:
    told = BrokerOrder(
        id=f"id-{symbol}-{qty}-{more.get('type', 'market')}",
        client_order_id=f"ours-{symbol}-{qty}",
        symbol=symbol,
        side=side,
        type="market",
        order_class="simple",
        status="new",
        qty=Decimal(qty),
        filled_qty=Decimal(0),
        filled_avg_price=None,
        limit_price=None,
        stop_price=None,
        submitted_at=NOW - 26 * MINUTE,
        updated_at=NOW,
    )
    return replace(told, **more)


@dataclass
class Desk:
    """A broker that answers what it was given, counts what it is asked, or fails by name."""

    its_account: Account = field(default_factory=account)
    its_positions: Sequence[Position] = ()
    its_orders: Sequence[BrokerOrder] = ()
    delisted: frozenset[str] = frozenset()
    fault: MagellanError | None = None
    asked: int = 0

    def _answer[T](self, value: T) -> T:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return value

    def account(self) -> Account:
        return self._answer(self.its_account)

    def positions(self) -> Sequence[Position]:
        return self._answer(self.its_positions)

    def open_orders(self) -> Sequence[BrokerOrder]:
        return self._answer(self.its_orders)

    def asset(self, symbol: str) -> Asset | None:
        gone = symbol in self.delisted
        return self._answer(Asset(symbol, not gone, "inactive" if gone else "active"))

    # What a dashboard must never need.

    def order(self, order_id: str) -> BrokerOrder | None:
        return _never(order_id)

    def find(self, client_order_id: str) -> BrokerOrder | None:
        return _never(client_order_id)

    def transfers(self, after: str | None) -> Sequence[Transfer]:
        return _never(after)

    def fills(self, after: str | None) -> Sequence[Fill]:
        return _never(after)

    def closing_equities(self, first: date, last: date) -> Mapping[date, Decimal]:
        return _never(first, last)

    def submit(self, request: OrderRequest) -> Outcome:
        return _never(request)

    def replace_stop(self, order_id: str, client_order_id: str, stop: Decimal) -> Outcome:
        return _never(order_id, client_order_id, stop)

    def cancel(self, order_id: str) -> Refused | Unknown | None:
        return _never(order_id)

    def calendar(self, first: date, last: date) -> Sequence[Session]:
        return _never(first, last)


def _never(*asked: object) -> NoReturn:
    raise AssertionError(f"a dashboard asked the broker for {asked}")


def config(strategy: str = "hourly_swing") -> Config:
    return load(SHIPPED[strategy])


def station(
    folder: Path,
    broker: Desk | None,
    events: Iterable[Event] | None = (),
    strategy: str = "hourly_swing",
    why: str = "",
) -> Station:
    """`events` None: there is no journal at all."""
    path = folder / f"{strategy}.sqlite3"
    if events is not None:
        write(path, events)
    told = config(strategy)
    return Station(strategy, told, broker, None, path, folder / told.portfolio.store, why)


def write(path: Path, events: Iterable[Event]) -> None:
    journal = SqliteJournal(path)
    journal.append(list(events))
    journal.close()


def bar(symbol: str, end: datetime, close: float = 341.2, **numbers: str) -> Event:
    """The journal's line of an hourly bar; numbers as Strategy.explain tells them."""
    candle = Bar(symbol, end - timedelta(hours=1), end, close, close, close, close, 1000.0)
    words = {name.replace("_", " "): text for name, text in numbers.items()}
    return line(end, Line.BAR, symbol, **bar_data(candle), numbers=words, memory={})


def started(at: datetime = NOW - timedelta(hours=2)) -> Event:
    return line(at, Line.START, None, version="0.1.0")


def day(start: str, session: date = FRIDAY) -> Event:
    at = datetime(session.year, session.month, session.day, 9, tzinfo=UTC)
    return line(at, Line.DAY, None, session=session.isoformat(), day_start=start)
