"""The wire: what numbers, times and requests look like in JSON."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magellan_core.model import Bar, OrderClass, OrderType, Side, Timeframe, TimeInForce
from magellan_core.paper import forms, wire, wire_market
from magellan_core.paper.faults import Faults, Kind, mutate
from magellan_core.paper.limits import RateLimit
from magellan_core.paper.rules import Rejected


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("100000", "100000"),
        ("100000.00", "100000"),
        ("3.1400", "3.14"),
        ("-0.00", "0"),
        ("1E+2", "100"),
        ("0.0000000012345", "0.000000001"),
        ("-12.50", "-12.5"),
    ],
)
def test_money_is_a_plain_trimmed_string(amount: str, text: str) -> None:
    assert wire.money(Decimal(amount)) == text


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=9))
def test_money_keeps_its_value(amount: Decimal) -> None:
    assert Decimal(wire.money(amount)) == amount
    assert "E" not in wire.money(amount)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-02T03:04:05+00:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05 00:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),  # + unescaped
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05-05:00", datetime(2026, 1, 2, 8, 4, 5, tzinfo=UTC)),
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("", None),
    ],
)
def test_times_in_queries(text: str, at: datetime | None) -> None:
    assert forms.instant({"until": text}, "until") == at


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "1700000000"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="after is not a valid"):
        forms.instant({"after": text}, "after")


@pytest.mark.parametrize("word", ["True", "true", "1"])
def test_04_booleans_parse_as_clients_spell_them(word: str) -> None:
    assert forms.flag({"nested": word}, "nested")
    assert not forms.flag({"nested": {"True": "False", "true": "false", "1": "0"}[word]}, "nested")


@pytest.mark.parametrize("qty", [b"10", b"10.0", b'"10"', b'"10.0"', b"1e1"])
def test_03_numbers_may_be_floats_or_strings(qty: bytes) -> None:
    form = forms.order_form(
        b'{"symbol":"amc","side":"buy","type":"limit","time_in_force":"day",'
        b'"limit_price":"4.20","qty":' + qty + b"}"
    )
    assert form.qty == 10
    assert (form.symbol, form.side, form.type) == ("AMC", Side.BUY, OrderType.LIMIT)
    assert form.limit_price == Decimal("4.20")


def test_a_bracket_is_read_whole() -> None:
    form = forms.order_form(
        b'{"symbol":"AMC","qty":5.0,"side":"buy","type":"market","time_in_force":"gtc",'
        b'"order_class":"bracket","client_order_id":"x",'
        b'"take_profit":{"limit_price":6.5},"stop_loss":{"stop_price":4.1,"limit_price":4.0}}'
    )
    assert form.order_class is OrderClass.BRACKET
    assert form.time_in_force is TimeInForce.GTC
    assert (form.take_profit, form.stop_loss, form.stop_loss_limit) == (
        Decimal("6.5"),
        Decimal("4.1"),
        Decimal("4.0"),
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"side":"buy","type":"market","time_in_force":"day","qty":1}', "symbol is required"),
        (b'{"symbol":"A","type":"market","time_in_force":"day","qty":1}', "side must be one of"),
        (
            b'{"symbol":"A","side":"hold","type":"market","time_in_force":"day"}',
            "side must be one of buy, sell",
        ),
        (b'{"symbol":"A","side":"buy","type":"market","qty":1}', "time_in_force must be one of"),
        (
            b'{"symbol":"A","side":"buy","type":"market","time_in_force":"day","qty":"many"}',
            "qty must be a number",
        ),
        (
            b'{"symbol":"A","side":"buy","type":"market","time_in_force":"day","qty":"NaN"}',
            "qty must be a number",
        ),
        (
            b'{"symbol":"A","side":"buy","type":"market","time_in_force":"day","qty":true}',
            "qty must be a number",
        ),
        (b"[1]", "request body format is invalid"),
        (b"{", "request body format is invalid"),
    ],
)
def test_a_faulty_order_is_refused_by_name(body: bytes, message: str) -> None:
    with pytest.raises(Rejected, match=message) as refusal:
        forms.order_form(body)
    assert refusal.value.code == 40010001


@pytest.mark.parametrize(
    ("now", "is_open", "next_open", "next_close"),
    [
        # A Friday before the open, in session, after the close; a Saturday; a half day's evening.
        ("2026-01-09T14:00", False, "2026-01-09T09:30:00-05:00", "2026-01-09T16:00:00-05:00"),
        ("2026-01-09T14:30", True, "2026-01-12T09:30:00-05:00", "2026-01-09T16:00:00-05:00"),
        ("2026-01-09T21:00", False, "2026-01-12T09:30:00-05:00", "2026-01-12T16:00:00-05:00"),
        ("2026-01-17T15:00", False, "2026-01-20T09:30:00-05:00", "2026-01-20T16:00:00-05:00"),
        ("2025-11-28T17:59", True, "2025-12-01T09:30:00-05:00", "2025-11-28T13:00:00-05:00"),
    ],
)
def test_13_the_clock_skips_weekends_and_holidays(
    now: str, is_open: bool, next_open: str, next_close: str
) -> None:
    told = wire_market.clock(datetime.fromisoformat(now + "+00:00"))
    assert (told["is_open"], told["next_open"], told["next_close"]) == (
        is_open,
        next_open,
        next_close,
    )


def test_14_the_calendar_is_inclusive_and_knows_half_days() -> None:
    days: Any = wire.loads(wire_market.calendar(date(2025, 11, 26), date(2025, 11, 28)))
    assert [(day["date"], day["open"], day["close"]) for day in days] == [
        ("2025-11-26", "09:30", "16:00"),
        ("2025-11-28", "09:30", "13:00"),
    ]
    assert days[1]["settlement_date"] == "2025-12-01"


@pytest.mark.parametrize(
    ("start", "timeframe", "told"),
    [
        (datetime(2026, 1, 5, 14, 30, tzinfo=UTC), Timeframe.DAY, "2026-01-05T05:00:00Z"),
        (datetime(2026, 7, 6, 13, 30, tzinfo=UTC), Timeframe.DAY, "2026-07-06T04:00:00Z"),
        (datetime(2026, 1, 5, 14, 30, tzinfo=UTC), Timeframe.MINUTE, "2026-01-05T14:30:00Z"),
    ],
)
def test_60_a_bar_is_told_by_its_start_a_day_by_its_midnight(
    start: datetime, timeframe: Timeframe, told: str
) -> None:
    bar = Bar("A", start, start + timedelta(hours=6, minutes=30), 1, 2, 0.5, 1.5, 1000)
    assert wire_market.bar(bar, timeframe)["t"] == told


def test_stamps_are_utc_whatever_the_offset() -> None:
    at = datetime(2026, 1, 5, 9, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert wire.stamp(at) == "2026-01-05T14:30:00Z"


def test_a_fault_skips_then_fires_then_is_spent() -> None:
    faults = Faults()
    faults.arm({"kind": "status", "method": "POST", "path": "/v2/orders*", "skip": 1, "count": 2})

    def fires(method: str = "POST", path: str = "/v2/orders") -> bool:
        return faults.for_request("A1", method, path) is not None

    assert [fires("GET"), fires(path="/v2/account")] == [False, False]
    assert [fires(), fires(), fires(), fires()] == [False, True, True, False]


def test_a_gateway_timeout_takes_effect_and_a_bad_gateway_does_not() -> None:
    faults = Faults()
    assert faults.arm({"kind": "status"}).handled
    assert not faults.arm({"kind": "html"}).handled
    assert not faults.arm({"kind": "status", "status": 429}).handled
    assert faults.arm({"kind": "html", "handled": True}).handled


def test_request_faults_leave_updates_alone_and_the_reverse() -> None:
    faults = Faults()
    faults.arm({"kind": "drop", "account": "A1", "path": "fill"})
    faults.arm({"kind": "refuse"})
    assert faults.for_update("A2", "fill") is None
    assert (fault := faults.for_update("A1", "fill")) is not None
    assert fault.kind is Kind.DROP
    assert faults.for_update("A1", "fill") is None


@pytest.mark.parametrize(
    ("body", "path", "value", "changed"),
    [
        ({"status": "new"}, "status", "odd", {"status": "odd"}),
        ([{"status": "new"}, {"x": 1}], "status", None, [{"status": None}, {"x": 1}]),
        ({"a": {"b": 1, "c": 2}}, "a.b", 9, {"a": {"b": 9, "c": 2}}),
        ({"a": 1}, "missing", 9, {"a": 1}),
    ],
)
def test_mutate_replaces_at_a_path(body: object, path: str, value: object, changed: object) -> None:
    assert mutate(body, path, value) == changed


def test_05_the_limit_counts_by_account_and_virtual_minute() -> None:
    limit = RateLimit(2)
    noon = datetime(2026, 1, 5, 17, 0, 30, tzinfo=UTC)
    assert [limit.take("A", noon).allowed for _ in range(3)] == [True, True, False]
    assert limit.take("B", noon).allowed
    later = limit.take("A", noon + timedelta(seconds=30))
    assert (later.allowed, later.remaining) == (True, 1)
    assert later.reset == datetime(2026, 1, 5, 17, 2, tzinfo=UTC)
