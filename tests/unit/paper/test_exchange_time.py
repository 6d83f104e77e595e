"""What happens when: acknowledgements, bars, closes, wakes and the prices known meanwhile."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from magellan_core.market_hours import session_on
from magellan_core.model import Bar, OrderClass, OrderType, Side, Timeframe, TimeInForce
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.orders import Changes
from tests.unit.paper.exchange_support import (
    ACME,
    CLOSE,
    OPEN,
    PA,
    QUIET,
    at,
    bracket,
    exchange,
    form,
    hold,
    leg,
    limit,
    spec,
    stop,
    told,
)

B, S = Side.BUY, Side.SELL


def test_a_write_changes_nothing_until_time_moves() -> None:
    venue = exchange([QUIET] * 3)
    venue.submit(PA, form())
    assert (venue.positions(PA), venue.fills(PA), venue.account(PA).cash) == (
        [],
        [],
        Decimal(100_000),
    )


def test_a_step_to_an_instant_leaves_the_bars_that_start_then() -> None:
    venue = exchange([QUIET, (9, 9, 9, 9)])
    venue.step(at(1))
    venue.submit(PA, form())
    assert [u.event for u in venue.step(at(1))] == ["new"]
    assert told(venue) == []
    venue.step(at(1) + timedelta(seconds=1))
    assert told(venue) == [("buy", "100", "9")]


def test_a_cancel_at_an_instant_comes_before_the_bar_that_starts_then() -> None:
    venue = exchange([QUIET, (8, 8, 8, 8)])
    hold(venue)
    order = venue.submit(PA, stop(S, "9"))
    venue.step(at(1))
    venue.cancel(PA, order.id)
    venue.step(at(2))
    assert told(venue) == [("buy", "100", "10")]


def test_who_is_woken_by_a_cancel_still_meets_the_open_of_the_bar_that_starts_then() -> None:
    venue = exchange([QUIET, (8, 8, 8, 8)])
    hold(venue)
    order = venue.submit(PA, stop(S, "9"))
    venue.step(at(1))
    venue.cancel(PA, order.id)
    assert [u.event for u in venue.step(at(5), wake=[PA])] == ["canceled"]
    assert venue.now == at(1)
    venue.close_position(PA, ACME)
    venue.step(at(2))
    assert told(venue)[1:] == [("sell", "100", "8")]


def test_who_is_woken_by_a_fill_meets_the_next_bar() -> None:
    venue = exchange([QUIET, QUIET, (9.5, 9.5, 9.5, 9.5)])
    venue.step(at(1))
    venue.submit(PA, form())
    updates = venue.step(at(9), wake=[PA])
    assert ([u.event for u in updates], venue.now) == (["new", "fill"], at(1))
    venue.close_position(PA, ACME)
    venue.step(at(9), wake=[PA])
    assert venue.now == at(2)
    assert told(venue) == [("buy", "100", "10"), ("sell", "100", "9.5")]


def test_acknowledgements_wake_nobody() -> None:
    venue = exchange([QUIET] * 3)
    venue.submit(PA, limit(B, "9"))
    venue.step(at(2), wake=[PA])
    assert venue.now == at(2)


def test_only_the_accounts_named_are_woken() -> None:
    venue = exchange([QUIET] * 3, accounts=[spec(), spec("PA2")])
    venue.submit(PA, form())
    venue.step(at(2), wake=["PA2"])
    assert venue.now == at(2)


def test_a_moved_stop_counts_from_the_next_bar() -> None:
    venue = exchange([QUIET, (10, 12.5, 9.7, 9.8), (9.8, 9.8, 9.8, 9.8)])
    venue.submit(PA, bracket("12", "9", 30))
    runner = venue.submit(PA, bracket("20", "9", 30, order_class=OrderClass.OTO, take_profit=None))
    venue.step(at(1))
    venue.step(at(9), wake=[PA])
    assert venue.now == at(1)
    venue.replace(PA, leg(runner, OrderType.STOP).id, Changes(stop_price=Decimal("9.9")))
    venue.step(at(3))
    assert told(venue)[2:] == [("sell", "30", "12"), ("sell", "30", "9.8")]


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back"):
        exchange([QUIET]).step(OPEN - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("second", "price"),
    [
        (-1, "10"),
        (0, "10"),
        (1, "11"),
        (59, "11"),
        (60, "12"),
        (61, "20"),
        (120, "21"),
        (7200, "21"),
    ],
)
def test_the_last_price_is_the_open_until_the_bar_has_ended(second: int, price: str) -> None:
    venue = exchange([(11, 13, 9, 12), (20, 22, 19, 21)], start=OPEN - timedelta(minutes=5))
    venue.step(OPEN + timedelta(seconds=second))
    assert venue.last_price(PA, ACME) == Decimal(price)


def test_a_quote_is_the_last_price_and_half_the_spread_on_the_tick() -> None:
    quote = exchange([QUIET]).quote(PA, ACME)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.bid_size) == (Decimal("9.99"), Decimal("10.01"), 1000)


def test_the_next_event_is_the_next_instant_at_which_anything_is_due() -> None:
    venue = exchange([QUIET, QUIET])
    assert venue.next_event() == CLOSE
    venue.submit(PA, limit(B, "9", time_in_force=TimeInForce.GTC))
    assert venue.next_event() == at(0)
    venue.step(at(0))
    assert venue.next_event() == at(0)
    venue.step(at(1))
    assert venue.next_event() == at(1)
    venue.step(at(2))
    assert venue.next_event() == CLOSE
    venue.cancel_all(PA)
    venue.step(CLOSE + timedelta(days=1))
    assert venue.next_event() is None


def test_bars_outside_the_session_move_prices_but_fill_nothing() -> None:
    starts = [OPEN - timedelta(minutes=30), OPEN + timedelta(minutes=30), CLOSE]
    rows = [
        Bar(ACME, start, start + timedelta(hours=1), price, price, price, price, 1.0)
        for start, price in zip(starts, (10.0, 11.0, 12.0), strict=True)
    ]
    venue = Exchange(
        Market.from_bars({(ACME, Timeframe.HOUR): rows}),
        [spec(timeframe=Timeframe.HOUR)],
        start=OPEN,
    )
    venue.submit(PA, form())
    assert venue.last_price(PA, ACME) == 10
    venue.step(CLOSE - timedelta(minutes=1))
    assert told(venue) == [("buy", "100", "11")]
    venue.submit(PA, form(S))
    venue.step(CLOSE + timedelta(minutes=61))
    assert (len(venue.fills(PA)), venue.last_price(PA, ACME)) == (1, Decimal(12))


def test_a_daily_account_trades_at_the_open_of_its_session_and_half_days_close_early() -> None:
    half, full = session_on(date(2024, 7, 3)), session_on(date(2024, 7, 5))
    assert half is not None
    assert full is not None
    rows = [
        Bar(ACME, s.open, s.close, price, price + 1, price - 1, price, 1.0)
        for s, price in ((half, 10.0), (full, 20.0))
    ]
    venue = Exchange(
        Market.from_bars({(ACME, Timeframe.DAY): rows}),
        [spec(timeframe=Timeframe.DAY)],
        start=datetime(2024, 7, 3, 17, 5, tzinfo=UTC),
    )
    order = venue.submit(PA, form())
    assert order.status == "accepted"
    venue.step(full.open + timedelta(seconds=1))
    assert [(f.price, f.at) for f in venue.fills(PA)] == [(Decimal(20), full.open)]


def test_each_account_is_priced_by_its_own_bars() -> None:
    rows = {
        (ACME, Timeframe.MINUTE): [Bar(ACME, at(0), at(1), 10, 10, 10, 10, 1)],
        (ACME, Timeframe.DAY): [Bar(ACME, OPEN, CLOSE, 20, 20, 20, 20, 1)],
    }
    venue = Exchange(Market.from_bars(rows), [spec(), spec("PA2", Timeframe.DAY)], start=OPEN)
    venue.step(at(5))
    assert (venue.last_price(PA, ACME), venue.last_price("PA2", ACME)) == (Decimal(10), Decimal(20))
