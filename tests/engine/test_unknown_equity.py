"""A broker that answers null is not a broker that answers zero."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest

from magellan_core.model import Account
from magellan_core.paper.broker import CoreBroker
from tests.engine.risk_stage import ACME, Buyer, Desk, day, desk

NINE_THIRTY = day(0).open


@dataclass
class Forgetful:
    """The broker, with its account's answer spoiled from an instant on."""

    on: Desk
    spoil: Callable[[Account], Account]
    begin: timedelta

    def __post_init__(self) -> None:
        self.real = CoreBroker(self.on.exchange, self.on.number)

    def account(self) -> Account:
        told = self.real.account()
        return self.spoil(told) if self.on.exchange.now >= NINE_THIRTY + self.begin else told

    # Any: everything else is the real broker's, whatever its type.
    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def null(account: Account) -> Account:
    return replace(account, equity=None, last_equity=None)


def of_last_week(account: Account) -> Account:
    return replace(account, as_of=date(2024, 7, 10))


def spoiled(
    spoil: Callable[[Account], Account], begin: timedelta, buyer: Buyer | None = None
) -> Desk:
    on = desk({0: [10.0]}, strategy=buyer)
    on.broker = Forgetful(on, spoil, begin)
    return on


def objections(on: Desk) -> set[str]:
    return {o.split(":")[0] for line in on.lines("decision") for o in line["objections"]}


@pytest.mark.parametrize("spoil", [null, of_last_week])
def test_nothing_is_entered_nothing_is_halted_and_a_person_is_told(
    spoil: Callable[[Account], Account],
) -> None:
    on = spoiled(spoil, timedelta(minutes=-60))
    assert not on.run(NINE_THIRTY + timedelta(minutes=10))
    assert on.halts() == []
    assert on.held() == {}
    assert "account_judged" in objections(on)
    assert "unjudged" in on.alerts.subjects()


def test_exits_go_on_while_the_equity_is_unknown() -> None:
    seller = Buyer(sell_at=lambda bar: bar.start >= NINE_THIRTY + timedelta(minutes=10))
    on = spoiled(null, timedelta(minutes=5), seller)
    assert not on.run(NINE_THIRTY + timedelta(minutes=8))
    assert on.held() == {ACME: 3960}
    assert not on.run(NINE_THIRTY + timedelta(minutes=20))
    assert on.held() == {}
    assert on.halts() == []
