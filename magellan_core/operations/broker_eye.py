"""Ask a broker for what a dashboard shows, within a budget that leaves the daemon its own.

Alpaca allows 200 requests a minute and account, daemon and dashboard together. A look takes three
reads every 15 seconds (12 a minute); tradability, once per symbol and day, gets what is left.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol, runtime_checkable

from magellan_core.errors import CredentialsError, RateLimited, Unavailable
from magellan_core.market_hours import new_york_date
from magellan_core.model import Account, BrokerOrder, Position
from magellan_core.ports import Broker

BUDGET = 20  # requests a minute and account
EVERY = timedelta(seconds=15)
LATER = timedelta(seconds=60)
_READS = 3
# The first reading of the orders goes through all there ever were, a page of 500 after the other.
_FIRST_READS = 7
_MINUTE = timedelta(minutes=1)
_MOST_POINTS = 1000


Curve = Sequence[tuple[datetime, Decimal]]


@runtime_checkable
class TellsHistory(Protocol):
    """A broker that also knows how the day's equity went."""

    def equity_history(self) -> Curve: ...


class Allowance:
    """At most so many requests in any minute."""

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._spent: deque[datetime] = deque()

    def take(self, requests: int, now: datetime) -> bool:
        """Spend that many, if they are left; a clock that was set back starts a new minute."""
        if self._spent and self._spent[-1] > now:
            self._spent.clear()
        while self._spent and now - self._spent[0] >= _MINUTE:
            self._spent.popleft()
        if len(self._spent) + requests > self._most:
            return False
        self._spent.extend([now] * requests)
        return True


@dataclass(frozen=True, slots=True)
class Reading:
    """What the broker told at that instant, all of it in one go."""

    at: datetime
    account: Account
    positions: Sequence[Position]
    orders: Sequence[BrokerOrder]


class BrokerEye:
    """The latest reading of one account. `fault`: why there is no newer one."""

    def __init__(
        self,
        broker: Broker | None,
        why: str,
        symbols: tuple[str, ...],
        per_minute: int = BUDGET,
        *,
        refused: bool = False,
    ) -> None:
        self._broker, self._symbols = broker, symbols
        self._allowance = Allowance(per_minute)
        self._asked: datetime | None = None
        self._pause = EVERY
        self._checked: dict[str, tuple[date, str]] = {}
        self._curve: list[tuple[datetime, Decimal]] = []
        self._curve_day: date | None = None
        self.reading: Reading | None = None
        self.fault = "" if broker is not None else (why or "no keys for this account")
        self.refused = refused

    def look(self, now: datetime) -> None:
        """Read account, positions and orders if that is due. Never raises."""
        if self._broker is None:
            return
        if self._asked is not None and timedelta(0) <= now - self._asked < self._pause:
            return
        if not self._allowance.take(_READS if self.reading else _FIRST_READS, now):
            return
        self._asked, self._pause = now, EVERY
        try:
            account, positions = self._broker.account(), self._broker.positions()
            self.reading = Reading(now, account, positions, self._broker.open_orders())
            self.fault, self.refused = "", False
            self._draw(self._broker, self.reading)
            self._check_symbols(self._broker, now)
        except (CredentialsError, RateLimited) as fault:
            self._pause = LATER
            self.fault, self.refused = str(fault), isinstance(fault, CredentialsError)
        except Unavailable as fault:
            self.fault = str(fault)

    @property
    def curve(self) -> Curve:
        """The equity of today's New York date: the broker's own points, then our readings."""
        return tuple(self._curve)

    def _draw(self, broker: Broker, reading: Reading) -> None:
        today = new_york_date(reading.at)
        if self._curve_day != today:
            self._curve_day, self._curve = today, []
            if isinstance(broker, TellsHistory) and self._allowance.take(1, reading.at):
                points = broker.equity_history()
                self._curve = [p for p in points if new_york_date(p[0]) == today and p[1] > 0]
        if reading.account.equity is not None:
            self._curve.append((reading.at, reading.account.equity))
        if len(self._curve) > _MOST_POINTS:
            del self._curve[1::2]

    def untradable(self, symbol: str) -> str:
        """Why the broker does not trade it, as far as it was asked; empty: it does."""
        return self._checked[symbol][1] if symbol in self._checked else ""

    def _check_symbols(self, broker: Broker, now: datetime) -> None:
        """Once a New York day, as far as the allowance reaches; the rest at later looks."""
        today = new_york_date(now)
        for symbol in self._symbols:
            known = self._checked.get(symbol)
            if known is not None and known[0] == today:
                continue
            if not self._allowance.take(1, now):
                return
            asset = broker.asset(symbol)
            why = ""
            if asset is None:
                why = "unknown to the broker"
            elif not asset.tradable:
                why = f"not tradable: {asset.status}"
            self._checked[symbol] = (today, why)
