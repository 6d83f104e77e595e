"""Which orders a bar fills, at which prices and in which order."""

from decimal import Decimal

import pytest

from magellan_core.model import OrderClass, OrderType, Side, TimeInForce
from magellan_core.paper.orders import OrderForm
from magellan_core.paper.rules import Rules
from tests.unit.paper.exchange_support import (
    ACME,
    PA,
    QUIET,
    Prices,
    at,
    bracket,
    exchange,
    form,
    hold,
    limit,
    stop,
    told,
)

B, S = Side.BUY, Side.SELL
Fills = list[tuple[str, str, str]]


@pytest.mark.parametrize(
    ("why", "order", "prices", "fills"),
    [
        ("a market buy fills at the open", form(B), (10.1, 11, 9, 10), [("buy", "100", "10.1")]),
        ("a buy limit at its price", limit(B, "9.5"), (10, 11, 9, 10), [("buy", "100", "9.5")]),
        ("a gap below improves it", limit(B, "9.5"), (9.2, 11, 9, 10), [("buy", "100", "9.2")]),
        ("touching is reaching", limit(B, "9.5"), (10, 11, 9.5, 10), [("buy", "100", "9.5")]),
        ("a limit not reached rests", limit(B, "9.5"), (10, 11, 9.51, 10), []),
        ("a buy stop at its price", stop(B, "10.5"), (10, 11, 9, 10), [("buy", "100", "10.5")]),
        ("gapped over: the open", stop(B, "10.5"), (10.7, 11, 9, 10), [("buy", "100", "10.7")]),
        ("a buy stop not reached rests", stop(B, "10.5"), (10, 10.49, 9, 10), []),
        (
            "a triggered stop-limit fills within its limit",
            form(B, type=OrderType.STOP_LIMIT, stop_price="10.5", limit_price="10.6"),
            (10, 11, 9, 10),
            [("buy", "100", "10.5")],
        ),
        (
            "gapped beyond its limit it waits for the price to come back",
            form(B, type=OrderType.STOP_LIMIT, stop_price="10.5", limit_price="10.6"),
            (10.8, 11, 10.2, 10.3),
            [("buy", "100", "10.6")],
        ),
        (
            "and rests where it does not",
            form(B, type=OrderType.STOP_LIMIT, stop_price="10.5", limit_price="10.6"),
            (10.8, 11, 10.7, 10.8),
            [],
        ),
    ],
)
def test_an_entry_meets_a_bar(why: str, order: OrderForm, prices: Prices, fills: Fills) -> None:
    venue = exchange([prices])
    venue.submit(PA, order)
    venue.step(at(1))
    assert told(venue) == fills, why


@pytest.mark.parametrize(
    ("why", "order", "prices", "fills"),
    [
        ("a sell stop at its price", stop(S, "9.5"), (10, 11, 9, 10), [("sell", "100", "9.5")]),
        ("gapped: at the open", stop(S, "9.5"), (9.2, 11, 9, 10), [("sell", "100", "9.2")]),
        ("a sell limit at its price", limit(S, "10.5"), (10, 11, 9, 10), [("sell", "100", "10.5")]),
        ("gapped: better", limit(S, "10.5"), (10.8, 11, 9, 10), [("sell", "100", "10.8")]),
        (
            "a trailing stop follows the high, then the close meets it",
            form(S, type=OrderType.TRAILING_STOP, trail_price="0.5"),
            (10, 11, 9.8, 10.2),
            [("sell", "100", "10.5")],
        ),
        (
            "the low comes first, so the high of the same bar does not help",
            form(S, type=OrderType.TRAILING_STOP, trail_percent="5"),
            (10, 11, 9.4, 10.9),
            [("sell", "100", "9.5")],
        ),
    ],
)
def test_an_exit_meets_a_bar(why: str, order: OrderForm, prices: Prices, fills: Fills) -> None:
    venue = exchange([QUIET, prices])
    hold(venue)
    venue.submit(PA, order)
    venue.step(at(2))
    assert told(venue)[1:] == fills, why


ENTRY = ("buy", "100", "10")


@pytest.mark.parametrize(
    ("why", "bars", "fills"),
    [
        ("the target alone", [(10, 11.5, 9.5, 10)], [ENTRY, ("sell", "100", "11")]),
        ("the stop alone", [(10, 10.5, 8.9, 10)], [ENTRY, ("sell", "100", "9")]),
        ("both in one bar: the stop", [(10, 11.5, 8.9, 10)], [ENTRY, ("sell", "100", "9")]),
        (
            "both, though the open is beyond the target: the stop",
            [QUIET, (11.2, 11.5, 8.9, 10)],
            [ENTRY, ("sell", "100", "9")],
        ),
        (
            "a gap over the target",
            [QUIET, (11.2, 11.5, 11.1, 11.2)],
            [ENTRY, ("sell", "100", "11.2")],
        ),
        ("a gap through the stop", [QUIET, (8.5, 9, 8, 9)], [ENTRY, ("sell", "100", "8.5")]),
        ("neither", [(10, 10.9, 9.1, 10)], [ENTRY]),
        (
            "an entry that opens above its target sells there",
            [(11.3, 11.5, 10.5, 11)],
            [("buy", "100", "11.3"), ("sell", "100", "11.3")],
        ),
        (
            "an entry that opens below its stop is stopped there",
            [(8.7, 9.5, 8.5, 9)],
            [("buy", "100", "8.7"), ("sell", "100", "8.7")],
        ),
    ],
)
def test_a_bracket_takes_part_in_the_bar_of_its_entry(
    why: str, bars: list[Prices], fills: Fills
) -> None:
    venue = exchange(bars)
    venue.submit(PA, bracket("11", "9"))
    venue.step(at(len(bars)))
    assert told(venue) == fills, why


