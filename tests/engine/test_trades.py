"""One trade of each strategy, end to end: from the bar to the order, the fill and the exit."""

from datetime import timedelta
from decimal import Decimal

import pytest

from magellan_core.lines import Line
from magellan_core.market_hours import at_new_york
from magellan_core.paper.rules import Rules
from tests.engine.markets import (
    AMC,
    CLOSE,
    MINUTE,
    NEXT_DAY,
    NEXT_OPEN,
    OPEN,
    TRAP_END,
    TSLA,
    Row,
    at,
    bear_trap,
    daily_trend,
    hourly_swing,
)
from tests.engine.rig import TEN_SECONDS, Rig

FLAT: Row = (8.1, 8.1, 8.1, 8.1)


def whole_trade(rig: Rig, until: object) -> list[tuple[str, int, str]]:
    rig.run(until)  # type: ignore[arg-type]
    assert rig.settled()
    return rig.fills()


def test_a_tick_does_its_work_in_one_order_always() -> None:
    """Truth, bars, quote, decision on disk, orders on disk, orders sent; the bar's line is last."""
    rig = bear_trap()
    rig.run(TRAP_END)
    rig.log.clear()
    rig.tick()
    told = [word.split()[0] for word in rig.log]
    assert told == [
        *("open_orders", "account", "positions"),
        *("bars", "quotes", "decision"),
        *("planned", "planned", "planned"),
        *("submit", "outcome", "seen", "leg", "leg", "seen", "seen"),
        *("submit", "outcome", "seen", "leg", "leg", "seen", "seen"),
        *("submit", "outcome", "seen", "leg", "seen"),
        "bar",
    ]


