"""Data that fails, bars that come late, orders that turn up after all: found by chaos days."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from magellan_core.market_hours import at_new_york
from magellan_core.model import Side
from magellan_core.trials.faults import Answer, Fault, Place, Tally
from magellan_core.trials.scenarios import TUESDAY, WEDNESDAY, scenarios
from magellan_core.trials.stage import Stage


def fills(stage: Stage) -> list[tuple[str, Side, datetime]]:
    told = stage.exchange.fills(stage.player.number)
    return [(fill.symbol, fill.side, fill.at) for fill in told]


class DataGone(Tally):
    """Market data cannot be asked for from some instant on."""

    since: datetime

    def call_fault(self, call: Any) -> Fault | None:
        gone = call.method in ("bars", "quotes") and self.now() >= self.since
        return Fault(Place.CALL, call.number, Answer.RESET) if gone else None


def test_a_time_exit_needs_no_market_data() -> None:
    stage = Stage(scenarios()["time exit"], tally=DataGone)
    assert isinstance(stage.tally, DataGone)
    stage.tally.since = at_new_york(WEDNESDAY, 11, 45)
    stage.play()
    symbol, side, at = fills(stage)[-1]
    assert (symbol, side) == ("ONDS", Side.SELL)
    assert at <= at_new_york(WEDNESDAY, 12, 11)


class LateBar(Tally):
    """At one check the newest bar is not there yet when it is asked for first."""

    late = True

    def tamper(self, method: str, told: Any) -> Any:
        at = at_new_york(TUESDAY, 12)
        if method == "bars" and self.now() == at and self.late:
            self.late = False
            return {s: [b for b in bars if b.end < at] for s, bars in told.items()}
        return told


def test_an_hourly_check_waits_for_its_bar() -> None:
    stage = Stage(scenarios()["hourly"], tally=LateBar)
    stage.play()
    bought = next(c for c in stage.tally.made if c.method == "submit" and "TSLA" in str(c.argument))
    assert bought.at == at_new_york(TUESDAY, 12) + timedelta(seconds=2)


class ArrivesLate(Tally):
    """The first entry is on its way for longer than it is waited for."""

    def call_fault(self, call: Any) -> Fault | None:
        first = call.method == "submit" and not self.fired
        self.fired += first
        return Fault(Place.CALL, call.number, Answer.LATE) if first else None


def test_an_entry_given_up_for_lost_is_a_position_once_it_turns_up() -> None:
    stage = Stage(scenarios()["targets"], tally=ArrivesLate)
    held: list[Callable[[], object]] = []
    stage.tally.defer = held.append
    stage.play_until(at_new_york(TUESDAY, 11, 8))
    assert stage.player.engine is not None
    assert not stage.player.engine.ledger.book.positions
    (do,) = held
    do()
    stage.play()
    sides = [side for _, side, _ in fills(stage)]
    assert sides == [Side.BUY, Side.SELL]
    assert stage.player.engine.ledger.book.trades
