"""Fills against the backtest's price: signs, the split of an entry, the model of each role."""

from datetime import timedelta
from decimal import Decimal

import pytest

from magellan_core.lines import Event, Line, bar_data, line
from magellan_core.model import Bar, Side
from magellan_core.operations.reporting.slippage import By, Slip, modelled, slip_figures, slips
from magellan_core.order_states import Status
from magellan_core.records import OrderRecord, Role
from tests.unit.operations.reporting.test_facts import TUESDAY, at, made, trade

MINUTE = timedelta(minutes=1)
SENT = at(TUESDAY, 10)


def bar(start_after: timedelta, opened: float) -> Bar:
    start = SENT + start_after
    return Bar("AMC", start, start + MINUTE, opened, opened + 1, opened - 1, opened, 1000.0)


def told(candle: Bar) -> Event:
    return line(candle.end, Line.BAR, "AMC", **bar_data(candle), numbers={}, memory={})


def with_quote(events: list[Event], reference: str, bid: str, ask: str) -> list[Event]:
    """The first decision, with what it was decided on."""
    first = events[0]
    quote = {"at": SENT.isoformat(), "bid": bid, "ask": ask, "bid_size": 100, "ask_size": 100}
    data = {**first.data, "reference": reference, "quote": quote}
    return [Event(first.at, first.kind, first.symbol, data), *events[1:]]


def test_an_entry_splits_into_delay_spread_and_the_rest_which_add_up() -> None:
    events = with_quote(trade("5.04", "5.30"), "5.00", "5.01", "5.03")
    entry = slips(made([*events, told(bar(timedelta(0), 5.02))]))[0]
    assert (entry.model, entry.role, entry.by) == (Decimal("5.02"), Role.ENTRY, By.RULE)
    parts = (entry.delay, entry.spread, entry.rest)
    # The middle is where the model filled: no delay. Then a cent of spread, and one beyond it.
    assert [None if part is None else round(part, 2) for part in parts] == [
        Decimal(0),
        Decimal("19.92"),
        Decimal("19.92"),
    ]
    assert entry.total == sum(part for part in parts if part is not None)


def test_selling_below_the_model_is_a_cost_and_above_it_a_gain() -> None:
    half_past = at(TUESDAY, 10, 30) - SENT
    for opened, cost in ((5.35, True), (5.25, False)):
        exit_fill = slips(made([*trade("5.00", "5.30"), told(bar(half_past, opened))]))[1]
        assert exit_fill.total is not None
        assert (exit_fill.total > 0) is cost
        assert exit_fill.delay is None


def test_without_a_bar_or_a_quote_nothing_is_made_up() -> None:
    entry, leaving = slips(made(trade("5.00", "5.30")))
    assert (entry.model, entry.total, entry.delay, leaving.model) == (None, None, None, None)
    assert slip_figures([entry, leaving]).mean is None


@pytest.mark.parametrize(
    ("role", "stop", "limit", "opened", "model"),
    [
        (Role.STOP, "4.90", None, 5.00, "4.90"),
        (Role.STOP, "4.90", None, 4.70, "4.70"),
        (Role.TARGET, None, "5.50", 5.20, "5.50"),
        (Role.TARGET, None, "5.50", 5.80, "5.80"),
    ],
)
def test_a_stop_or_target_fills_at_its_price_or_the_open_beyond_it(
    role: Role, stop: str | None, limit: str | None, opened: float, model: str
) -> None:
    record = OrderRecord(
        key="leg",
        symbol="AMC",
        role=role,
        side=Side.SELL,
        qty=100,
        decision="d1",
        tranche=1,
        planned_at=SENT,
        status=Status.FILLED,
        stop=None if stop is None else Decimal(stop),
        limit=None if limit is None else Decimal(limit),
    )
    assert modelled(record, SENT + MINUTE / 2, [bar(timedelta(0), opened)]) == Decimal(model)


def test_means_are_weighted_by_dollars_so_that_they_add_up_to_what_was_paid() -> None:
    def slip(qty: str, total: str) -> Slip:
        price = Decimal(10)
        return Slip(
            "o", "AMC", Role.ENTRY, Side.BUY, Decimal(qty), SENT, price, price, Decimal(total)
        )

    figures = slip_figures([slip("300", "10"), slip("100", "-10")])
    assert (figures.count, figures.mean, figures.worst) == (2, Decimal(5), Decimal(10))
    assert figures.dollars == Decimal(2)
