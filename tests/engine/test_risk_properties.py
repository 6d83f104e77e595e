"""Whatever prices do and however fills come: no position over its cap, no day past its limit."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magellan_core.model import Bar
from magellan_core.paper.rules import Rules
from tests.engine.risk_stage import ACME, Buyer, Desk, day, desk

CAP = Decimal(30_000)
LIMIT = Decimal(900)
MINUTES = 40
# A minute moves the price by up to 2 %, half of the time by nothing.
moves = st.lists(
    st.one_of(st.just(0.0), st.floats(-0.02, 0.02)), min_size=MINUTES, max_size=MINUTES
)


def path(steps: list[float]) -> list[float]:
    prices, price = [], 10.0
    for step in steps:
        price = max(0.5, round(price * (1 + step), 2))
        prices.append(price)
    return prices


def played(steps: list[float], sell_every: int, partial: float, seed: int) -> tuple[Desk, Buyer]:
    def sell(bar: Bar) -> bool:
        return bar.start.minute % sell_every == 0

    buyer = Buyer(dollars=Decimal(60_000), sell_at=sell)
    on = desk(
        {0: path(steps)},
        strategy=buyer,
        rules=Rules(spread_bps=Decimal(5), partial_fill_probability=partial, seed=seed),
        risk_management__max_position_dollars=float(CAP),
        risk_management__max_daily_loss_dollars=float(LIMIT),
        risk_management__price_collar_pct=1,
    )
    return on, buyer


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(moves, st.integers(3, 9), st.sampled_from([0.0, 0.5]), st.integers(0, 99))
def test_no_position_exceeds_its_cap_and_no_day_its_limit_by_more_than_a_ticks_move(
    steps: list[float], sell_every: int, partial: float, seed: int
) -> None:
    on, _ = played(steps, sell_every, partial, seed)
    on.run(day(0).open + timedelta(minutes=MINUTES + 5))
    bought = [line for line in on.lines("fill") if line["side"] == "buy"]
    by_order: dict[str, Decimal] = {}
    for fill in bought:
        cost = Decimal(fill["qty"]) * Decimal(fill["price"])
        by_order[fill["order"]] = by_order.get(fill["order"], Decimal(0)) + cost
    prices = path(steps)
    largest = max(abs(b / a - 1) for a, b in pairwise(prices))
    # Bought at the bar after the decision: the buffer of 1 % covers a move of 1 %, not more.
    slack = Decimal(1) + max(Decimal(0), Decimal(str(largest)) - Decimal("0.01"))
    for cost in by_order.values():
        assert cost <= CAP * slack
    # Seen at the tick after the bar, sold at the next bar's open: two moves of the whole position.
    worst = 2 * Decimal(str(largest)) * CAP * slack
    lost = Decimal(100_000) - on.equity()
    assert lost <= LIMIT + worst + 1
    if on.halts():
        assert on.held() == {}
        halted_at = next(e.at for e in on.journal.events() if e.kind == "halt")
        entered = [
            e.at for e in on.journal.events() if e.kind == "planned" and e.data["role"] == "entry"
        ]
        assert all(at <= halted_at for at in entered)
    assert set(on.held()) <= {ACME}