def test_an_entry_beyond_its_stop_is_canceled_where_the_rules_say_so() -> None:
    venue = exchange([(8.7, 9.5, 8.5, 9)], rules=Rules(entry_beyond_stop="cancel"))
    order = venue.submit(PA, bracket("11", "9"))
    venue.step(at(1))
    after = venue.order(PA, order.id)
    assert told(venue) == []
    assert [after.status, *(leg.status for leg in after.legs)] == ["canceled"] * 3


@pytest.mark.parametrize(
    ("why", "prices", "fills"),
    [
        ("nearer target first", (10, 13, 9.5, 12), [("sell", "40", "11"), ("sell", "30", "12")]),
        ("one target only", (10, 11.5, 9.5, 11), [("sell", "40", "11")]),
        ("a stop takes all", (10, 13, 8, 12), [("sell", n, "9") for n in ("40", "30", "30")]),
    ],
)
def test_three_tranches_meet_one_bar(why: str, prices: Prices, fills: Fills) -> None:
    venue = exchange([QUIET, prices])
    venue.submit(PA, bracket("11", "9", 40))
    venue.submit(PA, bracket("12", "9", 30))
    venue.submit(PA, bracket("12", "9", 30, order_class=OrderClass.OTO, take_profit=None))
    venue.step(at(2))
    assert told(venue)[3:] == fills, why


def test_a_limit_entry_meets_the_high_before_it_so_that_its_own_target_waits() -> None:
    venue = exchange([(10, 11.5, 9.4, 9.6)])
    venue.submit(PA, bracket("11", "9", type=OrderType.LIMIT, limit_price="9.5"))
    venue.step(at(1))
    assert told(venue) == [("buy", "100", "9.5")]


def test_fills_carry_the_start_of_their_bar() -> None:
    venue = exchange([QUIET, (10, 10, 8, 9)])
    venue.submit(PA, bracket("11", "9"))
    venue.step(at(2))
    assert [fill.at for fill in venue.fills(PA)] == [at(0), at(1)]


def test_a_missing_minute_is_waited_out() -> None:
    venue = exchange([QUIET, (9.7, 9.7, 9.7, 9.7)])
    venue.step(at(0) + (at(1) - at(0)) / 2)
    venue.submit(PA, form(B))
    venue.step(at(5))
    assert told(venue) == [("buy", "100", "9.7")]


def test_nothing_fills_while_the_symbol_is_halted() -> None:
    venue = exchange([QUIET, (9, 9, 9, 9), (8, 8, 8, 8)])
    venue.step(at(1))
    venue.halt(ACME)
    venue.submit(PA, form(B))
    venue.step(at(2))
    assert (told(venue), venue.last_price(PA, ACME)) == ([], Decimal(10))
    venue.resume(ACME)
    venue.step(at(3))
    assert told(venue) == [("buy", "100", "8")]


def test_slippage_moves_markets_and_stops_against_the_order_but_not_limits() -> None:
    venue = exchange([QUIET, (10, 10, 9, 9), (9, 12, 9, 9)], rules=Rules(slippage_bps=Decimal(12)))
    hold(venue)
    venue.submit(PA, stop(S, "9.5", 50))
    venue.step(at(2))
    venue.submit(PA, limit(S, "11", 50))
    venue.step(at(3))
    assert told(venue) == [("buy", "100", "10.02"), ("sell", "50", "9.48"), ("sell", "50", "11")]


@pytest.mark.parametrize(
    ("time_in_force", "price", "fills", "status"),
    [
        (TimeInForce.IOC, "10", [("buy", "100", "10")], "filled"),
        (TimeInForce.IOC, "9.5", [], "canceled"),
        (TimeInForce.FOK, "9.5", [], "canceled"),
    ],
)
def test_immediate_orders_know_only_the_next_open(
    time_in_force: TimeInForce, price: str, fills: Fills, status: str
) -> None:
    venue = exchange([(10, 10, 9, 9)])
    order = venue.submit(PA, limit(B, price, time_in_force=time_in_force))
    venue.step(at(1))
    assert (told(venue), venue.order(PA, order.id).status) == (fills, status)
