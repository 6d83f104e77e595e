"""One contract for every broker: the matching core in this process, and alpaca-py over HTTP."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from magellan_core.alpaca.broker import AlpacaBroker, may_fill
from magellan_core.alpaca.data import AlpacaData
from magellan_core.alpaca.transport import data_rest, trading_rest
from magellan_core.market_hours import at_new_york, session_on
from magellan_core.model import (
    Accepted,
    BrokerOrder,
    OrderClass,
    OrderRequest,
    OrderType,
    Position,
    Refused,
    Side,
    Timeframe,
    TimeInForce,
)
from magellan_core.paper.broker import CoreBroker, CoreData
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.rules import Rules
from magellan_core.paper.server import Stepped, running
from magellan_core.ports import Broker, MarketData
from tests.contract.server_support import ANN, BOB, MONDAY, OPEN, Floor, small_market

START = OPEN + timedelta(minutes=10)  # AMC trades at 5.10 and rises a cent a minute


@dataclass
class Venue:
    broker: Broker
    data: MarketData
    move: Callable[[datetime], object]
    pay: Callable[[str], object]
    now: datetime = START

    def advance(self, minutes: int = 1) -> None:
        """Let time pass, and with it fills and cancels happen."""
        self.now += timedelta(minutes=minutes)
        self.move(self.now)

    def accept(self, request: OrderRequest) -> BrokerOrder:
        outcome = self.broker.submit(request)
        assert isinstance(outcome, Accepted), outcome
        return outcome.order

    def see(self, order_id: str) -> BrokerOrder:
        order = self.broker.order(order_id)
        assert order is not None
        return order


@pytest.fixture(params=["core", "http"])
def venue(request: pytest.FixtureRequest) -> Iterator[Venue]:
    rules = Rules(spread_bps=Decimal(0))
    exchange = Exchange(small_market(), [ANN, BOB], start=START, rules=rules)
    if request.param == "core":
        core = CoreBroker(exchange, ANN.number)
        yield Venue(
            core,
            CoreData(exchange, ANN.number),
            exchange.step,
            lambda amount: exchange.transfer(ANN.number, Decimal(amount)),
        )
        return
    with (
        running(exchange, mode=Stepped()) as server,
        closing(trading_rest(ANN.key, ANN.secret, server.base_url)) as trading,
        closing(data_rest(ANN.key, ANN.secret, server.base_url)) as data,
    ):
        floor = Floor(server)
        yield Venue(
            AlpacaBroker(trading),
            AlpacaData(data),
            floor.advance,
            lambda amount: floor.post("/sim/transfer", account=ANN.number, amount=amount),
        )


def buy(name: str, qty: int = 10, **more: Any) -> OrderRequest:
    return replace(OrderRequest(name, "AMC", Side.BUY, qty), **more)


def bracket(name: str, target: str = "5.60", stop: str = "4.90") -> OrderRequest:
    return buy(
        name,
        time_in_force=TimeInForce.GTC,
        order_class=OrderClass.BRACKET,
        take_profit=Decimal(target),
        stop_loss=Decimal(stop),
    )


def test_a_new_account(venue: Venue) -> None:
    account = venue.broker.account()
    assert account.number == ANN.number
    assert account.status == "ACTIVE"
    assert account.cash == account.equity == account.last_equity == 100_000
    assert account.multiplier == 4
    assert account.buying_power == 400_000
    assert not account.trading_blocked
    assert list(venue.broker.positions()) == []
    assert list(venue.broker.open_orders()) == []
    assert list(venue.broker.fills(None)) == []


def test_an_order_is_found_under_both_its_names_before_and_after_it_fills(venue: Venue) -> None:
    sent = venue.accept(buy("s-AMC-1/a+b c"))
    assert (sent.symbol, sent.side, sent.type) == ("AMC", Side.BUY, "market")
    assert sent.order_class == "simple"
    assert (sent.qty, sent.filled_qty, sent.filled_avg_price) == (Decimal(10), Decimal(0), None)
    assert sent.submitted_at == START
    assert may_fill(sent)
    found = venue.broker.find("s-AMC-1/a+b c")
    assert found == venue.see(sent.id) == sent
    venue.advance()
    filled = venue.see(sent.id)
    assert (filled.status, filled.filled_qty) == ("filled", Decimal(10))
    assert filled.filled_avg_price == Decimal("5.10")
    assert venue.broker.find("s-AMC-1/a+b c") == filled
    assert not may_fill(filled)


def test_an_order_that_the_broker_does_not_have_is_none(venue: Venue) -> None:
    assert venue.broker.find("never sent") is None
    assert venue.broker.order("00000000-0000-0000-0000-000000000000") is None


def test_an_id_buys_once(venue: Venue) -> None:
    first = venue.accept(buy("one"))
    again = venue.broker.submit(buy("one"))
    assert isinstance(again, Accepted | Refused)
    if isinstance(again, Accepted):
        assert again.order.id == first.id
    venue.advance()
    [position] = venue.broker.positions()
    assert position.qty == 10


def test_another_order_under_a_taken_id_is_refused(venue: Venue) -> None:
    venue.accept(buy("one"))
    refusal = venue.broker.submit(buy("one", qty=11))
    assert isinstance(refusal, Refused)
    assert (refusal.status, refusal.code) == (422, 40010001)


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (buy("big", qty=1_000_000), 403, 40310000),
        (OrderRequest("short", "AMC", Side.SELL, -1), 422, 40010001),
        (OrderRequest("nope", "NOPE", Side.BUY, 1), 422, 42210000),
        (
            buy("penny", type=OrderType.LIMIT, limit_price=Decimal("5.001")),
            422,
            42210000,
        ),
        (bracket("crossed", target="4.00"), 422, 42210000),
    ],
    ids=lambda value: getattr(value, "client_order_id", value),
)
def test_a_refusal_says_why_and_leaves_no_order(
    venue: Venue, request_: OrderRequest, status: int, code: int
) -> None:
    refusal = venue.broker.submit(request_)
    assert isinstance(refusal, Refused)
    assert (refusal.status, refusal.code) == (status, code)
    assert refusal.message
    assert venue.broker.find(request_.client_order_id) is None


def test_a_brackets_legs_are_told_with_it_while_they_sleep_and_while_they_work(
    venue: Venue,
) -> None:
    sent = venue.accept(bracket("b"))
    assert sent.order_class == "bracket"
    [group] = venue.broker.open_orders()
    assert [leg.status for leg in group.legs] == ["held", "held"]
    venue.advance()
    [group] = venue.broker.open_orders()
    assert (group.id, group.status) == (sent.id, "filled")
    legs = {leg.type: leg for leg in group.legs}
    assert (legs["limit"].status, legs["limit"].limit_price) == ("new", Decimal("5.60"))
    assert (legs["stop"].status, legs["stop"].stop_price) == ("held", Decimal("4.90"))
    assert venue.broker.find("b") == venue.see(sent.id) == group
    venue.advance(60)
    assert list(venue.broker.open_orders()) == []
    assert {leg.status for leg in venue.see(sent.id).legs} == {"filled", "canceled"}


def test_an_old_group_stays_in_sight_while_newer_orders_come_and_go(venue: Venue) -> None:
    old = venue.accept(bracket("old", target="9.00"))
    for n in range(12):
        venue.advance()
        assert [group.id for group in venue.broker.open_orders()] == [old.id]
        venue.accept(OrderRequest(f"n{n}", "GME", Side.BUY, 1))
        assert len(venue.broker.open_orders()) == 2
    venue.advance(30)
    assert venue.broker.cancel(venue.see(old.id).legs[0].id) is None
    venue.advance()
    assert list(venue.broker.open_orders()) == []
    young = venue.accept(bracket("young", target="9.00"))
    assert [group.id for group in venue.broker.open_orders()] == [young.id]


def test_open_orders_come_oldest_first(venue: Venue) -> None:
    names = ["c", "a", "b"]
    for name in names:
        venue.accept(buy(name, type=OrderType.LIMIT, limit_price=Decimal("1.00")))
        venue.advance()
    assert [order.client_order_id for order in venue.broker.open_orders()] == names


def test_a_stop_is_replaced_by_a_new_order_with_its_own_id(venue: Venue) -> None:
    parent = venue.accept(
        buy(
            "runner",
            time_in_force=TimeInForce.GTC,
            order_class=OrderClass.OTO,
            stop_loss=Decimal("4.90"),
        )
    )
    venue.advance()
    [stop] = venue.see(parent.id).legs
    outcome = venue.broker.replace_stop(stop.id, "runner-r1", Decimal("5.00"))
    assert isinstance(outcome, Accepted)
    moved = outcome.order
    assert (moved.client_order_id, moved.stop_price, moved.replaces) == (
        "runner-r1",
        Decimal("5.00"),
        stop.id,
    )
    venue.advance()
    assert venue.see(stop.id).status == "replaced"
    assert venue.see(stop.id).replaced_by == moved.id
    assert venue.see(moved.id).status == "new"
    known = {
        part.id
        for group in venue.broker.open_orders()
        for part in (group, *group.legs)
        if may_fill(part)
    }
    assert moved.id in known


def test_a_stop_that_is_not_working_cannot_be_replaced(venue: Venue) -> None:
    sent = venue.accept(buy("done"))
    venue.advance()
    refusal = venue.broker.replace_stop(sent.id, "done-r1", Decimal("5.00"))
    assert isinstance(refusal, Refused)
    assert refusal.status == 422
    absent = venue.broker.replace_stop("00000000-0000-0000-0000-000000000000", "x", Decimal("5.00"))
    assert isinstance(absent, Refused)
    assert absent.status == 404


def test_a_cancel_ends_the_whole_group_and_may_be_repeated(venue: Venue) -> None:
    sent = venue.accept(bracket("b"))
    venue.advance()
    leg = next(leg for leg in venue.see(sent.id).legs if leg.status == "new")
    assert venue.broker.cancel(leg.id) is None
    assert venue.broker.cancel(leg.id) is None
    venue.advance()
    assert {leg.status for leg in venue.see(sent.id).legs} == {"canceled"}
    assert list(venue.broker.open_orders()) == []


def test_what_cannot_be_canceled_is_refused(venue: Venue) -> None:
    sent = venue.accept(buy("done"))
    venue.advance()
    late = venue.broker.cancel(sent.id)
    assert isinstance(late, Refused)
    assert late.status == 422
    absent = venue.broker.cancel("00000000-0000-0000-0000-000000000000")
    assert isinstance(absent, Refused)
    assert absent.status == 404


def test_fills_are_read_from_where_the_cursor_stands(venue: Venue) -> None:
    sent = [venue.accept(buy(f"o{n}", qty=n + 1)) for n in range(3)]
    venue.advance()
    fills = list(venue.broker.fills(None))
    assert [(fill.order_id, fill.qty) for fill in fills] == [(o.id, o.qty) for o in sent]
    assert {fill.symbol for fill in fills} == {"AMC"}
    assert {fill.side for fill in fills} == {Side.BUY}
    assert {fill.price for fill in fills} == {Decimal("5.10")}
    assert all(START <= fill.at <= venue.now for fill in fills)
    for n, fill in enumerate(fills):
        assert list(venue.broker.fills(fill.id)) == fills[n + 1 :]


def test_more_fills_than_a_page_holds_come_whole_and_in_order(venue: Venue) -> None:
    sent = [venue.accept(buy(f"o{n}", qty=1)) for n in range(205)]
    venue.advance()
    fills = list(venue.broker.fills(None))
    assert [fill.order_id for fill in fills] == [order.id for order in sent]
    assert list(venue.broker.fills(fills[0].id)) == fills[1:]


def test_more_orders_than_a_page_holds_are_all_told(venue: Venue) -> None:
    sent = [
        venue.accept(buy(f"o{n}", qty=1, type=OrderType.LIMIT, limit_price=Decimal("1.00")))
        for n in range(205)
    ]
    for n in range(150):
        venue.accept(bracket(f"b{n}", target="9.00"))
        if n % 10 == 0:
            venue.advance()
    told = venue.broker.open_orders()
    assert len(told) == 355
    assert {order.id for order in sent} <= {order.id for order in told}
    assert [order.submitted_at for order in told] == sorted(o.submitted_at for o in told)


def test_deposits_and_withdrawals_are_told_from_where_the_cursor_stands(venue: Venue) -> None:
    assert venue.broker.transfers(None) == []
    venue.pay("2500.50")
    venue.advance()
    venue.pay("-100")
    first, second = venue.broker.transfers(None)
    assert (first.amount, second.amount) == (Decimal("2500.50"), Decimal(-100))
    assert timedelta(0) <= START - first.at < timedelta(minutes=1)
    assert list(venue.broker.transfers(first.id)) == [second]
    assert list(venue.broker.transfers(second.id)) == []
    assert venue.broker.account().cash == Decimal("102400.50")


def test_the_last_equity_says_of_which_day_it_is(venue: Venue) -> None:
    assert venue.broker.account().as_of == date(2026, 1, 2)


def test_equity_is_told_at_each_sessions_close(venue: Venue) -> None:
    venue.accept(buy("p"))
    venue.advance()
    venue.move(session_close := at_new_york(MONDAY, 16))
    account = venue.broker.account()
    venue.move(session_close + timedelta(hours=20))
    told = venue.broker.closing_equities(MONDAY, MONDAY)
    assert list(told) == [MONDAY]
    assert told[MONDAY] == account.equity
    assert venue.broker.closing_equities(date(2025, 12, 1), date(2025, 12, 31)) == {}


def test_a_position_is_told_with_its_cost(venue: Venue) -> None:
    venue.accept(buy("p"))
    venue.advance()
    [position] = venue.broker.positions()
    assert position == Position("AMC", Decimal(10), Decimal("5.10"), position.current_price)
    assert position.current_price is not None
    account = venue.broker.account()
    assert account.cash == Decimal(100_000) - 10 * Decimal("5.10")
    assert account.equity == account.cash + 10 * position.current_price


def test_an_asset_is_known_or_none(venue: Venue) -> None:
    known = venue.broker.asset("AMC")
    assert known is not None
    assert (known.symbol, known.tradable, known.status) == ("AMC", True, "active")
    assert venue.broker.asset("NOPE") is None
    assert venue.broker.asset("BRK.B/x") is None


def test_the_calendar_has_the_sessions_between_both_dates(venue: Venue) -> None:
    told = venue.broker.calendar(date(2025, 11, 26), date(2025, 11, 30))
    # Thanksgiving is missing, the day after it ends at 13:00.
    assert list(told) == [session_on(date(2025, 11, 26)), session_on(date(2025, 11, 28))]
    assert told[1].close == at_new_york(date(2025, 11, 28), 13)


def test_bars_are_told_once_complete_and_oldest_first(venue: Venue) -> None:
    told = venue.data.bars(
        ["AMC", "GME", "NOPE"], Timeframe.MINUTE, OPEN, START, split_adjusted=False
    )
    assert set(told) == {"AMC", "GME"}
    assert [bar.start for bar in told["AMC"]] == [OPEN + timedelta(minutes=n) for n in range(10)]
    last = told["AMC"][-1]
    assert (last.end, last.open, last.high, last.low) == (START, 5.09, 5.14, 5.04)
    assert (last.symbol, last.close, last.volume) == ("AMC", 5.09, 10_000)


def test_bars_lie_within_what_was_asked_for(venue: Venue) -> None:
    first, last = OPEN + timedelta(minutes=3), OPEN + timedelta(minutes=7, seconds=30)
    told = venue.data.bars(["AMC"], Timeframe.MINUTE, first, last, split_adjusted=False)
    assert (told["AMC"][0].start, told["AMC"][-1].end) == (first, OPEN + timedelta(minutes=7))
    assert venue.data.bars(["AMC"], Timeframe.MINUTE, last, first, split_adjusted=False) == {}


def test_hourly_bars_sit_on_clock_hours(venue: Venue) -> None:
    four = at_new_york(MONDAY, 4)
    told = venue.data.bars(["AMC"], Timeframe.HOUR, four, START, split_adjusted=False)
    assert [bar.start for bar in told["AMC"]] == [four + timedelta(hours=n) for n in range(5)]
    assert told["AMC"][-1].end == at_new_york(MONDAY, 9)


def test_daily_bars_span_their_session_and_todays_is_not_told_early(venue: Venue) -> None:
    friday = session_on(date(2026, 1, 2))
    assert friday is not None
    told = venue.data.bars(
        ["AMC"], Timeframe.DAY, friday.open - timedelta(days=2), START, split_adjusted=True
    )
    assert [bar.start for bar in told["AMC"]] == [
        at_new_york(date(2025, 12, 31), 9, 30),
        friday.open,
    ]
    assert told["AMC"][-1].end == friday.close
    assert told["AMC"][-1].close == 4.9


def test_quotes_are_told_for_the_symbols_that_have_one(venue: Venue) -> None:
    told = venue.data.quotes(["AMC", "NOPE"])
    assert set(told) == {"AMC"}
    quote = told["AMC"]
    assert quote.symbol == "AMC"
    assert quote.bid == quote.ask == quote.mid == Decimal("5.09")
    assert quote.bid_size > 0
    assert quote.at <= START