def test_bear_trap_enters_in_three_brackets_and_takes_both_targets_and_the_raised_stop() -> None:
    rig = bear_trap(
        FLAT,
        (8.1, 9.2, 8.1, 9.2),  # the first target
        (9.2, 10.1, 9.2, 10.1),  # the second; the runner's stop moves up
        FLAT,
        (8.1, 8.1, 7.0, 7.0),  # the runner is stopped at the support
    )
    fills = whole_trade(rig, at(40))
    qty = sum(q for side, q, _ in fills if side == "buy")
    parts = [qty * 40 // 100, qty * 30 // 100, qty - qty * 40 // 100 - qty * 30 // 100]
    assert fills == [
        *[("buy", part, "8.1") for part in parts],
        ("sell", parts[0], "9.05"),
        ("sell", parts[1], "10"),
        ("sell", parts[2], "7.8"),
    ]
    assert rig.book.positions == {}
    (trade,) = rig.book.trades
    assert trade.pnl == rig.core.account().cash - 100_000
    assert [o.order_class for o in rig.orders()] == ["bracket", "bracket", "oto"]
    assert [o.client_order_id for o in rig.orders()] == [
        f"bear_trap-AMC-{TRAP_END:%Y%m%dT%H%M}-t{n}-1" for n in (1, 2, 3)
    ]


@pytest.mark.parametrize("spread_bps", [0, 50, 190])
def test_bear_trap_s_stop_loses_two_per_cent_from_the_price_that_is_paid(spread_bps: int) -> None:
    """Sized on the signal bar's close alone, an ask 95 bps above it put 2,444 dollars at risk."""
    spread = Decimal(spread_bps)
    rig = bear_trap(rules=Rules(spread_bps=spread, slippage_bps=spread / 2))
    rig.run(TRAP_END + MINUTE)
    lost = Decimal(0)
    for order in rig.orders():
        (stop,) = [leg.stop_price for leg in order.legs if leg.stop_price is not None]
        assert order.filled_avg_price is not None
        lost += order.filled_qty * (order.filled_avg_price - stop)
    assert Decimal(1995) < lost <= Decimal(2000)


def test_bear_trap_s_stop_rests_at_the_broker_and_needs_no_daemon() -> None:
    rig = bear_trap(FLAT, FLAT, (8.1, 8.1, 7.0, 7.0))
    rig.run(TRAP_END + TEN_SECONDS)
    rig.pause(at(60))
    assert rig.qty(AMC) == 0
    rig.tick()
    assert rig.settled()
    assert len(rig.book.trades) == 1


def test_bear_trap_sells_after_thirty_minutes_once_its_orders_are_gone() -> None:
    rig = bear_trap(FLAT)
    fills = whole_trade(rig, at(62))
    entered = TRAP_END
    (out,) = rig.lines(Line.EXIT)
    assert (out.at, out.data["reason"]) == (entered + timedelta(minutes=30), "time")
    assert [side for side, _, _ in fills] == ["buy", "buy", "buy", "sell"]
    sold = fills[-1][1]
    assert sold == sum(q for side, q, _ in fills if side == "buy")
    kinds = [e.kind for e in rig.lines(Line.EXIT, Line.CANCEL, Line.PLANNED, Line.EXIT_DONE)]
    assert kinds == ["planned"] * 3 + ["exit"] + ["cancel"] * 3 + ["planned", "exit_done"]


def test_bear_trap_s_overdue_exit_is_first_thing_after_a_night_without_a_daemon() -> None:
    """Brackets are good till cancelled: the shares stay protected over night."""
    rig = bear_trap(FLAT, start=at(-30))
    rig.run(TRAP_END + 2 * MINUTE)
    rig.pause(NEXT_OPEN - MINUTE)
    assert {o.status for o in rig.core.open_orders()[0].legs} == {"new", "held"}
    rig.restart()
    rig.run(NEXT_OPEN + MINUTE)
    (out,) = rig.lines(Line.EXIT)
    assert (out.at, out.data["reason"]) == (NEXT_OPEN, "time")


@pytest.mark.parametrize("restarts", [False, True])
def test_daily_trend_decides_after_the_close_and_buys_at_the_next_open(restarts: bool) -> None:
    rig = daily_trend()
    rig.run(CLOSE + 10 * MINUTE)
    (signal,) = rig.lines(Line.SIGNAL)
    assert signal.at == CLOSE + 5 * MINUTE
    assert signal.data["not_before"] == NEXT_OPEN.isoformat()
    assert rig.orders() == []
    if restarts:
        rig.restart()
    rig.run(NEXT_OPEN + MINUTE)
    (order,) = rig.orders()
    assert order.client_order_id == f"daily_trend-SPY-{NEXT_OPEN:%Y%m%dT%H%M}-entry-1"
    assert order.submitted_at == NEXT_OPEN
    ((_, qty, price),) = rig.fills()
    assert qty == int(9_900 / float(price))
    assert rig.book.pending == {}
    assert rig.settled()


def test_hourly_swing_enters_at_a_check_holds_over_night_and_exits() -> None:
    rig = hourly_swing()
    rig.run(CLOSE + 5 * MINUTE)
    (entry,) = rig.orders()
    assert entry.submitted_at == at_new_york(OPEN.date(), 10)
    assert rig.qty(TSLA) > 0
    rig.run(at_new_york(NEXT_DAY, 13))
    assert [side for side, _, _ in rig.fills()] == ["buy", "sell"]
    assert rig.book.positions == {}
    assert rig.settled()


def test_the_same_market_gives_the_same_journal() -> None:
    def told() -> list[str]:
        rig = bear_trap(FLAT, (8.1, 9.2, 8.1, 9.2))
        rig.run(CLOSE)
        return [repr(e) for e in rig.lines()]

    assert told() == told()


@pytest.mark.parametrize("make", [bear_trap, daily_trend, hourly_swing])
def test_the_book_is_the_fold_of_the_journal_at_every_tick(make: type) -> None:
    """A daemon that forgets everything between any two ticks trades as one that does not."""
    unbroken, forgetful = make(), make()
    until = NEXT_OPEN + 6 * 60 * MINUTE if make is not bear_trap else at(70)
    unbroken.run(until)
    while forgetful.now < until:
        report = forgetful.tick()
        wake = ("PA1",) if report.watching else ()
        forgetful.exchange.step(min(report.next_at, until), wake)
        forgetful.restart()
    assert forgetful.fills() == unbroken.fills() != []
