"""Alpaca's JSON: lenient in what we do not need, strict in what we do."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from magellan_core.alpaca import parse
from magellan_core.alpaca.fields import Fields
from magellan_core.errors import Unavailable
from magellan_core.market_hours import Session
from magellan_core.model import Side

ACCOUNT: dict[str, Any] = {
    "account_number": "PA3DDLQCBJSE",
    "status": "ACTIVE",
    "cash": "100000.01",
    "equity": "100250.5",
    "last_equity": "100000",
    "buying_power": "400000",
    "multiplier": "4",
    "trading_blocked": False,
    "account_blocked": False,
    "trade_suspended_by_user": False,
}
ORDER: dict[str, Any] = {
    "id": "b1",
    "client_order_id": "mine-1",
    "submitted_at": "2026-01-05T14:30:00.123456789Z",
    "updated_at": "2026-01-05T14:30:01Z",
    "symbol": "AMC",
    "side": "buy",
    "type": "limit",
    "order_class": "",
    "status": "new",
    "qty": "10",
    "filled_qty": "0",
    "filled_avg_price": None,
    "limit_price": "5.1",
    "stop_price": None,
    "legs": None,
}
POSITION: dict[str, Any] = {
    "symbol": "AMC",
    "qty": "10",
    "side": "long",
    "avg_entry_price": "5.1",
    "current_price": "5.2",
}
FILL: dict[str, Any] = {
    "id": "20260105143000123::x",
    "order_id": "b1",
    "symbol": "AMC",
    "side": "buy",
    "qty": "10",
    "price": "5.1",
    "transaction_time": "2026-01-05T14:30:00.5Z",
}
ASSET: dict[str, Any] = {"symbol": "AMC", "tradable": True, "status": "active"}
DAY: dict[str, Any] = {"date": "2026-11-27", "open": "09:30", "close": "13:00"}


def without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def test_an_account_is_read_to_the_cent() -> None:
    account = parse.account(ACCOUNT)
    assert account.cash == Decimal("100000.01")
    assert account.equity == Decimal("100250.5")
    assert not account.trading_blocked


def test_an_equity_that_is_null_is_unknown_and_not_zero() -> None:
    account = parse.account({**ACCOUNT, "equity": None, "last_equity": None})
    assert (account.equity, account.last_equity) == (None, None)


@pytest.mark.parametrize(
    ("told", "day"),
    [("2026-11-24", date(2026, 11, 24)), ("", None), (None, None), ("soon", None)],
)
def test_the_day_of_the_last_equity_is_read_where_it_is_told(told: object, day: date) -> None:
    assert parse.account({**ACCOUNT, "balance_asof": told}).as_of == day


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("20260105183000123::a", "2026-01-05T23:30:00+00:00"),
        ("20260105000000000::a", "2026-01-05T05:00:00+00:00"),
        ("a-name-of-another-form", "2026-01-06T05:00:00+00:00"),
    ],
)
def test_when_money_was_paid_in(name: str, at: str) -> None:
    row = {"id": name, "net_amount": "-250.5", "date": "2026-01-06"}
    told = parse.transfer(row)
    assert (told.amount, told.at.isoformat()) == (Decimal("-250.5"), at)


@pytest.mark.parametrize("name", ["trading_blocked", "account_blocked", "trade_suspended_by_user"])
def test_any_of_the_three_blocks_counts(name: str) -> None:
    assert parse.account({**ACCOUNT, name: True}).trading_blocked


def test_what_alpaca_removed_or_added_is_not_missed() -> None:
    assert parse.account({**ACCOUNT, "pattern_day_trader": None, "new_in_2027": {"a": []}})
    assert parse.account(without(ACCOUNT, "account_blocked"))


@pytest.mark.parametrize(
    ("read", "row", "names"),
    [
        (parse.account, ACCOUNT, [n for n in [*ACCOUNT][:8] if "equity" not in n]),
        (parse.order, ORDER, ["id", "symbol", "side", "status", "submitted_at"]),
        (parse.order, ORDER, ["qty", "filled_qty", "limit_price"]),
        (parse.order, {**ORDER, "type": "stop", "stop_price": "5"}, ["stop_price"]),
        (parse.position, POSITION, ["symbol", "qty", "avg_entry_price"]),
        (parse.fill, FILL, [*FILL]),
        (parse.asset, ASSET, [*ASSET]),
        (parse.session, DAY, [*DAY]),
    ],
)
def test_a_field_that_we_need_is_named_when_it_is_missing(
    read: Callable[[object], object], row: dict[str, Any], names: list[str]
) -> None:
    for name in names:
        with pytest.raises(Unavailable, match=f"lacks '{name}'"):
            read(without(row, name))
        with pytest.raises(Unavailable, match=f"'{name}' None"):
            read({**row, name: None})
        with pytest.raises(Unavailable, match=f"'{name}'"):
            read({**row, name: []})


@pytest.mark.parametrize("value", ["", "a lot", "NaN", "Infinity", float("inf"), True, {}])
def test_money_that_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(Unavailable, match="'cash'"):
        parse.account({**ACCOUNT, "cash": value})


def test_money_sent_as_a_json_number_is_taken_as_it_is_written() -> None:
    assert parse.account({**ACCOUNT, "equity": 0.1}).equity == Decimal("0.1")
    assert parse.account({**ACCOUNT, "equity": 100000}).equity == Decimal(100000)


def test_a_message_is_one_line_however_long_the_value() -> None:
    with pytest.raises(Unavailable) as caught:
        parse.account({**ACCOUNT, "equity": "x\n" * 1000})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("answer", [None, [], "x", 3])
def test_an_answer_of_another_form_is_unavailable(answer: object) -> None:
    with pytest.raises(Unavailable, match="account answer"):
        parse.account(answer)


def test_an_order_keeps_words_that_nobody_knows() -> None:
    order = parse.order({**ORDER, "status": "frozen", "type": "iceberg", "order_class": "mleg"})
    assert (order.status, order.type, order.order_class) == ("frozen", "iceberg", "mleg")


def test_an_orders_times_lose_nanoseconds_and_nothing_else() -> None:
    order = parse.order(ORDER)
    assert order.submitted_at == datetime(2026, 1, 5, 14, 30, 0, 123456, tzinfo=UTC)
    assert order.updated_at == datetime(2026, 1, 5, 14, 30, 1, tzinfo=UTC)
    assert parse.order({**ORDER, "updated_at": "2026-01-05T09:30:01-05:00"}) == order


def test_an_order_not_submitted_yet_counts_from_its_creation() -> None:
    row = {**ORDER, "submitted_at": None, "created_at": "2026-01-05T14:29:00Z"}
    assert parse.order(row).submitted_at == datetime(2026, 1, 5, 14, 29, tzinfo=UTC)


@pytest.mark.parametrize("told", ["2026-01-05T14:30:00", "yesterday", 1767623400])
def test_a_time_without_zone_or_sense_is_refused(told: object) -> None:
    with pytest.raises(Unavailable, match="'submitted_at'"):
        parse.order({**ORDER, "submitted_at": told})


def test_legs_are_nested() -> None:
    order = parse.order({**ORDER, "order_class": "bracket", "legs": [{**ORDER, "id": "leg"}]})
    assert [leg.id for leg in order.legs] == ["leg"]


def test_an_order_tells_its_type_by_either_name() -> None:
    row = {**ORDER, "type": None, "order_type": "limit"}
    assert parse.order(row) == parse.order(ORDER)
    with pytest.raises(Unavailable, match="'order_type'"):
        parse.order({**ORDER, "type": None})


def test_an_order_for_dollars_has_the_shares_it_filled() -> None:
    order = parse.order({**ORDER, "qty": None, "notional": "50", "filled_qty": "9.8"})
    assert order.qty == order.filled_qty == Decimal("9.8")


@pytest.mark.parametrize("qty", ["10", "-10"])
def test_a_short_position_is_negative(qty: str) -> None:
    assert parse.position({**POSITION, "qty": qty, "side": "short"}).qty == -10


def test_a_position_without_a_price_is_still_a_position() -> None:
    assert parse.position({**POSITION, "current_price": None}).current_price is None


def test_a_sale_that_opens_a_short_is_a_sale() -> None:
    assert parse.fill({**FILL, "side": "sell_short"}).side is Side.SELL
    with pytest.raises(Unavailable, match="'side'"):
        parse.fill({**FILL, "side": "undisclosed"})


def test_a_calendar_row_is_new_york_time() -> None:
    assert parse.session(DAY) == Session(
        date(2026, 11, 27),
        datetime(2026, 11, 27, 14, 30, tzinfo=UTC),
        datetime(2026, 11, 27, 18, 0, tzinfo=UTC),
    )
    for close in ("25:00", "1300", "noon"):
        with pytest.raises(Unavailable, match="calendar row"):
            parse.session({**DAY, "close": close})


def test_half_a_quote_is_none() -> None:
    row = {"t": "2026-01-05T14:30:00Z", "bp": 5.09, "ap": 5.1, "bs": 100, "as": 300}
    quote = parse.quote("AMC", row)
    assert quote is not None
    assert (quote.bid, quote.ask) == (Decimal("5.09"), Decimal("5.1"))
    assert (quote.bid_size, quote.ask_size) == (100, 300)
    for name in ("bp", "ap"):
        assert parse.quote("AMC", {**row, name: 0}) is None
        assert parse.quote("AMC", without(row, name)) is None


# A bar's number, and what it is read as; None: it is refused.
NUMBERS: list[tuple[object, float | None]] = [
    (5.25, 5.25),
    (0.0, 0.0),
    (1200, 1200.0),
    (10**400, None),
    (math.inf, None),
    (math.nan, None),
    (True, None),
    ("5.25", None),
    (None, None),
    ([5.25], None),
]


@pytest.mark.parametrize(("value", "told"), NUMBERS, ids=repr)
@pytest.mark.parametrize("name", "ohlcv")
def test_a_bars_numbers_are_finite_floats_together_as_one_by_one(
    name: str, value: object, told: float | None
) -> None:
    row = Fields({**dict.fromkeys("ohlcv", 1.5), name: value}, "bar of AMC")
    if told is None:
        with pytest.raises(Unavailable, match=f"'{name}'"):
            row.reals("ohlcv")
        with pytest.raises(Unavailable, match=f"'{name}'"):
            row.real(name)
    else:
        assert row.real(name) == told
        assert [*row.reals("ohlcv")] == [told if each == name else 1.5 for each in "ohlcv"]


def test_finite_numbers_with_an_infinite_sum_are_finite() -> None:
    row = Fields(dict.fromkeys("ohlcv", 1.7e308), "bar of AMC")
    assert [*row.reals("ohlcv")] == [1.7e308] * 5
