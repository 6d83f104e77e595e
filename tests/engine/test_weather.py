"""What each kind of bad answer does at the exchange, and what the adapters make of it."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from magellan_core.errors import Unavailable
from magellan_core.model import Accepted, OrderRequest, Refused, Side, Unknown
from magellan_core.trials.faults import TAKES_EFFECT, TAKES_TIME, Answer, Fault, Place, Tally
from magellan_core.trials.interposer import InProcess, Interposer, Spoiler
from magellan_core.trials.scenarios import scenarios
from magellan_core.trials.socketless import Wire, adapters
from magellan_core.trials.stage import Stage
from magellan_core.trials.weather import MORE_ANSWERS, UNKNOWN_WORD, Climate, Weather

NO = {Answer.REFUSED, Answer.SLOW_DOWN}


def desk(answer: Answer, *, over_the_wire: bool) -> tuple[Interposer, Stage, list[str]]:
    """A broker whose first call is answered so; `waited` grows with each call that takes time."""
    stage = Stage(scenarios()["stopped"], adapter=over_the_wire)
    waited: list[str] = []
    tally = Tally(lambda: stage.exchange.now, [Fault(Place.CALL, 1, answer)])
    tally.hang = lambda: waited.append("ten seconds")
    spoiler: Spoiler = InProcess()
    broker, data = stage.player._adapters()
    if over_the_wire:
        wire = Wire(stage.exchange)
        spoiler, (broker, data) = wire, adapters(wire, stage.scenario.account)
    return Interposer(broker, data, spoiler, tally), stage, waited


@pytest.mark.parametrize("over_the_wire", [False, True], ids=["in process", "over the wire"])
@pytest.mark.parametrize("answer", [Answer.HONEST, *MORE_ANSWERS])
def test_an_order_so_answered(answer: Answer, over_the_wire: bool) -> None:
    broker, stage, waited = desk(answer, over_the_wire=over_the_wire)
    outcome = broker.submit(OrderRequest("mine", "AMC", Side.BUY, 1))
    arrived = len(stage.exchange.orders(stage.player.number, "all", limit=500))
    assert arrived == (1 if answer in TAKES_EFFECT else 0)
    expected = Accepted if answer is Answer.HONEST else Refused if answer in NO else Unknown
    assert isinstance(outcome, expected)
    assert len(waited) == (1 if answer in TAKES_TIME else 0)


@pytest.mark.parametrize("over_the_wire", [False, True], ids=["in process", "over the wire"])
@pytest.mark.parametrize("answer", MORE_ANSWERS)
def test_a_question_so_answered(answer: Answer, over_the_wire: bool) -> None:
    broker, _, _ = desk(answer, over_the_wire=over_the_wire)
    with pytest.raises(Unavailable):
        broker.positions()
    assert broker.positions() == []


STORM = Climate(read=0, order=0, kill=0, disk=0, tamper=1, burst=0)


def weather(stage: Stage, seed: int, *, full: bool = True) -> Weather:
    return Weather(lambda: stage.exchange.now, rng=Random(seed), climate=STORM, full=full)


def test_an_order_may_be_listed_late_but_not_for_long() -> None:
    broker, stage, _ = desk(Answer.HONEST, over_the_wire=False)
    broker.submit(OrderRequest("mine", "AMC", Side.BUY, 1))
    order = broker.find("mine")
    told = [weather(stage, seed).tamper("find", order) for seed in range(20)]
    assert None in told
    stage.exchange.step(stage.exchange.now + timedelta(seconds=10))
    assert None not in [weather(stage, seed).tamper("find", order) for seed in range(20)]
    assert None not in [weather(stage, seed, full=False).tamper("find", order) for seed in range(9)]


def test_fields_and_words_of_legs_are_spoiled_too() -> None:
    stage = Stage(scenarios()["stopped"])
    found: set[object] = set()
    for seed in range(40):
        body: Any = [{"id": "b1", "legs": [{"type": "stop"}]}]
        weather(stage, seed).null_fields(body)
        found.add(body[0]["legs"] and body[0]["legs"][0]["type"])
    assert found == {"stop", UNKNOWN_WORD, None}
