"""Laws that hold for any bars and any orders."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from magellan_core.model import OrderClass, OrderType, Side, TimeInForce
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.orders import OrderForm, Update
from magellan_core.paper.rules import Rejected, Rules
from tests.unit.paper.exchange_support import ACME, CLOSE, PA, Prices, at, exchange

MINUTES = 12
cents = st.integers(800, 1200).map(lambda n: Decimal(n) / 100)


@st.composite
def bars(draw: st.DrawFn) -> list[Prices]:
    rows = []
    for _ in range(MINUTES):
        a, b, c, d = (float(draw(cents)) for _ in range(4))
        rows.append((a, max(a, b, c, d), min(a, b, c, d), d))
    return rows


@st.composite
def forms(draw: st.DrawFn) -> OrderForm:
    kind = draw(st.sampled_from(list(OrderType)))
    order_class = draw(st.sampled_from(list(OrderClass)))
    limited = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    stopped = kind in (OrderType.STOP, OrderType.STOP_LIMIT)
    advanced = order_class is not OrderClass.SIMPLE
    return OrderForm(
        symbol=ACME,
        side=draw(st.sampled_from(list(Side))),
        type=kind,
        time_in_force=draw(st.sampled_from([TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC])),
        qty=Decimal(draw(st.integers(1, 300))),
        limit_price=draw(cents) if limited else None,
        stop_price=draw(cents) if stopped else None,
        trail_price=draw(cents) / 10 if kind is OrderType.TRAILING_STOP else None,
        order_class=order_class,
        take_profit=draw(cents) if advanced and order_class is not OrderClass.OTO else None,
        stop_loss=draw(cents) if advanced else None,
    )


# What a client does at a minute: an order, a cancel of everything, or closing the position.
acts = st.tuples(
    st.integers(0, MINUTES - 1), st.one_of(forms(), forms(), st.sampled_from(["cancel", "close"]))
)
plans = st.lists(acts, max_size=12).map(lambda plan: sorted(plan, key=lambda act: act[0]))
rules = st.builds(
    Rules,
    seed=st.integers(0, 5),
    partial_fill_probability=st.sampled_from([0.0, 0.5]),
    fee_bps=st.sampled_from([Decimal(0), Decimal("6.25")]),
    price_ticks=st.just("exact"),
    whole_cents=st.just(False),
)


def run(
    rows: list[Prices], plan: list[tuple[int, OrderForm | str]], rule: Rules
) -> tuple[Exchange, list[Update]]:
    venue = exchange(rows, rules=rule)
    updates = []
    for minute, act in plan:
        updates += venue.step(at(minute))
        try:
            if act == "cancel":
                venue.cancel_all(PA)
            elif isinstance(act, OrderForm):
                venue.submit(PA, act)
            else:
                venue.close_position(PA, ACME)
        except Rejected:
            continue
    updates += venue.step(CLOSE + timedelta(minutes=1))
    return venue, updates


@settings(max_examples=150, deadline=None)
@given(bars(), plans, rules)
def test_cash_and_shares_are_what_the_fills_add_up_to(
    rows: list[Prices], plan: list[tuple[int, OrderForm | str]], rule: Rules
) -> None:
    venue, _ = run(rows, plan, rule)
    fills = venue.fills(PA)
    signed = [(f.qty if f.side is Side.BUY else -f.qty, f.price) for f in fills]
    fees = sum(abs(qty * price) for qty, price in signed) * rule.fee_bps / 10_000
    assert venue.account(PA).cash == 100_000 - sum(qty * price for qty, price in signed) - fees
    held = {p.symbol: p.qty for p in venue.positions(PA)}.get(ACME, Decimal(0))
    assert held == sum(qty for qty, _ in signed)


@settings(max_examples=150, deadline=None)
@given(bars(), plans, rules)
def test_an_order_never_fills_more_than_asked_nor_before_it_arrived(
    rows: list[Prices], plan: list[tuple[int, OrderForm | str]], rule: Rules
) -> None:
    venue, updates = run(rows, plan, rule)
    for order in venue.orders(PA, "all", limit=500):
        mine = [f for f in venue.fills(PA) if f.order_id == order.id]
        assert order.filled_qty == sum(f.qty for f in mine)
        assert order.qty is not None
        assert order.filled_qty <= order.qty
        assert (order.status == "filled") is (order.filled_qty == order.qty)
        assert all(f.at >= order.submitted_at for f in mine)
    assert [u.at for u in updates] == sorted(u.at for u in updates)
    ids = [f.id for f in venue.fills(PA)]
    assert ids == sorted(set(ids))


@settings(max_examples=150, deadline=None)
@given(bars(), plans, rules)
def test_fills_lie_inside_their_bar_and_keep_their_limit(
    rows: list[Prices], plan: list[tuple[int, OrderForm | str]], rule: Rules
) -> None:
    venue, _ = run(rows, plan, rule)
    for fill in venue.fills(PA):
        _, high, low, _ = rows[int((fill.at - at(0)) / timedelta(minutes=1))]
        assert low <= float(fill.price) <= high
        limit = venue.order(PA, fill.order_id).limit_price
        if limit is not None:
            assert fill.price <= limit if fill.side is Side.BUY else fill.price >= limit


@settings(max_examples=60, deadline=None)
@given(bars(), plans, rules)
def test_the_same_inputs_give_the_same_ids_fills_and_updates(
    rows: list[Prices], plan: list[tuple[int, OrderForm | str]], rule: Rules
) -> None:
    first, second = run(rows, plan, rule), run(rows, plan, rule)
    assert first[1] == second[1]
    assert first[0].fills(PA) == second[0].fills(PA)


@settings(max_examples=100, deadline=None)
@given(bars(), plans, rules)
def test_steps_may_be_cut_anywhere(
    rows: list[Prices], plan: list[tuple[int, OrderForm | str]], rule: Rules
) -> None:
    whole, updates = run(rows, plan, rule)
    cut = exchange(rows, rules=rule)
    seen: list[Update] = []
    for minute, act in plan:
        while cut.now < at(minute):
            seen += cut.step(min(cut.now + timedelta(seconds=25), at(minute)), wake=[PA])
        seen += cut.step(at(minute))
        try:
            if act == "cancel":
                cut.cancel_all(PA)
            elif isinstance(act, OrderForm):
                cut.submit(PA, act)
            else:
                cut.close_position(PA, ACME)
        except Rejected:
            continue
    while cut.now < CLOSE + timedelta(minutes=1):
        seen += cut.step(CLOSE + timedelta(minutes=1), wake=[PA])
    assert seen == updates
    assert cut.fills(PA) == whole.fills(PA)


def looked_at(
    rows: list[Prices], plan: list[tuple[int, OrderForm | str]], rule: Rules
) -> Iterator[Exchange]:
    """The exchange as it stands at every minute of the plan, then after the close."""
    venue = exchange(rows, rules=rule)
    for minute in range(MINUTES):
        venue.step(at(minute))
        for due, act in plan:
            if due == minute:
                perform(venue, act)
        yield venue
    venue.step(CLOSE + timedelta(minutes=1))
    yield venue


def perform(venue: Exchange, act: OrderForm | str) -> None:
    with suppress(Rejected):
        if act == "cancel":
            venue.cancel_all(PA)
        elif isinstance(act, OrderForm):
            venue.submit(PA, act)
        else:
            venue.close_position(PA, ACME)


@settings(max_examples=100, deadline=None)
@given(bars(), plans, rules)
def test_equity_is_cash_and_holdings_and_no_power_is_below_zero(
    rows: list[Prices], plan: list[tuple[int, OrderForm | str]], rule: Rules
) -> None:
    for venue in looked_at(rows, plan, rule):
        state = venue.account(PA)
        assert state.equity == state.cash + state.long_market_value + state.short_market_value
        powers = (state.buying_power, state.regt_buying_power, state.non_marginable_buying_power)
        assert min(powers) >= 0


@settings(max_examples=100, deadline=None)
@given(bars(), plans, rules)
def test_what_is_available_lies_between_nothing_and_what_is_held(
    rows: list[Prices], plan: list[tuple[int, OrderForm | str]], rule: Rules
) -> None:
    for venue in looked_at(rows, plan, rule):
        for held in venue.positions(PA):
            assert 0 <= abs(held.qty_available) <= abs(held.qty)


@settings(max_examples=100, deadline=None)
@given(bars(), plans, rules)
def test_a_leg_never_fills_before_its_entry_nor_more_than_it(
    rows: list[Prices], plan: list[tuple[int, OrderForm | str]], rule: Rules
) -> None:
    venue, _ = run(rows, plan, rule)
    for parent in venue.orders(PA, "all", limit=500, nested=True):
        sold = sum((leg.filled_qty for leg in parent.legs), Decimal(0))
        if parent.order_class is OrderClass.OCO:
            continue  # its parent is one of the two exits, not an entry
        assert sold <= parent.filled_qty
        if sold:
            assert parent.status == "filled"
            assert parent.filled_at is not None
            assert all(
                fill.at >= parent.filled_at
                for fill in venue.fills(PA)
                if fill.order_id in {leg.id for leg in parent.legs}
            )


@settings(max_examples=100, deadline=None)
@given(bars(), plans, rules)
def test_after_the_close_only_orders_good_till_cancelled_are_alive(
    rows: list[Prices], plan: list[tuple[int, OrderForm | str]], rule: Rules
) -> None:
    venue, _ = run(rows, plan, rule)
    for order in venue.orders(PA, "all", limit=500):
        assert order.ended or order.time_in_force is TimeInForce.GTC


@settings(max_examples=100, deadline=None)
@given(bars(), st.integers(1, 50).map(lambda n: Decimal(n) / 20))
def test_a_trailing_stop_never_goes_back(rows: list[Prices], trail: Decimal) -> None:
    venue = exchange(rows, rules=Rules(price_ticks="exact"))
    venue.submit(PA, OrderForm(ACME, Side.BUY, qty=Decimal(10)))
    venue.step(at(1))
    form = OrderForm(
        ACME, Side.SELL, OrderType.TRAILING_STOP, TimeInForce.GTC, Decimal(10), trail_price=trail
    )
    sent, seen = venue.submit(PA, form), []
    for minute in range(2, MINUTES):
        venue.step(at(minute))
        stop = venue.order(PA, sent.id).stop_price
        assert stop is not None
        seen.append(stop)
    assert seen == sorted(seen)
