"""A live day traded again: the same orders from the same start, and what it cannot know is said."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from magellan_core.backtest.past import Past
from magellan_core.backtest.replay import days_of
from magellan_core.backtest.same_day import SameDay, Trader, same_days, trader_of
from magellan_core.book import Book
from magellan_core.errors import DataError
from magellan_core.fold import apply
from magellan_core.lines import Event, Line
from magellan_core.market_hours import new_york_date
from magellan_core.model import Bar
from magellan_core.operations.reporting.second_run import filled
from tests.parity import configs
from tests.unit.backtest.test_replay import STRATEGIES, history, journaled


def trader(name: str, bars: Mapping[str, Sequence[Bar]] | None = None) -> Trader:
    made = trader_of(configs()[name], history(name) if bars is None else bars)
    assert made is not None
    return made


def again(events: Sequence[Event], with_: Trader, *days: date) -> list[SameDay]:
    told = list(same_days(events, days or days_of(events), with_))
    return [each for each in told if isinstance(each, SameDay)]


def of_day(events: Iterable[Event], day: date) -> list[Event]:
    return [event for event in events if new_york_date(event.at) == day]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", STRATEGIES)
def test_each_day_trades_the_same_orders_again_at_the_same_prices(name: str) -> None:
    """Also what was bought on an earlier day is sold again, and yesterday's signal executed."""
    events, book = journaled(name), Book()
    for event in events:
        apply(book, event)
    runs = again(events, trader(name))
    assert [run.day for run in runs] == days_of(events)
    assert [run.doubted for run in runs] == [{}] * len(runs)
    first = [(f.what, f.price, f.at) for run in runs for f in filled(run.book, run.events)]
    told = [filled(book, of_day(events, run.day)) for run in runs]
    assert first == [(f.what, f.price, f.at) for day in told for f in day]
    assert len(first) >= 4


@pytest.mark.timeout(60)
def test_the_past_can_be_as_long_as_it_likes_and_folds_to_the_same_book() -> None:
    events = journaled("daily_trend")
    past, book = Past(50, {}), Book()
    past.take(events)
    for event in past.lines(events[-1].at):
        apply(book, event)
    assert past.shares()
    assert {s: p.qty for s, p in book.positions.items()} == {
        s: p.qty for s, p in past.book.positions.items()
    }
    assert (book.cursor, book.memory, book.pending) == (
        past.book.cursor,
        past.book.memory,
        past.book.pending,
    )
    assert not book.live
    bars = [event for event in events if event.kind == Line.BAR]
    assert len(past.lines(events[-1].at)) < len(events) - len(bars) + 11


@pytest.mark.timeout(60)
def test_without_bars_to_warm_up_with_it_says_that_it_knows_nothing() -> None:
    events = journaled("hourly_swing")
    first = again(events, trader("hourly_swing", {}))[0]
    assert set(first.doubted) == {"TSLA", "NVDA"}


@pytest.mark.timeout(60)
def test_a_day_ends_where_its_journal_does() -> None:
    """A report in the middle of a session compares what there has been so far."""
    events = journaled("bear_trap")
    day = days_of(events)[0]
    first = next(e for e in events if e.kind == Line.FILL)
    half = [event for event in events if event.at <= first.at + timedelta(minutes=2)]
    [run] = again(half, trader("bear_trap"), day)
    assert run.events[-1].at <= half[-1].at
    assert run.doubted == {}
    assert [f.what for f in filled(run.book, run.events)] == [
        f.what for f in filled(run.book, half)
    ]


def test_a_day_of_which_the_start_is_not_told_is_refused_with_its_date() -> None:
    events = [event for event in journaled("daily_trend") if event.kind != Line.DAY]
    day = days_of(events)[1]
    [told] = same_days(events, [day], trader("daily_trend"))
    assert isinstance(told, DataError)
    assert str(told).startswith(f"{day}: the journal has no figure")


@pytest.mark.timeout(60)
def test_cash_and_shares_are_those_of_the_day_before() -> None:
    events = journaled("daily_trend")
    day = days_of(events)[2]
    past = Past(400, history("daily_trend"))
    past.take(event for event in events if new_york_date(event.at) < day)
    paid = sum((qty * price for qty, price in past.shares().values()), Decimal(0))
    assert past.cash(Decimal(0)) == Decimal(100_000) - paid
    bare = replace(trader("daily_trend"), history={})
    [run] = again(events, bare, day)
    assert set(past.shares()) <= set(run.book.positions)
