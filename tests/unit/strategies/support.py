"""Bars, views and holdings by hand: what tests of the pure strategies start from."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from magellan_core.market_hours import new_york_date, session_on
from magellan_core.model import Bar, Holding, Intent, OpenTranche, Timeframe
from magellan_core.strategy import View

D = Decimal
LIVE = datetime(2025, 1, 2, tzinfo=UTC)
OPEN = datetime(2025, 1, 8, 14, 30, tzinfo=UTC)  # a Wednesday; the next day is closed
CLOSE = datetime(2025, 1, 8, 21, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def view(
    now: datetime,
    *holdings: Holding,
    pending: Mapping[str, Intent] | None = None,
    busy: Iterable[str] = (),
    last_exit: Mapping[str, datetime] | None = None,
    equity: str = "100000",
) -> View:
    return View(
        now=now,
        session=session_on(new_york_date(now)),
        equity=D(equity),
        live_since=LIVE,
        holdings={holding.symbol: holding for holding in holdings},
        pending=pending or {},
        last_exit=last_exit or {},
        busy=frozenset(busy),
    )


def held(
    symbol: str,
    at: datetime,
    *tranches: OpenTranche,
    qty: int = 100,
    support: Decimal | None = None,
    targets_hit: int = 0,
) -> Holding:
    return Holding(symbol, qty, D(10), at, support, tranches, targets_hit)


def bar(symbol: str, timeframe: Timeframe, start: datetime, close: float) -> Bar:
    """A bar of which only the close matters; a daily one starts at its session's open."""
    if timeframe is Timeframe.DAY:
        session = session_on(new_york_date(start))
        assert session is not None
        start, end = session.open, session.close
    else:
        end = start + (timedelta(hours=1) if timeframe is Timeframe.HOUR else MINUTE)
    return Bar(symbol, start, end, close, close, close, close, 1000.0)
