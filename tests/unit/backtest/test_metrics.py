"""Metrics against values worked out by hand."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from magellan_core.backtest.benchmark import buy_and_hold, summed
from magellan_core.backtest.metrics import (
    Metrics,
    daily,
    max_drawdown,
    measure,
    sharpe_standard_error,
    wilson_interval,
)
from magellan_core.backtest.result import AccountRun, Leg, Trade

FIRST = datetime(2024, 7, 15, 20, 0, tzinfo=UTC)  # a Monday, 16:00 in New York


def on(day: int, value: float, hour: int = 20) -> tuple[datetime, float]:
    return FIRST.replace(hour=hour) + timedelta(days=day), value


def a_trade(pnl: str, bought: int, sold: int, qty: int = 10, price: str = "50") -> Trade:
    entry, leave = FIRST + timedelta(days=bought), FIRST + timedelta(days=sold)
    leg = Leg(leave, "open", qty, Decimal(price), "signal", Decimal(pnl))
    return Trade(
        symbol="AAA",
        signal_time=entry,
        entry_time=entry,
        entry_at="open",
        entry_price=Decimal(price),
        qty=qty,
        exit_time=leave,
        exit_at="open",
        exit_price=Decimal(price),
        exit_reason="signal",
        legs=(leg,),
        pnl=Decimal(pnl),
        cost=Decimal(1),
    )


# 1000 -> 1100 -> 990 -> 990 -> 1188: returns +10 %, -10 %, 0 %, +20 %.
CURVE = [on(0, 1100.0), on(1, 990.0), on(2, 990.0), on(3, 1188.0)]
TRADES = [a_trade("300", 0, 1), a_trade("-100", 1, 2), a_trade("-50", 2, 3), a_trade("0", 3, 3)]


@pytest.fixture(name="metrics")
def measured() -> Metrics:
    return measure(CURVE, 1000.0, 1180.0, TRADES, 8.0)


def test_the_return_counts_the_cost_of_the_last_sale(metrics: Metrics) -> None:
    assert metrics.total_return_pct.value == pytest.approx(18.0)
    assert metrics.total_return_pct.basis == "4 sessions; after costs"


def test_sharpe_is_the_mean_by_the_deviation(metrics: Metrics) -> None:
    # Mean 0.05; squared deviations .0025 .0225 .0025 .0225, sum .05, by n - 1: .0166667.
    assert metrics.sharpe.value == pytest.approx(0.05 / math.sqrt(0.05 / 3) * math.sqrt(252))
    assert metrics.sharpe.n == 4


def test_sortino_counts_only_what_was_lost(metrics: Metrics) -> None:
    # One negative return of -10 %: root of the mean square over all four is 0.05.
    assert metrics.sortino.value == pytest.approx(0.05 / 0.05 * math.sqrt(252))


def test_drawdown_is_from_the_highest_mark(metrics: Metrics) -> None:
    assert metrics.max_drawdown_pct.value == pytest.approx(-10.0)


@pytest.mark.parametrize(
    ("values", "deepest"),
    [([], 0.0), ([100.0, 110.0], 0.0), ([80.0, 120.0, 90.0], -0.25), ([70.0, 100.0], -0.3)],
)
def test_a_loss_below_the_capital_is_a_drawdown(values: list[float], deepest: float) -> None:
    assert max_drawdown(np.array(values), 100.0) == pytest.approx(deepest)


def test_trades_are_counted_with_their_uncertainty(metrics: Metrics) -> None:
    assert metrics.win_rate_pct.value == 25.0
    assert metrics.win_rate_pct.basis == "4 trades; 95 % confidence: 5 to 70 %"
    assert metrics.profit_factor.value == pytest.approx(2.0)
    assert metrics.mean_trade_dollars.value == pytest.approx(37.5)
    assert metrics.costs_dollars.basis == "4 trades; 0.80 % of capital"


def test_the_confidence_of_a_proportion_matches_the_published_example() -> None:
    # Newcombe 1998, table I, method 3: 81 of 263.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_lo_s_standard_error() -> None:
    # A yearly Sharpe of 1 over a year of sessions: a little above 1.
    assert sharpe_standard_error(1.0, 252) == pytest.approx(math.sqrt(1 + 0.5 / 252))


def test_less_than_a_year_is_not_annualised(metrics: Metrics) -> None:
    assert metrics.cagr_pct.value is None
    year = [on(0, 1000.0), on(731, 1210.0)]
    two = measure(year, 1000.0, 1210.0, [], 0.0).cagr_pct
    assert two.value == pytest.approx(10.0, abs=0.02)


def test_turnover_is_both_sides_by_mean_equity_a_year(metrics: Metrics) -> None:
    # Four trades of 500 dollars in and out; mean equity 1067; 3 days.
    assert metrics.turnover.value == pytest.approx(4000 / 1067 / (3 / 365.25))


def test_exposure_counts_a_bar_once() -> None:
    curve = [on(0, 1.0, hour) for hour in range(10, 20)]
    held = [a_trade("1", 0, 0), a_trade("1", 0, 0)]
    start = FIRST.replace(hour=12)

    def moved(trade: Trade, begin: int, end: int) -> Trade:
        entry, leave = start + timedelta(hours=begin), start + timedelta(hours=end)
        return Trade(
            **{
                **{name: getattr(trade, name) for name in Trade.__slots__},
                "entry_time": entry,
                "exit_time": leave,
            }
        )

    overlapping = [moved(held[0], 0, 3), moved(held[1], 1, 4)]
    assert measure(curve, 1.0, 1.0, overlapping, 0.0).exposure_pct.value == pytest.approx(40.0)
    assert measure(curve, 1.0, 1.0, [], 0.0).exposure_pct.value == 0.0


def test_nothing_happened_is_told_as_such() -> None:
    flat = measure([on(0, 1000.0), on(1, 1000.0)], 1000.0, 1000.0, [], 0.0)
    nothing = (flat.sharpe, flat.sortino, flat.win_rate_pct, flat.profit_factor, flat.turnover)
    assert [figure.value for figure in nothing] == [None] * 5
    assert flat.sharpe.basis == "2 daily returns; they do not vary"
    never_down = measure([on(0, 1010.0), on(1, 1030.0)], 1000.0, 1030.0, [a_trade("1", 0, 1)], 0.0)
    assert never_down.sortino.note == "none is negative"
    assert never_down.profit_factor.note == "none lost"


def test_a_day_is_new_york_s_and_ends_with_its_last_mark() -> None:
    late = [
        (datetime(2024, 1, 2, 15, 0, tzinfo=UTC), 1.0),
        (datetime(2024, 1, 3, 1, 0, tzinfo=UTC), 2.0),  # 20:00 of the 2nd in New York
        (datetime(2024, 1, 3, 5, 0, tzinfo=UTC), 3.0),  # midnight: still the 2nd's
        (datetime(2024, 1, 3, 15, 0, tzinfo=UTC), 4.0),
    ]
    assert [(str(day), value) for day, value in daily(late)] == [
        ("2024-01-02", 3.0),
        ("2024-01-03", 4.0),
    ]
    assert daily([]) == []


def account(**closes: list[float]) -> AccountRun:
    return AccountRun(
        name="shared",
        symbols=(*closes,),
        capital=Decimal(1000),
        trades=(),
        signal_times=(),
        equity=(),
        final=Decimal(1000),
        bars=0,
        costs=Decimal(0),
        closes={
            symbol: [on(day, close) for day, close in enumerate(values)]
            for symbol, values in closes.items()
        },
    )


def test_buy_and_hold_pays_the_same_costs() -> None:
    # 100 bps: 1000 / 10.1 buys 99; left 1000 - 99 * 10.1 = 0.10; sold 99 * 12 less 1 %.
    held = buy_and_hold(account(AAA=[10.0, 9.0, 12.0]), Decimal(100))
    assert [value for _, value in held.equity] == pytest.approx([990.1, 891.1, 1188.1])
    assert held.final == pytest.approx(0.1 + 99 * 12 * 0.99)
    assert held.costs == pytest.approx(9.9 + 11.88)
    assert float(held.trades[0].pnl) == pytest.approx(held.final - 1000)


def test_buy_and_hold_shares_the_capital_equally() -> None:
    held = buy_and_hold(account(AAA=[10.0, 20.0], BBB=[], CCC=[5.0, 2.5]), Decimal(0))
    third = 1000 / 3
    # 33 shares of AAA, 66 of CCC, BBB's third stays cash.
    assert held.final == pytest.approx(1000 + 33 * 10 - 66 * 2.5)
    assert held.equity[0][1] == pytest.approx(1000)
    assert third * 3 == pytest.approx(held.capital)


def test_holding_lives_through_a_split_that_prices_show() -> None:
    # Ten shares of 100 become one of 1000 on the second day: nothing gained, nothing lost.
    one = account(AAA=[100.0, 1000.0, 1100.0])
    split = {"AAA": [(FIRST.date() + timedelta(days=1), Fraction(1, 10))]}
    assert buy_and_hold(one, Decimal(0), split).final == pytest.approx(1100)
    assert buy_and_hold(one, Decimal(0)).final == pytest.approx(11000)
    earlier = {"AAA": [(FIRST.date(), Fraction(1, 10))]}
    assert buy_and_hold(one, Decimal(0), earlier).final == pytest.approx(11000)


def test_curves_are_summed_mark_by_mark() -> None:
    one, other = [on(0, 10.0), on(2, 12.0)], [on(1, 5.0), on(2, 6.0)]
    assert summed([one, other], [9.0, 4.0], 1.0) == [on(0, 15.0), on(1, 16.0), on(2, 19.0)]
