"""Die or be answered badly at every call and every journal write; the account stays right.

One test is one scenario with a part of one kind of point: it plays the rest of the day after each,
with the invariants checked at every step, and names every point that broke one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

from magellan_core.model import Side
from magellan_core.trials.faults import Answer, Call, Fault, Kill, Place
from magellan_core.trials.invariants import Broken
from magellan_core.trials.points import Kind, points
from magellan_core.trials.scenarios import scenarios
from magellan_core.trials.stage import Scenario, Stage

pytestmark = pytest.mark.timeout(600)

# How long the daemon stays dead, in turns from one point to the next.
DOWNTIMES = [timedelta(0), timedelta(seconds=20), timedelta(minutes=3), timedelta(minutes=33)]

# All points of one kind take more than a minute: in parts, workers of a test run share them.
PARTS = 6


@cache
def scripts() -> Mapping[str, Scenario]:
    """All stretches, and two of them as daemons play them that look at the account ahead."""
    ahead = {
        f"{name}, ahead": replace(scenarios()[name], look_ahead=timedelta(seconds=1))
        for name in ("stopped", "time exit")
    }
    return {**scenarios(), **ahead}


@cache
def good_run(name: str) -> tuple[Sequence[Call], int]:
    """The calls and the number of journal writes of an undisturbed run."""
    stage = Stage(scripts()[name])
    stage.play()
    return stage.tally.made, stage.tally.appends


def broken(
    name: str, runs: Iterable[tuple[Fault, ...]], *, adapter: bool = False, part: int | None = None
) -> list[str]:
    """Play each run to its end (or those of a part); what broke, with words that name the run."""
    told: list[str] = []
    for turn, faults in enumerate(runs):
        if part not in (None, turn // len(DOWNTIMES) % PARTS):
            continue
        downtime = DOWNTIMES[turn % len(DOWNTIMES)]
        stage = Stage(scripts()[name], faults, adapter=adapter, downtime=downtime)
        words = f"{name}, {' and '.join(str(f) for f in faults)}, down {downtime}"
        try:
            stage.play()
        except Broken as breach:
            told.append(f"{words}: {breach}")
            continue
        if not stage.tally.fired:
            told.append(f"{words}: never happened")
    return told


@pytest.mark.parametrize(
    ("name", "sides"),
    [
        ("targets", "BBBSSS"),
        ("stopped", "BBBSSS"),
        ("stops die", "BBBSSS"),
        ("partial fill", "BBBSSSSSSSSSS"),
        ("time exit", "BBBS"),
        ("end-of-day exit", "BBBS"),
        ("kept overnight", "BBS"),
        ("hourly", "BBSS"),
        ("stopped, ahead", "BBBSSS"),
        ("time exit, ahead", "BBBS"),
    ],
)
@pytest.mark.parametrize("adapter", [False, True], ids=["in process", "through the adapter"])
def test_the_scripts_do_what_their_names_say(name: str, sides: str, adapter: bool) -> None:
    stage = Stage(scripts()[name], adapter=adapter)
    stage.play()
    fills = stage.exchange.fills(stage.player.number)
    assert "".join("B" if f.side is Side.BUY else "S" for f in fills) == sides


NAMES = [*scripts()]


def test_the_scripts_hold_every_kind_of_order() -> None:
    methods = {call.method for name in NAMES for call in good_run(name)[0] if call.writes}
    assert methods == {"submit", "replace_stop", "cancel"}


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", NAMES)
def test_every_point_of_a_day_can_fail(name: str, kind: Kind, part: int) -> None:
    runs = [(fault,) for fault in points(kind, *good_run(name))]
    assert len(runs) >= PARTS * len(DOWNTIMES)
    assert broken(name, runs, part=part) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_order_can_fail_on_the_wire(name: str) -> None:
    at_once = {None, Kill.BEFORE, Kill.DURING}
    runs = [(f,) for f in points(Kind.WRITES, *good_run(name)) if f.kill in at_once]
    assert broken(name, runs, adapter=True) == []


@pytest.mark.parametrize("name", NAMES)
def test_questions_can_fail_on_the_wire(name: str) -> None:
    """A sample: what a read does to the engine is enumerated in process."""
    runs = [(fault,) for fault in points(Kind.READS, *good_run(name))][::11]
    assert broken(name, runs, adapter=True) == []


@pytest.mark.parametrize("name", NAMES)
def test_recovering_can_be_killed_too(name: str) -> None:
    """After an order of unknown fate, die again at each call of the start that follows."""
    made, _ = good_run(name)
    orders = [call.number for call in made if call.writes]
    runs = [
        (
            Fault(Place.CALL, number, answer, Kill.DURING),
            Fault(Place.CALL, number + later, kill=kill),
        )
        for number in orders
        for answer in (Answer.HONEST, Answer.RESET)
        for later in range(1, 11)
        for kill in (Kill.BEFORE, Kill.PAST_WRITE)
    ]
    assert broken(name, islice(runs, 0, None, 3)) == []


def killed_between_orders(name: str, calls: int) -> Stage:
    """Played with a death every 23 calls, none of them an order: those may be given up for lost."""
    for first in range(11, 34):
        points = range(first, calls, 23)
        stage = Stage(scripts()[name], [Fault(Place.CALL, n, kill=Kill.BEFORE) for n in points])
        stage.play()
        if not any(call.writes for call in stage.tally.made if call.number in points):
            return stage
    raise AssertionError(f"{name}: whatever the first, an order is among them")


@pytest.mark.parametrize("name", NAMES)
def test_restarts_between_orders_take_no_other_decision(name: str) -> None:
    def fills(stage: Stage) -> list[tuple[object, ...]]:
        told = stage.exchange.fills(stage.player.number)
        return [(f.symbol, f.side, f.qty, f.price, f.at) for f in told]

    good = Stage(scripts()[name])
    good.play()
    restarted = killed_between_orders(name, good.tally.calls)
    assert restarted.tally.life > 3
    assert fills(restarted) == fills(good)


@pytest.mark.parametrize("name", ["targets", "kept overnight", "hourly"])
def test_the_journal_on_disk_serves_as_the_one_in_memory(name: str, tmp_path: Path) -> None:
    made, appends = good_run(name)
    told: list[str] = []
    kills = [Fault(Place.APPEND, n, kill=Kill.AFTER) for n in range(1, appends + 1)]
    orders = [f for f in points(Kind.WRITES, made, appends) if f.kill is Kill.DURING]
    for turn, fault in enumerate([*kills, *orders][::4]):
        stage = Stage(scripts()[name], [fault], journal=tmp_path / f"{turn}.sqlite3")
        try:
            stage.play()
        except Broken as breach:
            told.append(f"{name}, {fault}: {breach}")
    assert told == []
