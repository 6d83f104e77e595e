"""All accounts together: sums, the portfolio's limits, the day's equity."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from magellan_core.errors import Unavailable
from magellan_core.operations.broker_eye import BrokerEye
from magellan_core.operations.snapshot import take
from magellan_core.operations.totals import summed_curve
from magellan_core.store.portfolio import SqlitePortfolioStore
from tests.unit.operations.dashboard_support import MINUTE, NOW, Desk, account, day, station

T = datetime(2024, 11, 29, 15, tzinfo=UTC)
EVERY = ("bear_trap", "daily_trend", "hourly_swing")


def test_a_curve_of_all_begins_where_all_are_known_and_steps_with_each() -> None:
    one = [(T, Decimal(100)), (T + 2 * MINUTE, Decimal(110))]
    two = [(T + MINUTE, Decimal(50)), (T + 2 * MINUTE, Decimal(40))]
    assert summed_curve([one, two]) == (
        (T + MINUTE, Decimal(150)),
        (T + 2 * MINUTE, Decimal(150)),
    )
    assert summed_curve([one, []]) == ()


def test_the_portfolios_loss_and_drawdown_are_shown_against_their_limits(tmp_path: Path) -> None:
    desks = [station(tmp_path, Desk(account(equity="99000")), [day("100000")], s) for s in EVERY]
    store = SqlitePortfolioStore(desks[0].portfolio)
    store.high_water(Decimal("330000"))
    store.close()
    lost, drawdown = take(desks, NOW).totals.usages
    assert (lost.used.value, lost.limit.value) == (Decimal(3000), Decimal(10000))
    assert (drawdown.used.value, drawdown.limit.value) == (Decimal(10), Decimal(20))


def test_of_some_strategies_no_drawdown_is_known_nor_without_a_store(tmp_path: Path) -> None:
    desks = [station(tmp_path, Desk(), [], s) for s in EVERY]
    _, unread = take(desks, NOW).totals.usages
    assert unread.used.value is None
    assert "no portfolio store" in unread.used.why
    _, part = take(desks[:1], NOW).totals.usages
    assert part.used.why == "not all strategies are looked at"


class Historian(Desk):
    """A broker that knows how the day went; yesterday's points come with it."""

    def equity_history(self) -> list[tuple[datetime, Decimal]]:
        day_before = (NOW - timedelta(days=1), Decimal(1))
        return [day_before, (NOW - MINUTE, Decimal(0)), (NOW - MINUTE, Decimal("99900"))]


def test_a_days_curve_is_the_brokers_points_of_today_then_our_readings() -> None:
    eye = BrokerEye(Historian(), "", ())
    eye.look(NOW)
    eye.look(NOW + MINUTE)
    equity = account().equity
    assert eye.curve == (
        (NOW - MINUTE, Decimal("99900")),
        (NOW, equity),
        (NOW + MINUTE, equity),
    )
    mute = BrokerEye(Desk(fault=Unavailable("mute")), "", ())
    mute.look(NOW)
    assert mute.curve == ()
