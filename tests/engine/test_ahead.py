"""Looking at the account a moment before a bar is due: only bars and quotes delay its orders."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from magellan_core.lines import Line
from magellan_core.risk.account import Breach
from tests.engine.markets import AMC, MINUTE, TRAP_END, Row, bear_trap
from tests.engine.rig import Rig

SECOND = timedelta(seconds=1)
FLAT: Row = (8.1, 8.1, 8.1, 8.1)
ACCOUNT = {"open_orders", "account", "positions"}
STRETCHES: dict[str, list[Row]] = {
    "flat": [FLAT],
    "up to the targets": [FLAT, (8.1, 12.0, 8.1, 12.0), (12.0, 13.0, 12.0, 13.0)],
    "down to the stop": [FLAT, (8.0, 8.0, 6.0, 6.0)],
}


def asked_before_the_order(rig: Rig) -> list[str]:
    """What the tick at the trap's end asks before its first order leaves."""
    rig.log.clear()
    rig.tick()
    calls = [word for word in rig.log if word not in set(Line)]
    return calls[: next(n for n, word in enumerate(calls) if word.startswith("submit "))]


def test_what_was_seen_a_second_before_the_bar_is_not_asked_for_again() -> None:
    rig = bear_trap(FLAT, look_ahead=SECOND)
    rig.run(TRAP_END - SECOND)
    rig.log.clear()
    rig.tick()
    assert {word for word in rig.log if word not in set(Line)} == {*ACCOUNT, "quotes"}
    rig.pause(TRAP_END)
    assert asked_before_the_order(rig) == ["bars", "quotes"]
    assert rig.report is not None
    assert rig.report.next_at - rig.now <= SECOND  # and the account is looked at at once


def test_without_it_the_account_is_asked_for_between_bar_and_order() -> None:
    rig = bear_trap(FLAT)
    rig.run(TRAP_END)
    assert set(asked_before_the_order(rig)) > ACCOUNT


@pytest.mark.parametrize("after", STRETCHES.values(), ids=STRETCHES)
def test_the_same_is_traded_either_way(after: list[Row]) -> None:
    fills = []
    for look_ahead in (None, SECOND):
        rig = bear_trap(*after, look_ahead=look_ahead)
        rig.run(TRAP_END + 45 * MINUTE)
        assert rig.settled()
        fills.append(rig.fills())
    assert fills[0] == fills[1]
    assert len(fills[0]) > 3


def seen_too_early(rig: Rig) -> None:
    rig.pause(TRAP_END + 3 * SECOND)


def unreachable_since(rig: Rig) -> None:
    rig.pause(TRAP_END - SECOND / 2)
    rig.broker.down = True
    rig.tick()
    rig.broker.down = False
    rig.pause(TRAP_END)


def at_odds(rig: Rig) -> None:
    """Book and broker disagree."""
    rig.engine.settler._since[AMC] = rig.now
    rig.pause(TRAP_END)


def halted(rig: Rig) -> None:
    rig.engine.limits.halts.halt(Breach("manual", "a test wants it"), rig.now)
    rig.pause(TRAP_END)


@pytest.mark.parametrize("happens", [seen_too_early, unreachable_since, at_odds, halted])
def test_whatever_happened_since_makes_it_ask_again(happens: Callable[[Rig], None]) -> None:
    rig = bear_trap(FLAT, look_ahead=SECOND)
    rig.run(TRAP_END - SECOND)
    rig.tick()
    happens(rig)
    rig.log.clear()
    rig.tick()
    assert set(rig.log) > ACCOUNT


def test_an_order_under_way_makes_it_ask_again() -> None:
    rig = bear_trap(FLAT, look_ahead=SECOND)
    rig.run(TRAP_END - SECOND)
    rig.tick()
    rig.pause(TRAP_END)
    rig.broker.fates = ["silent"]
    rig.tick()
    assert rig.book.unsettled() == {AMC}
    rig.log.clear()
    rig.tick()
    assert set(rig.log) > ACCOUNT
