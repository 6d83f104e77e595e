"""Alpaca's rules for taking orders, by their number in the conformance list, on the bare core."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from magellan_core.model import OrderClass, OrderType, Side, TimeInForce
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.orders import OrderForm
from magellan_core.paper.rules import Rejected, Rules
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
    limit,
    spec,
    stop,
)

B, S = Side.BUY, Side.SELL
DAY, GTC, IOC, OPG, CLS = (TimeInForce(word) for word in ("day", "gtc", "ioc", "opg", "cls"))
INVALID, FORBIDDEN, UNPROCESSABLE, ABSENT = 40010001, 40310000, 42210000, 40410000


def refusal(venue: Exchange, order: OrderForm) -> Rejected:
    with pytest.raises(Rejected) as caught:
        venue.submit(PA, order)
    return caught.value


def quiet(rules: Rules | None = None) -> Exchange:
    return exchange([QUIET] * 5, rules=rules)


def test_11_a_new_account_has_cash_and_four_times_its_buying_power() -> None:
    state = quiet().account(PA)
    assert state.cash == state.equity == state.last_equity == 100_000
    assert (state.buying_power, state.regt_buying_power) == (Decimal(400_000), Decimal(200_000))
    assert (state.multiplier, state.shorting_enabled) == (4, True)


def test_12_an_unknown_asset_is_absent() -> None:
    with pytest.raises(Rejected) as caught:
        quiet().asset("NOPE")
    assert (caught.value.status, caught.value.code) == (404, ABSENT)


def test_15_a_suspended_account_takes_no_orders() -> None:
    venue = quiet()
    venue.configure(PA, suspend_trade=True)
    assert (refusal(venue, form()).status, refusal(venue, form()).code) == (403, FORBIDDEN)


def test_16_in_session_an_order_is_pending_until_time_moves_then_new() -> None:
    venue = quiet()
    order = venue.submit(PA, limit(B, "9"))
    assert order.status == "pending_new"
    updates = venue.step(venue.now)
    assert [update.event for update in updates] == ["new"]
    assert venue.order(PA, order.id).status == "new"


def test_17_off_hours_a_day_order_waits_for_the_open() -> None:
    venue = exchange([QUIET], start=OPEN - timedelta(hours=2))
    order = venue.submit(PA, form())
    assert order.status == "accepted"
    before = venue.step(OPEN)
    assert [update.event for update in before] == ["accepted"]
    after = venue.step(at(1))
    assert [(update.event, update.at) for update in after] == [("new", OPEN), ("fill", OPEN)]


@pytest.mark.parametrize(
    ("order", "status", "code", "says"),
    [
        pytest.param(form(client_order_id="x" * 129), 422, INVALID, "128", id="18 long id"),
        pytest.param(form(notional="50"), 422, INVALID, "qty or notional", id="21 both"),
        pytest.param(form(qty=0), 422, INVALID, "qty must be > 0", id="22 zero"),
        pytest.param(form(qty=-1), 422, INVALID, "qty must be > 0", id="22 negative"),
        pytest.param(form(qty="NaN"), 422, INVALID, "qty must be > 0", id="22 no number"),
        pytest.param(form(type=OrderType.LIMIT), 422, INVALID, "limit price", id="23 missing"),
        pytest.param(form(limit_price="9"), 422, INVALID, "must not have", id="23 too many"),
        pytest.param(limit(B, "9.001"), 422, UNPROCESSABLE, "sub-penny", id="24 above a dollar"),
        pytest.param(limit(B, "0.12345"), 422, UNPROCESSABLE, "sub-penny", id="24 below it"),
        pytest.param(
            form(qty="1.5", time_in_force=GTC), 422, UNPROCESSABLE, "DAY", id="25 fractional gtc"
        ),
        pytest.param(
            form(extended_hours=True), 422, UNPROCESSABLE, "limit orders", id="28 market extended"
        ),
        pytest.param(form(symbol="NOPE"), 422, UNPROCESSABLE, "not found", id="unknown symbol"),
        pytest.param(
            stop(B, "11", time_in_force=IOC), 422, UNPROCESSABLE, "time_in_force", id="stop ioc"
        ),
        pytest.param(
            bracket("11", "9", stop_loss=None),
            422,
            UNPROCESSABLE,
            "require both",
            id="half a group",
        ),
        pytest.param(
            bracket("11", "9", time_in_force=IOC),
            422,
            UNPROCESSABLE,
            "DAY or GTC",
            id="group ioc",
        ),
        pytest.param(
            bracket("10", "9"), 422, UNPROCESSABLE, "base_price + 0.01", id="36 target too near"
        ),
        pytest.param(
            bracket("11", "10"), 422, UNPROCESSABLE, "base_price - 0.01", id="36 stop too near"
        ),
        pytest.param(
            bracket("9.6", "9", type=OrderType.LIMIT, limit_price="9.6"),
            422,
            UNPROCESSABLE,
            "base_price + 0.01",
            id="36 the base of a limit entry is its limit",
        ),
    ],
)
def test_a_faulty_form_is_refused(order: OrderForm, status: int, code: int, says: str) -> None:
    refused = refusal(quiet(), order)
    assert (refused.status, refused.code) == (status, code)
    assert says in refused.message


@pytest.mark.parametrize("price", ["9.01", "0.1234", "0.1"])
def test_24_prices_on_the_tick_are_taken(price: str) -> None:
    assert quiet().submit(PA, limit(B, price)).limit_price == Decimal(price)


def test_19_a_client_order_id_serves_once_even_after_its_order_has_ended() -> None:
    venue = quiet()
    order = venue.submit(PA, form(client_order_id="mine"))
    venue.step(at(1))
    assert venue.order(PA, order.id).status == "filled"
    refused = refusal(venue, form(client_order_id="mine"))
    assert (refused.status, refused.code) == (422, INVALID)
    assert refused.message == "client_order_id must be unique"


def test_20_without_a_client_order_id_the_exchange_makes_one() -> None:
    venue = quiet()
    first, second = venue.submit(PA, form(qty=1)), venue.submit(PA, form(qty=1))
    assert first.client_order_id != second.client_order_id
    assert venue.order_by_client_id(PA, first.client_order_id).id == first.id


@pytest.mark.parametrize(
    ("number", "change", "order", "status", "code"),
    [
        (26, {"fractionable": False}, form(qty="1.5"), 403, FORBIDDEN),
        (27, {"tradable": False}, form(), 422, UNPROCESSABLE),
        (27, {"shortable": False}, form(S), 422, UNPROCESSABLE),
    ],
)
def test_26_27_what_an_asset_does_not_allow_is_refused(
    number: int, change: dict[str, bool], order: OrderForm, status: int, code: int
) -> None:
    venue = quiet()
    venue.set_asset(ACME, **change)
    refused = refusal(venue, order)
    assert (refused.status, refused.code) == (status, code), number


def test_29_an_order_dearer_than_the_buying_power_is_refused_with_both_numbers() -> None:
    venue = quiet()
    venue.submit(PA, limit(B, "10", 30_000))
    refused = refusal(venue, limit(B, "10", 10_001))
    assert (refused.status, refused.code) == (403, FORBIDDEN)
    assert refused.extra == {"buying_power": "100000", "cost_basis": "100010"}


def test_29_a_cash_account_buys_for_its_cash() -> None:
    venue = exchange([QUIET] * 2, accounts=[spec(multiplier=1)])
    assert refusal(venue, limit(B, "10", 10_001)).code == FORBIDDEN
    assert venue.submit(PA, limit(B, "10", 10_000)).status == "pending_new"
    assert refusal(venue, limit(S, "12", 1)).code == FORBIDDEN


@pytest.mark.parametrize("qty", [61, 160])
def test_30_31_selling_more_than_is_free_is_refused(qty: int) -> None:
    venue = quiet()
    hold(venue, 100)
    resting = venue.submit(PA, limit(S, "12", 40))
    refused = refusal(venue, form(S, qty))
    assert (refused.status, refused.code) == (403, FORBIDDEN)
    assert f"(requested: {qty}, available: 60)" in refused.message
    assert refused.extra["held_for_orders"] == "40"
    assert refused.extra["existing_qty"] == "100"
    assert refused.extra["related_orders"] == [resting.id]


@pytest.mark.parametrize(
    ("time_in_force", "hour", "minute", "taken"),
    [
        (OPG, 13, 27, True),
        (OPG, 13, 28, False),
        (OPG, 14, 0, False),
        (OPG, 22, 59, False),
        (OPG, 23, 1, True),
        (CLS, 19, 49, True),
        (CLS, 19, 50, False),
        (CLS, 23, 1, True),
    ],
)
def test_32_auction_orders_have_their_hours(
    time_in_force: TimeInForce, hour: int, minute: int, taken: bool
) -> None:
    venue = exchange([QUIET], start=datetime(2024, 7, 15, hour, minute, tzinfo=UTC))
    order = form(time_in_force=time_in_force)
    if taken:
        assert venue.submit(PA, order).status in {"pending_new", "accepted"}
    else:
        assert refusal(venue, order).code == FORBIDDEN


def test_an_opening_order_fills_at_the_open_and_a_closing_order_at_the_close() -> None:
    venue = exchange([(11, 12, 10, 12)], start=OPEN - timedelta(hours=1))
    venue.submit(PA, form(time_in_force=OPG))
    venue.submit(
        PA,
        bracket(
            "20",
            "5",
            order_class=OrderClass.SIMPLE,
            take_profit=None,
            stop_loss=None,
            time_in_force=CLS,
        ),
    )
    venue.step(CLOSE + timedelta(minutes=1))
    assert [(fill.price, fill.at) for fill in venue.fills(PA)] == [
        (Decimal(11), OPEN),
        (Decimal(12), CLOSE),
    ]


@pytest.mark.parametrize(
    ("resting", "order", "taken"),
    [
        pytest.param(stop(S, "9"), form(B), False, id="33 a protective stop blocks a top-up"),
        pytest.param(limit(S, "12"), form(B), False, id="33 market against limit"),
        pytest.param(limit(S, "12"), stop(B, "13"), False, id="33 stop against limit"),
        pytest.param(limit(S, "12"), limit(B, "11.99"), True, id="34 buy below sell"),
        pytest.param(limit(S, "12"), limit(B, "12"), False, id="34 buy at sell"),
        pytest.param(limit(S, "12"), bracket("13", "9"), True, id="35 brackets are exempt"),
        pytest.param(stop(S, "9"), bracket("13", "9"), True, id="35 brackets are exempt"),
    ],
)
def test_33_34_35_wash_trades(resting: OrderForm, order: OrderForm, taken: bool) -> None:
    venue = quiet()
    hold(venue)
    first = venue.submit(PA, resting)
    if taken:
        assert venue.submit(PA, order).status == "pending_new"
        return
    refused = refusal(venue, order)
    assert (refused.status, refused.code) == (403, FORBIDDEN)
    assert refused.extra["existing_order_id"] == first.id


def test_a_short_sale_takes_three_percent_more_than_the_ask() -> None:
    venue = quiet()
    venue.submit(PA, limit(S, "10", 1000))
    venue.step(at(1))
    state = venue.account(PA)
    assert state.cash == 110_000
    assert state.equity == 100_000
    assert state.short_market_value == -10_000
    assert state.buying_power == 390_000


def test_the_rules_may_let_ended_client_order_ids_serve_again() -> None:
    venue = quiet(rules=Rules(unique_ids="open"))
    first = venue.submit(PA, form(client_order_id="mine"))
    venue.step(at(1))
    second = venue.submit(PA, form(client_order_id="mine"))
    assert first.id != second.id
