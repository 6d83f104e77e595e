"""Account limits on marked equity, through whole days: what breaches, and what must not."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from magellan_core.engine.reconfigure import reconfigure
from magellan_core.risk.account import DayResult
from magellan_core.risk.notice import Action, Notice
from tests.engine.risk_stage import ACME, Buyer, Desk, day, desk, settings

LATER = timedelta(minutes=30)
NEVER: dict[str, Any] = {
    "risk_management__emergency_stop_conditions__max_drawdown_pct": 100,
    "risk_management__max_daily_loss_pct": 100,
}
# $40,000 less the buffer of 1 % buy 3,960 shares at 10: a cent is $39.60.


def fall(to: float) -> list[float]:
    return [10.0, 10.0, 10.0, to]


@pytest.mark.parametrize(
    ("limit", "to", "halts"),
    [
        # lost 3,960 x 1.00; the limit above, at and below it
        ({"risk_management__max_daily_loss_dollars": 3960.01}, 9.0, []),
        ({"risk_management__max_daily_loss_dollars": 3960.00}, 9.0, ["daily_loss"]),
        ({"risk_management__max_daily_loss_dollars": 3959.99}, 9.0, ["daily_loss"]),
        # whichever bites first: 3.96 % of 100,000
        ({"risk_management__max_daily_loss_pct": 3.97}, 9.0, []),
        ({"risk_management__max_daily_loss_pct": 3.96}, 9.0, ["daily_loss"]),
        ({**NEVER, "risk_management__emergency_stop_conditions__max_drawdown_pct": 3.97}, 9.0, []),
        (
            {**NEVER, "risk_management__emergency_stop_conditions__max_drawdown_pct": 3.96},
            9.0,
            ["drawdown"],
        ),
    ],
)
def test_losses_below_at_and_above_the_limit(
    limit: dict[str, Any], to: float, halts: list[str]
) -> None:
    on = desk({0: fall(to)}, **limit)
    ended = on.run(day(0).open + LATER)
    assert on.halts() == halts
    assert ended is bool(halts)
    assert bool(on.held()) is not bool(halts)


def test_a_loss_is_alerted_before_it_halts() -> None:
    on = desk({0: fall(9.0)}, monitoring__alert_on_loss_dollars=3960)
    on.run(day(0).open + LATER)
    assert on.halts() == []
    assert any(key.startswith("loss-") for key in on.alerts.subjects())
    quiet = desk({0: fall(9.0)}, monitoring__alert_on_loss_dollars=3961)
    quiet.run(day(0).open + LATER)
    assert quiet.alerts.subjects() == []


def test_a_halt_flattens_ends_and_is_found_again_by_every_start_until_resumed() -> None:
    on = desk({0: [*fall(9.0)], 1: [9.0]}, risk_management__max_daily_loss_dollars=3960)
    assert on.run(day(0).open + LATER)
    assert on.held() == {}
    fills = len(on.lines("fill"))
    for minutes in (40, 50, 60):
        assert on.run(day(0).open + timedelta(minutes=minutes))
    assert len(on.lines("fill")) == fills
    assert on.halts() == ["daily_loss"]

    # Resumed within the day, its loss halts again at once; after the close it does not.
    resume(on)
    assert on.run(day(0).open + timedelta(minutes=70))
    assert on.halts() == ["daily_loss", "daily_loss"]
    assert len(on.lines("fill")) == fills
    on.exchange.step(day(0).close + LATER)
    resume(on)
    assert not on.run(day(1).open + LATER)
    assert on.halts() == ["daily_loss", "daily_loss"]
    assert on.held() == {ACME: 4400}


def resume(on: Desk) -> None:
    on.store.post(Notice(Action.RESUME, "bear_trap", "", "seen to", "a test", on.exchange.now))


@pytest.mark.parametrize(("to", "halts"), [(9.01, []), (9.0, ["daily_loss"])])
def test_a_daemon_that_was_down_over_the_fall_halts_as_it_comes_back(
    to: float, halts: list[str]
) -> None:
    """Restarted with the loss at the limit, or a cent a share short of it."""
    on = desk({0: fall(to)}, risk_management__max_daily_loss_dollars=3960)
    assert not on.run(day(0).open + timedelta(minutes=2, seconds=30))
    on.exchange.step(day(0).open + timedelta(minutes=20))
    on.run(day(0).open + LATER)
    assert on.halts() == halts


def test_the_mark_is_kept_over_restarts_quiet_days_and_days_with_the_daemon_down() -> None:
    limits: dict[str, Any] = {
        **NEVER,
        "risk_management__emergency_stop_conditions__max_drawdown_pct": 6,
        "risk_management__max_daily_loss_dollars": 50_000,
        "risk_management__emergency_stop_conditions__consecutive_losing_days": 10,
    }
    # up to 11, then down a little each day: below 6 % on no single day
    on = desk({0: [10.0, 10.0, 11.0], 1: [10.6], 2: [10.2], 3: [9.8], 4: [9.4]}, **limits)
    on.run(day(0).close + LATER)
    on.run(day(1).close + LATER)
    on.exchange.step(day(3).close)
    assert not on.run(day(3).close + LATER)
    assert on.halts() == []
    on.run(day(4).open + LATER)
    assert on.halts() == ["drawdown"]
    [line] = on.lines("halt")
    assert "below the high of 103960.00" in line["why"]


def test_a_drawdown_is_armed_anew_from_a_new_mark_when_resumed() -> None:
    limits: dict[str, Any] = {
        **NEVER,
        "risk_management__emergency_stop_conditions__max_drawdown_pct": 3.96,
    }
    on = desk({0: fall(9.0), 1: [9.0, 9.0, 8.9], 2: [8.9]}, **limits)
    assert on.run(day(0).close)
    resume(on)
    assert not on.run(day(1).close)
    assert on.halts() == ["drawdown"]
    assert on.engine is not None
    assert on.engine.ledger.book.high_water == Decimal("96040.00")


def in_steps(*prices: float) -> dict[int, Sequence[float]]:
    return {n: [price] for n, price in enumerate(prices)}


@pytest.mark.parametrize(
    ("prices", "min_loss", "halts"),
    [
        # Bought at 10 with 3,960 shares; days end lower by 1.2 % of equity and more.
        ((10.0, 9.7, 9.4, 9.1, 9.1), 1, ["losing_streak"]),
        ((10.0, 9.7, 9.4, 9.5, 9.2), 1, []),  # a better day between
        ((10.0, 9.9, 9.8, 9.7, 9.7), 1, []),  # three small losses are none
        ((10.0, 9.9, 9.8, 9.7, 9.7), 0.1, ["losing_streak"]),
    ],
)
def test_three_losing_days_in_a_row_hold(
    prices: Sequence[float], min_loss: float, halts: list[str]
) -> None:
    on = desk(
        in_steps(*prices),
        risk_management__emergency_stop_conditions__losing_day_min_loss_pct=min_loss,
    )
    for n in range(len(prices)):
        assert not on.run(day(n).close + LATER)
    assert on.halts() == halts
    # Held, not sold: a losing streak stops entries only.
    assert on.held() == {ACME: 3960}


def test_a_win_rate_is_judged_from_the_minimum_of_trades_on() -> None:
    losing = Buyer(sell_at=lambda bar: bar.start.minute % 3 == 2)
    prices = [10.0 - 0.001 * n for n in range(60)]
    usual: dict[str, Any] = {"risk_management__emergency_stop_conditions__win_rate_min_trades": 5}
    on = desk({0: prices}, strategy=losing, **usual)
    on.run(day(0).open + timedelta(minutes=60))
    assert on.halts() == ["win_rate"]
    assert on.lines("halt")[0]["why"].startswith("0.0 % of 5 trades won")
    few = desk({0: prices}, strategy=losing)
    few.run(day(0).open + timedelta(minutes=14))
    assert few.halts() == []


@pytest.mark.parametrize("amount", [-20_000, 20_000])
@pytest.mark.parametrize("when", ["in the session", "over night", "daemon down"])
def test_money_paid_in_or_out_is_no_gain_and_no_loss(amount: int, when: str) -> None:
    tight: dict[str, Any] = {
        "risk_management__max_daily_loss_dollars": 1000,
        "risk_management__emergency_stop_conditions__max_drawdown_pct": 2,
    }
    on = desk({0: [10.0], 1: [10.0], 2: [10.0, 10.0, 10.0, 9.7]}, **tight)

    def pay() -> None:
        on.exchange.transfer("PA1", Decimal(amount))

    on.run(day(0).open + LATER)
    if when == "in the session":
        pay()
    on.run(day(0).close + LATER)
    if when == "over night":
        pay()
        on.run(day(0).close + 2 * LATER)
    if when == "daemon down":
        on.exchange.step(day(0).close + 3 * LATER)
        pay()
        on.exchange.step(day(1).close - LATER)
    assert not on.run(day(1).close + LATER)
    assert on.halts() == []
    assert [line["amount"] for line in on.lines("transfer")] == [str(amount)]
    assert all(result.pnl == 0 for result in results(on))
    # A loss that is one still counts: 3,960 x 0.30.
    assert on.run(day(2).open + LATER)
    assert "lost 1188.00 today, limit 1000.00" in [line["why"] for line in on.lines("halt")]


def results(on: Desk) -> Sequence[DayResult]:
    assert on.engine is not None
    return on.engine.ledger.book.days


def test_what_was_paid_in_before_the_first_start_is_where_it_starts_from() -> None:
    on = desk({0: [10.0]})
    on.exchange.transfer("PA1", Decimal(-60_000))
    on.run(day(0).open + LATER)
    assert on.halts() == []
    assert on.engine is not None
    assert on.engine.ledger.book.day_base == 40_000


@pytest.mark.parametrize("ratio", [Fraction(2), Fraction(1, 10)])
def test_a_split_of_held_shares_is_no_loss_and_no_gain(ratio: Fraction) -> None:
    """A forward split, and a reverse one, over night; 3,960 shares are held through it."""
    tight: dict[str, Any] = {
        "risk_management__max_daily_loss_dollars": 100,
        "risk_management__emergency_stop_conditions__max_drawdown_pct": 1,
    }
    after = 10.0 / float(ratio)
    splits = {ACME: [(day(1).date, ratio)]}
    on = desk({0: [10.0], 1: [after]}, splits=splits, **tight)
    on.run(day(0).close + LATER)
    assert not on.run(day(1).close + LATER)
    assert on.halts() == []
    assert on.held() == {ACME: int(3960 * ratio)}
    assert on.equity() == 100_000


def test_other_limits_bind_a_running_daemon_once_reloaded() -> None:
    on = desk({0: fall(9.0)})
    on.run(day(0).open + LATER)
    assert on.engine is not None
    other = settings(
        portfolio__max_daily_loss_dollars=3000, risk_management__halt_policies__portfolio="hold"
    )
    reconfigure(on.engine, lambda: on.strategy, other, on.exchange.now, {})
    report = on.engine.tick(on.exchange.now)
    assert [(line["limit"], line["policy"]) for line in on.lines("halt")] == [("portfolio", "hold")]
    assert not report.finished


def test_a_fee_is_a_loss_like_any_other_once_it_is_plainly_no_withdrawal() -> None:
    on = desk({0: [10.0]})
    on.run(day(0).open + timedelta(minutes=10))
    on.exchange._desks["PA1"].ledger.pay(Decimal("-12.34"))
    on.run(day(0).open + LATER)
    assert [line["change"] for line in on.lines("cash") if "change" in line] == ["-12.34"]
    assert on.lines("transfer") == []
