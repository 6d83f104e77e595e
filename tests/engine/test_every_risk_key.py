"""Every key of `risk_management`, changed alone, changes what happens: none is for show."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from magellan_core.config_risk import RiskManagement
from magellan_core.config_schema import model_in
from magellan_core.model import Bar
from magellan_core.risk.notice import Action, Notice
from tests.engine.risk_stage import ACME, Buyer, Desk, day, desk

HALF_AN_HOUR = timedelta(minutes=30)
EMERGENCY = "emergency_stop_conditions"
TWO = (ACME, "WKHS")


def leaves(kind: type[BaseModel], path: str = "") -> Iterator[str]:
    """Dotted paths of all keys that hold a value of their own."""
    for name, field in kind.model_fields.items():
        inner = model_in(field.annotation)
        if inner is None:
            yield f"{path}{name}"
        else:
            yield from leaves(inner, f"{path}{name}.")


def every_third(bar: Bar) -> bool:
    return bar.start.minute % 3 == 2


FALL = {0: [10.0, 10.0, 10.0, 9.0]}
WIN = [9.9, 10.0, 10.0, 10.1, 10.0, 10.0]
# Bought at the second minute of three, sold at the first of the next: one wins, one loses.
SEESAW = {0: WIN * 4}
LOSERS = [10.0 - 0.002 * n for n in range(40)]
WINNERS = [10.0 + 0.002 * n for n in range(40)]


def half_an_hour(on: Desk) -> None:
    on.run(day(0).open + HALF_AN_HOUR)


def four_days(on: Desk) -> None:
    for n in range(5):
        on.run(day(n).close + HALF_AN_HOUR)


def two_days(on: Desk) -> None:
    on.run(day(3).open)


def manual(on: Desk) -> None:
    on.run(day(0).open + timedelta(minutes=5))
    on.store.post(Notice(Action.HALT, "all", "manual", "the news", "a test", on.exchange.now))
    half_an_hour(on)


def standing_still(on: Desk) -> None:
    on.exchange.halt(ACME)
    half_an_hour(on)


def late(on: Desk) -> None:
    on.run(day(0).open + timedelta(seconds=30))
    on.exchange.step(day(0).open + timedelta(minutes=20))
    half_an_hour(on)


def a_day_between(on: Desk) -> None:
    on.run(day(0).open + timedelta(minutes=35))
    on.exchange.step(day(2).open - HALF_AN_HOUR)
    on.run(day(2).open + timedelta(minutes=35))


@dataclass(frozen=True)
class Case:
    """A key's usual value, another, and the day on which the two must differ."""

    usual: object
    other: object
    play: Callable[[Desk], None] = half_an_hour
    prices: dict[int, list[float]] | None = None
    more: dict[str, Any] | None = None
    buyer: Callable[[], Buyer] = Buyer


DOWN = {n: [10.0 - 0.3 * n] for n in range(5)}
CASES: dict[str, Case] = {
    "max_daily_loss_dollars": Case(10_000, 3000, prices=FALL),
    "max_daily_loss_pct": Case(10, 3, prices=FALL),
    "max_position_dollars": Case(50_000, 20_000),
    "position_buffer_pct": Case(1, 10),
    "max_open_positions": Case(5, 1, more={"symbols": TWO}),
    "max_trades_per_day": Case(None, 1, buyer=lambda: Buyer(sell_at=every_third)),
    "risk_per_trade_pct": Case(None, 2),
    "max_spread_pct": Case(2, 0.1, more={"spread_bps": 50}),
    "min_quote_size_shares": Case(50, 1001),
    "price_collar_pct": Case(10, 1, buyer=lambda: Buyer(reference=Decimal("1.02"))),
    "slippage_tolerance_pct": Case(1, 0.1, more={"spread_bps": 50}),
    "max_quote_age_seconds": Case(60, 36_000, standing_still),
    "max_bar_age_seconds": Case(90, 36_000, late),
    "max_orders_per_minute": Case(30, 1, more={"symbols": TWO}),
    "halt_policies.daily_loss": Case(
        "flatten", "hold", prices=FALL, more={"risk_management__max_daily_loss_dollars": 3000}
    ),
    "halt_policies.drawdown": Case(
        "flatten",
        "hold",
        prices=FALL,
        more={f"risk_management__{EMERGENCY}__max_drawdown_pct": 3},
    ),
    "halt_policies.portfolio": Case(
        "flatten", "hold", prices=FALL, more={"portfolio__max_daily_loss_dollars": 3000}
    ),
    "halt_policies.manual": Case("flatten", "hold", manual),
    "halt_policies.losing_streak": Case("hold", "flatten", four_days, DOWN),
    "halt_policies.win_rate": Case(
        "hold",
        "flatten",
        half_an_hour,
        {0: LOSERS},
        more={f"risk_management__{EMERGENCY}__win_rate_min_trades": 5},
        buyer=lambda: Buyer(sell_at=every_third),
    ),
    f"{EMERGENCY}.consecutive_losing_days": Case(3, 2, two_days, DOWN),
    f"{EMERGENCY}.losing_day_min_loss_pct": Case(1, 5, four_days, DOWN),
    f"{EMERGENCY}.min_win_rate_pct": Case(
        30,
        60,
        prices=SEESAW,
        more={f"risk_management__{EMERGENCY}__win_rate_min_trades": 4},
        buyer=lambda: Buyer(sell_at=every_third),
    ),
    f"{EMERGENCY}.win_rate_window_days": Case(
        14,
        1,
        a_day_between,
        {0: WINNERS, 1: [10.0], 2: LOSERS},
        more={f"risk_management__{EMERGENCY}__win_rate_min_trades": 5},
        buyer=lambda: Buyer(sell_at=every_third),
    ),
    f"{EMERGENCY}.win_rate_min_trades": Case(
        20, 5, prices={0: LOSERS}, buyer=lambda: Buyer(sell_at=every_third)
    ),
    f"{EMERGENCY}.max_drawdown_pct": Case(20, 3, prices=FALL),
}


def outcome(case: Case, key: str, value: object) -> tuple[object, ...]:
    """What was halted, refused, bought and kept, and whether the process ended by itself."""
    changes = {f"risk_management__{key.replace('.', '__')}": value}
    on = desk(case.prices or {0: [10.0]}, strategy=case.buyer(), **{**(case.more or {}), **changes})
    case.play(on)
    against = {o.split(":")[0] for line in on.lines("decision") for o in line["objections"]}
    bought = [line["request"]["qty"] for line in on.lines("planned")]
    return on.halts(), sorted(against), bought, on.held(), on.ended


def test_every_key_has_a_case_and_no_case_is_for_a_key_that_is_gone() -> None:
    assert set(leaves(RiskManagement)) == set(CASES)


@pytest.mark.parametrize("key", CASES)
def test_each_key_changed_alone_changes_behaviour(key: str) -> None:
    case = CASES[key]
    assert outcome(case, key, case.usual) != outcome(case, key, case.other)
