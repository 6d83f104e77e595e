"""No order twice, none lost: what happens when nobody knows whether the broker has it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from magellan_core.lines import Line
from tests.engine.markets import (
    AMC,
    MINUTE,
    NEXT_OPEN,
    SPY,
    TRAP_END,
    Row,
    at,
    bear_trap,
    daily_trend,
)
from tests.engine.rig import TEN_SECONDS, Rig

FLAT: Row = (8.1, 8.1, 8.1, 8.1)


def outcomes(rig: Rig, symbol: str) -> list[str]:
    return [str(e.data["what"]) for e in rig.lines(Line.OUTCOME) if e.symbol == symbol]


def sent(rig: Rig, leg: str) -> list[str]:
    return [w for w in rig.log if w.startswith("submit ") and f"-{leg}-" in w]


def test_an_entry_whose_answer_is_lost_is_looked_up_and_not_sent_again() -> None:
    rig = daily_trend()
    rig.run(NEXT_OPEN)
    rig.broker.fates = ["silent"]
    rig.run(NEXT_OPEN + MINUTE)
    assert outcomes(rig, SPY) == ["unknown", "found"]
    assert len(sent(rig, "entry")) == 1
    assert rig.settled()
    assert rig.qty(SPY) > 0


@pytest.mark.parametrize("restarts", [False, True])
def test_an_entry_that_never_arrived_is_given_up_and_not_tried_again(restarts: bool) -> None:
    rig = daily_trend()
    rig.run(NEXT_OPEN)
    rig.broker.fates = ["lose"]
    rig.tick()
    if restarts:
        rig.restart()
    rig.run(NEXT_OPEN + 60 * MINUTE)
    assert outcomes(rig, SPY) == ["unknown", "abandoned"]
    given_up = rig.lines(Line.OUTCOME)[-1]
    assert given_up.at - rig.lines(Line.PLANNED)[0].at >= TEN_SECONDS
    assert len(sent(rig, "entry")) == 1
    assert (rig.qty(SPY), rig.book.positions) == (0, {})


def test_the_rest_of_a_decision_stays_at_home_until_its_first_part_is_known() -> None:
    rig = bear_trap(FLAT)
    rig.run(TRAP_END)
    rig.broker.fates = ["silent"]
    rig.tick()
    assert [o.status.value for o in rig.book.orders.values()] == ["unknown", "rejected", "rejected"]
    rig.run(TRAP_END + MINUTE)
    assert rig.settled()
    assert len(rig.fills()) == 1


@pytest.mark.parametrize(
    ("fate", "heard", "posts"),
    [("silent", ["unknown", "found"], 1), ("lose", ["unknown", "resent", "accepted"], 2)],
)
def test_an_exit_is_sent_until_the_broker_has_it_under_one_name(
    fate: str, heard: list[str], posts: int
) -> None:
    rig = bear_trap(FLAT)
    rig.run(TRAP_END + 30 * MINUTE)
    rig.tick()  # the brackets are cancelled first
    rig.broker.fates = [fate]
    rig.run(TRAP_END + 33 * MINUTE)
    assert len(sent(rig, "exit")) == posts
    assert len(set(sent(rig, "exit"))) == 1
    exits = [e for e in rig.lines(Line.OUTCOME) if "-exit-" in str(e.data["order"])]
    assert [e.data["what"] for e in exits] == heard
    assert (rig.qty(AMC), rig.book.positions, rig.book.exits) == (0, {}, {})


def test_while_the_fate_of_an_order_is_open_its_symbol_takes_no_decision() -> None:
    rig = bear_trap(FLAT)
    rig.run(TRAP_END)
    rig.broker.fates = ["lose"]
    rig.tick()
    assert AMC in rig.book.busy()
    rig.exchange.step(rig.now + timedelta(seconds=9))
    rig.tick()
    assert AMC in rig.book.busy()
    rig.exchange.step(rig.now + timedelta(seconds=1))
    rig.tick()
    assert AMC not in rig.book.busy()


def test_an_entry_given_up_that_turns_up_after_all_is_ours_with_its_stop_and_its_exit() -> None:
    """The broker shows it only after the grace: found, filled, protected, sold on time."""
    rig = bear_trap(FLAT)
    rig.run(TRAP_END)
    rig.broker.fates, rig.broker.blind = ["silent"], True
    rig.tick()
    rig.exchange.step(rig.now + TEN_SECONDS)
    rig.tick()
    assert outcomes(rig, AMC)[-1] == "abandoned"
    assert rig.book.positions == {}
    rig.broker.blind = False
    rig.run(at(60))
    assert "found" in outcomes(rig, AMC)
    assert rig.lines(Line.BLOCK) == []
    assert [e.data["reason"] for e in rig.lines(Line.EXIT)] == ["time"]
    assert (rig.qty(AMC), rig.book.positions) == (0, {})
    assert len(rig.book.trades) == 1


def test_a_fill_that_overtakes_a_cancel_is_held_and_exited() -> None:
    """For a moment the broker calls the entry canceled and unfilled; then it is filled."""
    rig = bear_trap(FLAT)
    rig.run(TRAP_END)
    rig.tick()
    rig.broker.retell = lambda order: replace(order, status="canceled", legs=())
    rig.tick()
    assert rig.book.positions == {}
    rig.broker.retell = lambda order: order
    rig.run(TRAP_END + MINUTE)
    assert rig.settled()
    assert {t.qty for t in rig.book.holdings()[AMC].tranches} == {f[1] for f in rig.fills()}
    rig.run(at(60))
    assert [e.data["reason"] for e in rig.lines(Line.EXIT)] == ["time"]
    assert rig.qty(AMC) == 0
