"""What AlpacaBroker makes of answers that the paper exchange gives seldom or never."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from magellan_core.alpaca.broker import AlpacaBroker
from magellan_core.alpaca.deadline import Limits
from magellan_core.alpaca.transport import trading_rest
from magellan_core.errors import CredentialsError, RateLimited, Unavailable
from magellan_core.model import (
    Accepted,
    OrderClass,
    OrderRequest,
    OrderType,
    Refused,
    Side,
    TimeInForce,
    Unknown,
)
from tests.contract import scripted_server as wire
from tests.contract.scripted_server import Reply, Script, scripted

QUICK = Limits(connect=0.3, read=0.2, call=0.35, attempts=2, pause=0.01)
REQUEST = OrderRequest("mine-1", "AMC", Side.BUY, 10)
STOP = Decimal("4.95")
TAKEN = wire.refusal(422, 40010001, "client_order_id must be unique")
ABSENT = wire.refusal(404, 40410000, "order not found for mine-1")
BEGIN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


def row(name: str = "mine-1", at: datetime = BEGIN, **more: Any) -> dict[str, Any]:
    return {
        "id": f"id-{name}",
        "client_order_id": name,
        "symbol": "AMC",
        "side": "buy",
        "type": "market",
        "order_class": "",
        "status": "new",
        "qty": "10",
        "filled_qty": "0",
        "submitted_at": at.isoformat(),
        "updated_at": at.isoformat(),
        "legs": None,
        **more,
    }


@contextmanager
def broker_of(*replies: Reply) -> Iterator[tuple[Script, AlpacaBroker]]:
    with (
        scripted(*replies) as script,
        closing(trading_rest("key", "secret", script.url, QUICK)) as rest,
    ):
        yield script, AlpacaBroker(rest)


def test_prices_are_sent_as_strings_with_the_digits_they_have() -> None:
    request = OrderRequest(
        "mine-1",
        "AMC",
        Side.BUY,
        10,
        type=OrderType.STOP_LIMIT,
        time_in_force=TimeInForce.GTC,
        limit_price=Decimal("5.10"),
        stop_price=Decimal("0.0001"),
        order_class=OrderClass.BRACKET,
        take_profit=Decimal("1E+1"),
        stop_loss=Decimal("4.9"),
    )
    with broker_of(wire.answer(row())) as (script, broker):
        broker.submit(request)
    assert script.requests[0].body == {
        "client_order_id": "mine-1",
        "symbol": "AMC",
        "side": "buy",
        "qty": "10",
        "type": "stop_limit",
        "time_in_force": "gtc",
        "limit_price": "5.10",
        "stop_price": "0.0001",
        "order_class": "bracket",
        "take_profit": {"limit_price": "10"},
        "stop_loss": {"stop_price": "4.9"},
    }


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (wire.refusal(403, 40310000, "insufficient buying power"), 403, 40310000),
        (wire.refusal(422, 42210000, "sub-penny"), 422, 42210000),
        (wire.refusal(400, None, "bad request"), 400, None),
        (wire.html(429), 429, None),
    ],
)
def test_the_broker_does_not_have_an_order_that_it_refuses(
    reply: Reply, status: int, code: int | None
) -> None:
    for verb in ("POST", "PATCH"):
        with broker_of(reply) as (script, broker):
            outcome = (
                broker.submit(REQUEST)
                if verb == "POST"
                else broker.replace_stop("old", "mine-1", STOP)
            )
            assert isinstance(outcome, Refused)
            assert (outcome.status, outcome.code) == (status, code)
            assert script.methods == [verb]


@pytest.mark.parametrize(
    "reply",
    [
        wire.hang,
        wire.drip_body,
        wire.reset,
        wire.html(502),
        wire.html(504),
        wire.html(403),
        wire.refusal(500, 50010000, "internal"),
        wire.body(b""),
        wire.body(b'{"id": "x'),
        wire.answer([]),
        wire.answer({"status": "accepted"}),
        wire.redirect,
    ],
)
def test_nobody_knows_what_became_of_an_order_without_a_readable_answer(reply: Reply) -> None:
    with broker_of(reply) as (script, broker):
        assert isinstance(broker.submit(REQUEST), Unknown)
        assert isinstance(broker.replace_stop("old", "mine-1", STOP), Unknown)
        assert script.methods == ["POST", "PATCH"]


def test_an_echo_of_the_same_order_is_that_order() -> None:
    with broker_of(TAKEN, wire.answer(row(status="filled"))) as (script, broker):
        outcome = broker.submit(REQUEST)
    assert isinstance(outcome, Accepted)
    assert outcome.order.status == "filled"
    assert script.requests[1].path == "/v2/orders:by_client_order_id"
    assert script.requests[1].query["client_order_id"] == "mine-1"


@pytest.mark.parametrize("other", [{"symbol": "GME"}, {"side": "sell"}, {"qty": "11"}])
def test_another_order_under_the_id_is_no_echo(other: dict[str, Any]) -> None:
    with broker_of(TAKEN, wire.answer(row(**other))) as (_, broker):
        outcome = broker.submit(REQUEST)
    assert isinstance(outcome, Refused)
    assert outcome.status == 422


def test_an_echo_of_a_replacement_is_known_by_what_it_replaces_and_its_stop() -> None:
    same = row(type="stop", replaces="old", stop_price="4.95")
    for found, kind in [
        (same, Accepted),
        ({**same, "replaces": "another"}, Refused),
        ({**same, "stop_price": "4.96"}, Refused),
    ]:
        with broker_of(TAKEN, wire.answer(found)) as (_, broker):
            assert isinstance(broker.replace_stop("old", "mine-1", STOP), kind)


@pytest.mark.parametrize("look_up", [ABSENT, wire.html(502), wire.hang])
def test_an_echo_that_cannot_be_looked_up_stays_unknown(look_up: Reply) -> None:
    with broker_of(TAKEN, look_up) as (_, broker):
        assert isinstance(broker.submit(REQUEST), Unknown)


def test_refused_keys_end_any_call() -> None:
    with broker_of(wire.refusal(401, None, "unauthorized.")) as (_, broker):
        for call in (
            broker.account,
            broker.open_orders,
            lambda: broker.submit(REQUEST),
            lambda: broker.replace_stop("old", "new", STOP),
            lambda: broker.cancel("old"),
            lambda: broker.find("mine-1"),
        ):
            with pytest.raises(CredentialsError):
                call()


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (wire.no_content, None),
        (wire.body(b""), None),
        (wire.answer({"anything": 1}), None),
        (wire.refusal(422, 42210000, "already filled"), Refused),
        (ABSENT, Refused),
        (wire.refusal(404, 40410000, "endpoint not found."), Unknown),
        (wire.refusal(404, None, "no such route"), Unknown),
        (wire.refusal(403, 40310000, "not now"), Unknown),
        (wire.html(429), Unknown),
        (wire.html(502), Unknown),
        (wire.redirect, Unknown),
        (wire.hang, Unknown),
    ],
)
def test_a_cancel_is_taken_refused_or_unknown(reply: Reply, answer: type | None) -> None:
    with broker_of(reply) as (script, broker):
        told = broker.cancel("a/b")
        assert (told is None) if answer is None else isinstance(told, answer)
        assert script.methods == ["DELETE"]
        assert script.requests[0].path == "/v2/orders/a%2Fb"


def test_only_the_brokers_own_word_makes_an_order_absent() -> None:
    with broker_of(ABSENT) as (_, broker):
        assert broker.find("mine-1") is None
        assert broker.order("x") is None
        assert broker.asset("X") is None
    for doubtful in (
        wire.html(404),
        wire.refusal(404, None, "not found"),
        wire.refusal(404, 40410000, "endpoint not found."),
        wire.refusal(422, 42210000, "bad id"),
        wire.body(b""),
    ):
        with broker_of(doubtful) as (_, broker), pytest.raises(Unavailable):
            broker.find("mine-1")
        with broker_of(doubtful) as (_, broker), pytest.raises(Unavailable):
            broker.asset("X")


def test_legs_missing_from_a_look_up_by_name_are_asked_for_by_id() -> None:
    bare = row(order_class="bracket")
    whole = {**bare, "legs": [row("leg")]}
    with broker_of(wire.answer(bare), wire.answer(whole)) as (script, broker):
        found = broker.find("mine-1")
    assert found is not None
    assert [leg.client_order_id for leg in found.legs] == ["leg"]
    assert (script.requests[1].path, script.requests[1].query) == (
        "/v2/orders/id-mine-1",
        {"nested": "true"},
    )


def test_an_order_in_an_unknown_state_may_fill() -> None:
    over = [row(f"over-{n}", status=s) for n, s in enumerate(("filled", "canceled", "expired"))]
    with broker_of(wire.answer([*over, row("odd", status="frozen")])) as (_, broker):
        assert [order.client_order_id for order in broker.open_orders()] == ["odd"]


def test_held_legs_keep_a_filled_parent_in_sight() -> None:
    group = row("p", status="filled", legs=[row("tp", status="canceled"), row("sl", status="held")])
    with broker_of(wire.answer([group])) as (_, broker):
        [told] = broker.open_orders()
        assert len(told.legs) == 2


def test_reading_starts_below_the_oldest_order_that_was_alive() -> None:
    day = timedelta(days=1)
    history = [
        row("dead", BEGIN, status="filled"),
        row("old", BEGIN + day),
        row("young", BEGIN + 2 * day, status="canceled"),
    ]
    with broker_of(wire.answer(history)) as (script, broker):
        broker.open_orders()
        broker.open_orders()
    first, second = script.requests
    assert first.query == {"status": "all", "nested": "true", "direction": "asc", "limit": "500"}
    after = datetime.fromisoformat(second.query["after"])
    assert BEGIN < after < BEGIN + day


def test_pages_overlap_so_that_orders_of_one_instant_are_not_cut_apart() -> None:
    first = [row(f"a{n}", BEGIN) for n in range(300)] + [
        row(f"b{n}", BEGIN + timedelta(seconds=1)) for n in range(200)
    ]
    second = [*first[300:], row("c", BEGIN + timedelta(seconds=1))]
    with broker_of(wire.answer(first), wire.answer(second)) as (script, broker):
        told = [order.client_order_id for order in broker.open_orders()]
    assert told == [r["client_order_id"] for r in (*first, second[-1])]
    after = datetime.fromisoformat(script.requests[1].query["after"])
    assert BEGIN < after < BEGIN + timedelta(seconds=1)


@pytest.mark.parametrize("read", ["open_orders", "fills"])
def test_pages_that_repeat_themselves_end_as_unavailable(read: str) -> None:
    orders = wire.answer([row(f"a{n}") for n in range(500)])
    fills = wire.answer(
        [
            {
                "id": f"f{n}",
                "order_id": "o",
                "symbol": "AMC",
                "side": "buy",
                "qty": "1",
                "price": "5",
                "transaction_time": BEGIN.isoformat(),
            }
            for n in range(100)
        ]
    )
    with (
        broker_of(orders if read == "open_orders" else fills) as (script, broker),
        pytest.raises(Unavailable, match="do not page on"),
    ):
        broker.open_orders() if read == "open_orders" else broker.fills(None)
    assert len(script.requests) == 2


def test_a_burst_of_429_is_told_as_such() -> None:
    with broker_of(wire.html(429)) as (_, broker), pytest.raises(RateLimited):
        broker.positions()


@pytest.mark.parametrize(
    "stamps",
    [
        # Alpaca stamps the end of the extended day; at 20:00 in winter it is the next day in UTC.
        ("2025-02-05T01:00:00+00:00", "2025-02-06T01:00:00+00:00", "2025-02-07T01:00:00+00:00"),
        ("2025-02-04T21:00:00+00:00", "2025-02-05T21:00:00+00:00", "2025-02-06T21:00:00+00:00"),
        ("2025-02-04T14:30:00+00:00", "2025-02-05T14:30:00+00:00", "2025-02-06T14:30:00+00:00"),
    ],
    ids=["end of the extended day", "close", "open"],
)
@pytest.mark.parametrize("missing", [None, 0])
def test_closing_equities_are_told_by_the_session_they_end(
    stamps: tuple[str, ...], missing: int | None
) -> None:
    """What is null, or nothing at all, is not told: it is no account that is worth nothing."""
    answer = {
        "timestamp": [int(datetime.fromisoformat(at).timestamp()) for at in stamps],
        "equity": [505508.7, missing, 504599.02],
        "profit_loss": [None, None, None],
    }
    with broker_of(wire.answer(answer)) as (script, broker):
        told = broker.closing_equities(date(2025, 2, 4), date(2025, 2, 6))
    assert told == {
        date(2025, 2, 4): Decimal("505508.7"),
        date(2025, 2, 6): Decimal("504599.02"),
    }
    assert script.requests[0].query == {"start": "2025-02-04T05:00:00Z", "timeframe": "1D"}
