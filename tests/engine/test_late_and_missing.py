"""Data that fails, bars that come late, orders that turn up after all: found by chaos days."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from magellan_core.market_hours import at_new_york
from magellan_core.model import OrderRequest, Refused, Side
from magellan_core.trials.faults import Answer, Call, Fault, Kill, Place, Tally
from magellan_core.trials.scenarios import HALF_DAY, TUESDAY, WEDNESDAY, scenarios
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
    """The first order of a side is on its way for longer than it is waited for."""

    side = Side.BUY

    def call_fault(self, call: Any) -> Fault | None:
        ours = call.method == "submit" and call.argument.side is self.side
        first = ours and not self.fired
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


def test_an_exit_that_arrives_after_its_repeat_sells_nothing_twice() -> None:
    stage = Stage(scenarios()["time exit"], tally=ArrivesLate)
    assert isinstance(stage.tally, ArrivesLate)
    stage.tally.side = Side.SELL
    held: list[Callable[[], object]] = []
    stage.tally.defer = held.append
    stage.play_until(at_new_york(WEDNESDAY, 12, 13))
    assert stage.exchange.positions(stage.player.number) == []
    (do,) = held
    assert isinstance(do(), Refused), "the same name, so the broker refuses the echo"
    stage.play()


class DiesAtTheOpen(Tally):
    """Late at the open, so that its order misses the day's price; and dead right after it."""

    def call_fault(self, call: Call) -> Fault | None:
        if call.at < at_new_york(HALF_DAY, 9, 30) or self.life > 2:
            return None
        if self.life == 1:
            return Fault(Place.CALL, call.number, kill=Kill.BEFORE)
        kill = Kill.AFTER if call.method == "submit" else None
        return Fault(Place.CALL, call.number, kill=kill) if kill else None


def test_a_signal_that_was_sent_is_not_sent_anew_once_its_order_is_cancelled() -> None:
    downtime = timedelta(seconds=20)
    stage = Stage(scenarios()["kept overnight"], tally=DiesAtTheOpen, downtime=downtime)
    stage.play()
    assert stage.tally.life == 3
    asked = [c.argument for c in stage.tally.made if isinstance(c.argument, OrderRequest)]
    sent = Counter(request.client_order_id for request in asked)
    assert sent
    assert max(sent.values()) == 1
