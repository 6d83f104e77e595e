"""What a split does to an account: from New York's midnight everything is in new shares."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from magellan_core.market_hours import at_new_york
from magellan_core.model import Side, Timeframe, TimeInForce
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.rules import Rules
from tests.unit.paper.exchange_support import (
    ACME,
    OPEN,
    PA,
    QUIET,
    Prices,
    at,
    bar,
    bracket,
    form,
    plain,
    spec,
    statuses,
)

NEXT_DAY = 24 * 60
MIDNIGHT = at_new_york(date(2024, 7, 16), 0)


def venue_with(ratio: Fraction, after: Prices, rules: Rules | None = None) -> Exchange:
    """Quiet at $10 on Monday; the split is of Tuesday, whose first bar is `after`."""
    rows = [bar(-NEXT_DAY * 3, QUIET), bar(0, QUIET), bar(1, QUIET), bar(NEXT_DAY, after)]
    market = Market.from_bars(
        {(ACME, Timeframe.MINUTE): rows}, {ACME: [(date(2024, 7, 16), ratio)]}
    )
    return Exchange(market, [spec()], start=OPEN, rules=rules)


@pytest.mark.parametrize(
    ("ratio", "price", "qty", "average", "cash"),
    [
        (Fraction(4), 2.5, "400", "2.5", "99000"),
        (Fraction(3, 2), 6.6667, "150", "6.66666667", "99000"),
        (Fraction(1, 30), 300.0, "3", "300", "99100"),
        (Fraction(1, 200), 2000.0, None, None, "100000"),
    ],
)
def test_a_position_is_told_in_new_shares_and_the_fraction_is_paid_out(
    ratio: Fraction, price: float, qty: str | None, average: str | None, cash: str
) -> None:
    venue = venue_with(ratio, (price, price, price, price))
    venue.submit(PA, form())
    venue.step(MIDNIGHT - timedelta(seconds=1))
    assert venue.position(PA, ACME).qty == 100
    venue.step(MIDNIGHT)
    held = [(plain(p.qty), plain(round(p.avg_entry_price, 8))) for p in venue.positions(PA)]
    assert held == ([] if qty is None else [(qty, average)])
    assert venue.account(PA).cash == Decimal(cash)
    assert abs(venue.account(PA).equity - 100_000) < Decimal("0.0001")


def test_resting_orders_move_with_the_split() -> None:
    venue = venue_with(Fraction(4), (2.5, 2.5, 2.2, 2.2))
    order = venue.submit(PA, bracket("11", "9"))
    venue.step(MIDNIGHT)
    target, stop = venue.order(PA, order.id).legs
    assert (target.limit_price, target.qty) == (Decimal("2.75"), Decimal(400))
    assert (stop.stop_price, stop.qty) == (Decimal("2.25"), Decimal(400))
    venue.step(at(NEXT_DAY + 1))
    assert [(f.qty, f.price) for f in venue.fills(PA)][1:] == [(Decimal(400), Decimal("2.25"))]
    assert venue.positions(PA) == []


def test_closing_orders_never_exceed_the_position_after_a_reverse_split() -> None:
    venue = venue_with(Fraction(1, 20), (200.0, 200.0, 200.0, 200.0))
    for qty in (37, 31, 15):
        venue.submit(PA, bracket("11", "9", qty))
    venue.step(MIDNIGHT)
    position = venue.position(PA, ACME)
    assert position.qty == 4
    assert position.qty_available == 4 - (1 + 1)


def test_the_rules_may_cancel_resting_orders_instead() -> None:
    venue = venue_with(Fraction(4), (2.5, 2.5, 2.2, 2.2), Rules(split_orders="cancel"))
    order = venue.submit(PA, bracket("11", "9"))
    venue.submit(PA, form(Side.BUY, type="limit", limit_price="8", time_in_force=TimeInForce.GTC))
    updates = venue.step(MIDNIGHT)
    assert [u.event for u in updates if u.at == MIDNIGHT] == ["canceled"] * 3
    assert statuses(venue.order(PA, order.id)) == ["filled", "canceled", "canceled"]
