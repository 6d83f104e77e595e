"""The kill switch: the cases that have names (those of bad weather are in tests/chaos)."""

from datetime import timedelta
from decimal import Decimal

import pytest

from magellan_core.errors import CredentialsError
from magellan_core.model import OrderClass, Side, TimeInForce
from magellan_core.operations.kill_switch import Answer, KillSwitch, Verdict
from magellan_core.paper.exchange import Exchange
from tests.unit.operations.chaos import Bench, Weather, form, venue
from tests.unit.paper.exchange_support import CLOSE, PA

FAIR = Weather(edges=[], begins_fair=True, faults=["refuse"])


def run(
    exchange: Exchange, weather: Weather = FAIR, patience: float = 60.0
) -> tuple[Verdict, Bench, list[str]]:
    bench = Bench(exchange, weather)
    events: list[str] = []
    switch = KillSwitch(
        bench, bench.now, bench.sleep, lambda event, _: events.append(event), patience
    )
    return switch.run(), bench, events


def holding(qty: int = 100) -> Exchange:
    """AMC with a bracket: its target works, its stop is held."""
    exchange = venue()
    exchange.submit(
        PA,
        form(
            "AMC",
            Side.BUY,
            qty,
            time_in_force=TimeInForce.GTC,
            order_class=OrderClass.BRACKET,
            take_profit=Decimal("12.00"),
            stop_loss=Decimal("8.00"),
        ),
    )
    exchange.step(exchange.now + timedelta(seconds=2))
    return exchange


def test_an_account_without_anything_is_flat_once_late_positions_cannot_hide() -> None:
    verdict, _, events = run(venue())
    assert (verdict.flat, list(verdict.open)) == (True, [])
    assert 10 <= verdict.seconds < 12
    assert events == ["flat"]


def test_held_legs_go_with_their_target_before_the_shares_are_sold() -> None:
    exchange = holding()
    verdict, _, events = run(exchange)
    assert verdict.flat
    assert events == ["cancel_all", "close", "flat"]
    assert exchange.positions(PA) == []


def test_a_short_position_is_bought_back() -> None:
    exchange = venue()
    exchange.submit(PA, form("AMC", Side.SELL, 40))
    exchange.step(exchange.now + timedelta(seconds=2))
    assert [p.qty for p in exchange.positions(PA)] == [-40]
    verdict, _, _ = run(exchange)
    assert verdict.flat


def test_a_buy_that_sneaks_in_meanwhile_is_found_and_sold_too() -> None:
    exchange = holding()
    bench = Bench(exchange, FAIR)
    bought: list[float] = []

    def tell(event: str, _: object) -> None:
        if event == "close" and not bought:
            bought.append(bench.now())
            exchange.submit(PA, form("GME", Side.BUY, 7))

    verdict = KillSwitch(bench, bench.now, bench.sleep, tell, 60.0).run()
    assert bought
    assert verdict.flat
    assert exchange.positions(PA) == []


def test_positions_that_tell_late_do_not_pass_for_flat() -> None:
    exchange = venue()
    exchange.submit(PA, form("AMC", Side.BUY, 10))
    exchange.step(exchange.now + timedelta(seconds=2))
    late = Weather(edges=[], begins_fair=True, faults=["refuse"], lag=8.0)
    bench = Bench(exchange, late)
    bench._positions.append((-100.0, []))
    verdict = KillSwitch(bench, bench.now, bench.sleep, lambda *_: None, 60.0).run()
    assert verdict.flat
    assert exchange.positions(PA) == []


def test_a_halted_symbol_is_named_and_the_others_are_closed() -> None:
    exchange = venue()
    for symbol in ("AMC", "GME"):
        exchange.submit(PA, form(symbol, Side.BUY, 5))
    exchange.step(exchange.now + timedelta(seconds=2))
    exchange.halt("GME")
    verdict, _, _ = run(exchange)
    assert not verdict.flat
    assert [p.symbol for p in exchange.positions(PA)] == ["GME"]
    assert "GME: 5 shares" in verdict.open
    assert all("GME" in name for name in verdict.open)


def test_with_the_market_closed_orders_are_queued_and_said_to_be() -> None:
    exchange = holding()
    exchange.step(CLOSE + timedelta(minutes=1))
    verdict, _, events = run(exchange)
    assert not verdict.flat
    assert events == ["cancel_all", "close", "queued"]
    assert verdict.seconds < 10
    assert all("market closed: queued" in name for name in verdict.open)
    [queued] = exchange.orders(PA, "open")
    assert (queued.side, str(queued.qty), queued.status) == (Side.SELL, "100", "accepted")
    again, _, events = run(exchange)
    assert (again.flat, events) == (False, ["queued"])
    assert len(exchange.orders(PA, "open")) == 1


@pytest.mark.parametrize("fault", ["refuse", "hang", "429", "500", "502"])
def test_a_broker_that_never_answers_leaves_it_unknown(fault: str) -> None:
    storm = Weather(edges=[], begins_fair=False, faults=[fault])
    verdict, _, _ = run(holding(), storm, patience=30.0)
    assert not verdict.flat
    [why] = verdict.open
    assert why.startswith("unknown: ")


def test_an_outage_in_the_middle_delays_and_does_not_deceive() -> None:
    outage = Weather(edges=[1.2, 40.0], begins_fair=True, faults=["reset"])
    exchange = holding()
    verdict, _, _ = run(exchange, outage)
    assert verdict.flat
    assert 40 <= verdict.seconds <= 60
    assert exchange.positions(PA) == []


def test_refused_keys_end_it_at_once() -> None:
    def unauthorized(_method: str, _path: str) -> Answer:
        return Answer(401, {"message": "unauthorized."})

    switch = KillSwitch(unauthorized, lambda: 0.0, lambda _: None, lambda *_: None, 60.0)
    with pytest.raises(CredentialsError, match="refuses the keys"):
        switch.run()


def test_a_dry_run_touches_nothing() -> None:
    exchange = holding()
    bench = Bench(exchange, FAIR)
    events: list[str] = []
    switch = KillSwitch(bench, bench.now, bench.sleep, lambda event, _: events.append(event), 60.0)
    before = [(o.id, o.status) for o in exchange.orders(PA, "all")]
    verdict = switch.dry_run()
    assert not verdict.flat
    assert events == ["would_cancel", "would_close"]
    assert "AMC: 100 shares" in verdict.open
    assert [(o.id, o.status) for o in exchange.orders(PA, "all")] == before
