"""A quote that a stream tells makes a refused entry be tried again at once, on REST's own quote."""

from datetime import datetime, timedelta
from decimal import Decimal
from queue import SimpleQueue

import pytest

from magellan_core.clocks import nap
from magellan_core.engine.ledger import Ledger
from magellan_core.engine.news import MOST_WATCHED, News
from magellan_core.lines import Line
from magellan_core.model import Enter, Exit, Intent, Quote
from magellan_core.ports import Woken
from magellan_core.store.memory import MemoryJournal
from tests.engine.markets import (
    AMC,
    MINUTE,
    NEXT_OPEN,
    SPY,
    TRAP_END,
    bear_trap,
    daily_trend,
)
from tests.engine.rig import Rig, Said

D = Decimal
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def refused() -> tuple[Rig, Said]:
    """Daily Trend's entry, refused at its open for REST's quote, which is an hour old."""
    rig, said = daily_trend(), Said()
    rig.engine.feed.news.source = said
    rig.run(NEXT_OPEN)
    rig.data.quote_age = HOUR
    rig.tick()
    assert "quote_fresh" in str(rig.lines(Line.DECISION)[-1].data["objections"])
    rig.pause(NEXT_OPEN + 3 * SECOND)
    return rig, said


def told(rig: Rig, *, wide: str = "0", moved: str = "0", at: datetime | None = None) -> Quote:
    """The exchange's own quote of SPY, wider or moved by so many dollars."""
    quote = rig.data.inner.quotes([SPY])[SPY]
    bid, ask = quote.bid + D(moved) - D(wide), quote.ask + D(moved)
    return quote._replace(bid=bid, ask=ask, bid_size=1, ask_size=1, at=at or rig.now)


def test_a_told_quote_that_would_do_is_worth_a_tick_which_buys_on_rests_word() -> None:
    rig, said = refused()
    said.next = [told(rig)]
    assert rig.engine.feed.promised()
    rig.data.quote_age = timedelta(0)
    rig.tick()
    [order] = rig.orders()
    assert order.submitted_at == NEXT_OPEN + 3 * SECOND  # the patrol would have come 7 s later
    quote = rig.lines(Line.DECISION)[-1].data["quote"]
    assert isinstance(quote, dict)
    assert quote["bid_size"] > 1  # REST's, not the one that was told
    said.next = [told(rig, moved="0.01")]
    assert not rig.engine.feed.promised()  # nothing waits any more


class Napping:
    """clocks.DaemonClock whose every wait ends with news, of which the stream tells these."""

    def __init__(self, rig: Rig, said: Said, *quotes: Quote) -> None:
        self.rig, self.said, self.quotes = rig, said, [*quotes]
        self.inbox: SimpleQueue[Woken] = SimpleQueue()

    def now(self) -> datetime:
        return self.rig.now

    def wait(self, until: datetime, *, wake_on_update: bool) -> Woken:
        assert (until, wake_on_update) == (NEXT_OPEN + 10 * SECOND, False)
        if not self.quotes:
            return Woken.TIME
        self.said.next = [self.quotes.pop(0)]
        return Woken.BARS

    def leave(self) -> None:
        """Nobody waits for it."""


def test_the_nap_ends_for_a_quote_that_would_do_and_for_no_other() -> None:
    rig, said = refused()
    assert rig.report is not None
    wide, good = told(rig, wide="20"), told(rig)
    clock = Napping(rig, said, wide, good, wide, good)
    assert nap(rig.engine, clock, rig.report, []) is Woken.BARS
    assert len(clock.quotes) == 2
    assert nap(rig.engine, clock, rig.report, []) is Woken.TIME


def test_while_rest_says_otherwise_nothing_is_bought_and_the_same_prices_hint_once() -> None:
    rig, said = refused()
    for moved, worth in (("0", True), ("0", False), ("0.01", True), ("0.01", False)):
        said.next = [told(rig, moved=moved)]
        assert rig.engine.feed.promised() is worth
        rig.tick()
    assert rig.orders() == []
    assert len(rig.lines(Line.DECISION)) == 1  # the same refusal is told once


@pytest.mark.parametrize(
    "change",
    [
        {"wide": "20"},  # as wide as before
        {"moved": "50"},  # too far from the decision's price
        {"at": NEXT_OPEN - HOUR},  # old
        {"at": NEXT_OPEN + HOUR},  # its time is over by then
    ],
)
def test_a_quote_that_would_not_do_is_worth_none(change: dict[str, str]) -> None:
    rig, said = refused()
    said.next = [told(rig, **change)]  # type: ignore[arg-type]  # words of one table
    assert not rig.engine.feed.promised()
    said.next = [told(rig)._replace(symbol=AMC)]
    assert not rig.engine.feed.promised()


def test_an_entry_refused_for_more_than_its_quote_is_left_to_the_patrol() -> None:
    rig, said = daily_trend(), Said()
    rig.engine.feed.news.source = said
    rig.run(NEXT_OPEN)
    rig.data.quote_age = HOUR
    rig.exchange.set_asset(SPY, tradable=False)
    rig.engine.prepare(rig.now)
    rig.tick()
    said.next = [told(rig)]
    assert not rig.engine.feed.promised()


def test_a_signal_that_is_gone_waits_no_more() -> None:
    rig, said = refused()
    rig.run(NEXT_OPEN + 31 * MINUTE)
    assert rig.lines(Line.SIGNAL_GONE)
    said.next = [told(rig, at=NEXT_OPEN + 4 * SECOND)]
    assert not rig.engine.feed.promised()


def test_the_stream_is_told_of_changes_in_what_is_in_play() -> None:
    rig, said = daily_trend(), Said()
    rig.engine.feed.news.source = said
    rig.run(NEXT_OPEN + 5 * MINUTE)
    assert said.watched == [[SPY], []]  # from its signal on, until it is bought
    rig = bear_trap()
    rig.engine.feed.news.source = said = Said()
    rig.run(TRAP_END + 5 * MINUTE)
    assert said.watched == [[AMC], []]


def test_no_more_are_watched_than_the_plan_allows_and_entries_go_first() -> None:
    said, news = Said(), News(Ledger(MemoryJournal()))
    names = [f"S{n:02}" for n in range(40)]
    pending: dict[str, Intent] = {"S38": Exit("S38", ""), "S39": Enter("S39", "", D(1))}
    wanted = ["S39", *names[: MOST_WATCHED - 1]]
    assert news.look_at(names, pending) == wanted
    assert said.watched == []  # nobody is there to be told
    news.source = said
    for _ in range(2):
        news.look_at(names, pending)
    assert said.watched == [wanted]
