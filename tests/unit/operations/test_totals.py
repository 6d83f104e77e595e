"""All accounts together: sums, the portfolio's limits, the day's equity."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from magellan_core.compose import settings_of
from magellan_core.errors import Unavailable
from magellan_core.model import Published
from magellan_core.operations.broker_eye import BrokerEye
from magellan_core.operations.looks import Figure, Origin, Usage
from magellan_core.operations.snapshot import take
from magellan_core.operations.totals import summed_curve
from magellan_core.operations.usage import portfolio_usages
from magellan_core.risk import portfolio
from magellan_core.store.portfolio import SqlitePortfolioStore
from tests.unit.operations.dashboard_support import (
    FRIDAY,
    MINUTE,
    NOW,
    Desk,
    account,
    config,
    station,
)

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


def publish(folder: Path, *rows: Published, mark: str | None = "330000") -> Path:
    store = SqlitePortfolioStore(folder / "portfolio.sqlite3")
    for row in rows:
        store.publish(row)
    if mark is not None:
        store.high_water(Decimal(mark))
    store.close()
    return folder


def told(name: str, equity: str = "99000", today: str = "-1000", paid_in: str = "0") -> Published:
    return Published(
        *(name, NOW, NOW, Decimal(equity), Decimal(today), FRIDAY, True, "running"),
        paid_in=Decimal(paid_in),
    )


def usages(tmp_path: Path, *names: str) -> tuple[Usage, ...]:
    return take([station(tmp_path, Desk(), [], s) for s in names or EVERY], NOW).totals.usages


def test_the_portfolios_loss_and_drawdown_are_those_that_the_daemons_judge(tmp_path: Path) -> None:
    publish(tmp_path, *(told(name) for name in EVERY))
    # Of one strategy alone they are the same: the limit is of all.
    for names in (EVERY, EVERY[:1]):
        lost, drawdown = usages(tmp_path, *names)
        assert (lost.used.value, lost.limit.value) == (Decimal(3000), Decimal(10000))
        assert (drawdown.used.value, drawdown.limit.value) == (Decimal(10), Decimal(20))
        assert drawdown.used.origin.at == NOW


def test_money_paid_in_or_out_is_neither_gain_nor_drawdown(tmp_path: Path) -> None:
    """What was earned is 27,000 below its mark; a withdrawal of 90,000 is no fall."""
    rows = [told(EVERY[0], "9000", paid_in="-90000"), told(EVERY[1]), told(EVERY[2], "105000")]
    publish(tmp_path, *rows)
    _, drawdown = usages(tmp_path)
    assert drawdown.used.value == Decimal(27000) / Decimal(240000) * 100


money = st.integers(-200_000, 200_000).map(lambda n: Decimal(n) / 2)


@given(st.lists(st.tuples(money, money, money), min_size=3, max_size=3), money)
def test_a_limit_is_shown_as_used_up_exactly_when_the_gate_breaches(
    figures: list[tuple[Decimal, Decimal, Decimal]], mark: Decimal
) -> None:
    rows = {
        name: Published(
            name, NOW, NOW, equity + 100_000, today, FRIDAY, True, "running", paid_in=paid_in
        )
        for name, (equity, today, paid_in) in zip(EVERY, figures, strict=True)
    }
    configs = [config(name) for name in EVERY]
    limits = settings_of(configs[0], patrol=None, patrol_closed=None).portfolio
    high = Figure(mark + 300_000, Origin(""))
    lost, drawdown = portfolio_usages(rows, high, configs, FRIDAY)
    every = list(rows.values())

    def used_up(usage: Usage) -> bool:
        used, limit = usage.used.value, usage.limit.value
        return used is not None and limit is not None and used >= limit

    assert used_up(lost) == (portfolio.daily_loss(every, FRIDAY, limits) is not None)
    breach = portfolio.drawdown(every, mark + 300_000, limits)
    assert used_up(drawdown) == (breach is not None)


def test_until_all_have_published_no_drawdown_is_known_nor_without_a_store(tmp_path: Path) -> None:
    lost, unread = usages(tmp_path)
    assert (lost.used.value, unread.used.value) == (None, None)
    assert "no portfolio store" in unread.used.why
    publish(tmp_path, told("bear_trap"), mark=None)
    lost, part = usages(tmp_path)
    assert (lost.used.value, part.used.value) == (Decimal(1000), None)
    assert part.used.why == "not published yet: daily_trend, hourly_swing"


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
