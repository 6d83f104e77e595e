"""Orders that only the day or only its second run filled, each with the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import pytest

from magellan_core.book import Book
from magellan_core.fold import apply
from magellan_core.lines import Event, Line, line
from magellan_core.model import Side
from magellan_core.operations.reporting.report import section
from magellan_core.operations.reporting.second_run import Stray, strays
from magellan_core.operations.reporting.slippage import By, slip_figures, slips
from magellan_core.records import Role
from tests.unit.operations.dashboard_support import config
from tests.unit.operations.reporting.test_facts import (
    TUESDAY,
    accepted,
    at,
    day,
    decision,
    fill,
    filled,
    made,
    order,
    trade,
)

Spans = Sequence[tuple[datetime, datetime]]


@dataclass(frozen=True)
class Run:
    """A second run out of lines made by hand."""

    events: Sequence[Event]
    doubted: Mapping[str, Spans] = field(default_factory=dict)
    day: date = TUESDAY

    @property
    def book(self) -> Book:
        book = Book()
        for event in self.events:
            apply(book, event)
        return book


def bought(price: str = "5.00") -> list[Event]:
    """The first half of `trade`."""
    return trade(price, "5.30")[:5]


def stopped(price: str) -> list[Event]:
    """Another way out of the same trade."""
    when = at(TUESDAY, 10, 20)
    return [
        order("st", when, Side.SELL, 100, Role.STOP, "d1"),
        accepted("st", when),
        fill("st", when, Side.SELL, 100, price),
        filled("st", when, 100),
    ]


def told(ours: Sequence[Event], theirs: Sequence[Event], **more: Spans) -> list[Stray]:
    return list(strays(made([day(TUESDAY, "100000"), *ours]), [Run(theirs, more)]))


HALT = line(at(TUESDAY, 9, 45), Line.HALT, None, limit="manual", why="me", policy="hold")
REFUSED = decision(at(TUESDAY, 10), "spread: 3 % > 2 %")
UNFILLED = [
    decision(at(TUESDAY, 10)),
    order("in", at(TUESDAY, 10), Side.BUY, 100, Role.ENTRY, "d1"),
]


@pytest.mark.parametrize(
    ("ours", "theirs", "by_the_day", "why", "expected"),
    [
        ([REFUSED], bought(), False, "refused: spread: 3 % > 2 %", True),
        ([HALT], bought(), False, "halted: manual", True),
        ([], bought(), False, "the day took no such decision", False),
        (UNFILLED, bought(), False, "sent, and ended planned without a fill", False),
        (bought(), [REFUSED], True, "refused: spread: 3 % > 2 %", False),
        (bought(), [], True, "the backtest took no such decision", False),
        (
            bought(),
            UNFILLED,
            True,
            "sent by the backtest too, which has no bar to fill it at",
            True,
        ),
        (bought(), trade("5.00", "5.30"), False, "the day did not sell", False),
        (trade("5.00", "5.30"), bought(), True, "the backtest did not sell", False),
        ([HALT, *trade("5.00", "5.30")], bought(), True, "halted: manual", True),
    ],
)
def test_an_order_of_one_side_says_why(
    ours: Sequence[Event], theirs: Sequence[Event], by_the_day: bool, why: str, expected: bool
) -> None:
    [stray] = told(ours, theirs)
    assert (stray.by_the_day, stray.why, stray.expected) == (by_the_day, why, expected)


def test_another_way_out_of_the_same_trade_is_told_on_both_sides() -> None:
    found = told([*bought(), *stopped("4.80")], trade("5.00", "5.30"))
    assert [(s.by_the_day, s.order.what.role, s.why) for s in found] == [
        (True, Role.STOP, "the backtest sold otherwise"),
        (False, Role.EXIT, "the day sold otherwise"),
    ]
    assert all(s.expected for s in found)


def test_what_was_never_bought_is_not_missed_when_it_is_sold() -> None:
    entry, leaving = told([REFUSED], trade("5.00", "5.30"))
    assert entry.order.what.role is Role.ENTRY
    assert (leaving.why, leaving.expected) == ("follows from its entry", True)


def test_the_same_orders_are_no_strays_whatever_they_are_called_and_cost() -> None:
    assert told(trade("5.00", "5.30"), trade("5.10", "5.20")) == []


def test_where_the_second_run_knows_nothing_it_accuses_nobody() -> None:
    end = at(TUESDAY, 16)
    assert told([], bought(), AMC=[(at(TUESDAY, 9, 59), end)]) == []
    assert len(told([], bought(), AMC=[(at(TUESDAY, 10, 1), end)])) == 1
    # Here it was wrong already when the entry was sent: nothing is said of the exit either.
    passing = [(at(TUESDAY, 9, 59), at(TUESDAY, 10, 1))]
    assert told([], trade("5.00", "5.30"), AMC=passing) == []


def test_a_fill_is_held_against_the_same_order_of_the_second_run() -> None:
    quote = {"at": at(TUESDAY, 10).isoformat(), "bid": "5.01", "ask": "5.03"}
    first, *rest = trade("5.04", "5.25")
    ours = [
        Event(first.at, first.kind, first.symbol, {**first.data, "reference": "5", "quote": quote}),
        *rest,
    ]
    facts = made([day(TUESDAY, "100000"), *ours])
    entry, leaving = slips(facts, [Run(trade("5.00", "5.30"))])
    assert (entry.by, entry.model, entry.total) == (By.REPLAY, Decimal(5), Decimal(80))
    # From the model's 5.00 to the middle 5.02, to the ask 5.03, to the price paid 5.04.
    assert (entry.delay, entry.spread, entry.rest) == (Decimal(40), Decimal(20), Decimal(20))
    assert leaving.total is not None
    assert round(leaving.total, 1) == Decimal("94.3")
    figures = slip_figures([entry, leaving])
    assert (figures.count, figures.replayed) == (2, 2)
    assert round(figures.dollars, 2) == Decimal("9.00")


def alike(ours: Sequence[Event], runs: Sequence[Run], *not_run: str) -> tuple[bool | None, str]:
    facts = made([day(TUESDAY, "100000"), *ours])
    checks = section(config("bear_trap"), facts, runs=runs, not_run=not_run).checks
    [found] = [check for check in checks if check.name == "orders as in the backtest"]
    return found.ok, found.why


def test_the_check_fails_for_what_nothing_excuses_and_is_open_where_nothing_is_known() -> None:
    same = trade("5.00", "5.30")
    assert alike(same, [Run(same)])[0] is True
    ok, why = alike([REFUSED], [Run(same)])
    assert (ok, why) == (True, "sessions traded again: 1, none differs, 2 with a reason")
    ok, why = alike([], [Run(same)])
    assert ok is False
    assert "AMC entry: the day took no such decision" in why
    assert alike(same, [], "2024-11-26: no figure") == (None, "2024-11-26: no figure")
    assert alike(same, [Run(same, {"AMC": [(at(TUESDAY, 10), at(TUESDAY, 16))]})])[0] is None
