"""A halt that a stream tells of keeps entries back, no exit, and no longer than REST allows."""

from collections.abc import Sequence

import pytest

from magellan_core.backtest.replay import replay
from magellan_core.lines import Event, Line
from magellan_core.model import Bar, Timeframe
from magellan_core.ports import Level, Told, ToldBar, ToldStatus
from tests.engine.markets import (
    AMC,
    DAY,
    MINUTE,
    NEXT_OPEN,
    SPY,
    TRAP_END,
    at,
    bear_trap,
    daily_trend,
)
from tests.engine.rig import Rig, Said


def listening(rig: Rig) -> Said:
    said = Said()
    rig.engine.feed.news.source = said
    return said


def pause(minute: float) -> ToldStatus:
    return ToldStatus(
        AMC, at(minute), True, "P", "Volatility Trading Pause", "LUDP", "Volatility Trading Pause"
    )


def refusals(rig: Rig) -> list[str]:
    return [str(e.data["objections"]) for e in rig.lines(Line.DECISION) if e.data["objections"]]


WHY = "symbol_trading: told to be halted since 09:56:30 ET (LUDP Volatility Trading Pause)"


def test_an_entry_is_refused_while_its_symbol_is_told_to_be_halted() -> None:
    rig = bear_trap()
    said = listening(rig)
    rig.run(TRAP_END - MINUTE)
    said.next = [pause(26.5)]  # after the last bar before the trap's, which tells of trades before
    rig.run(TRAP_END + 5 * MINUTE)
    assert rig.orders() == []
    assert WHY in refusals(rig)[0]
    assert [e.data["what"] for e in rig.lines(Line.STATUS_SEEN)] == ["halt", "traded"]
    [alert] = [each for each in rig.told.alerts if each[1].startswith("told-halted")]
    assert alert[0] is Level.WARNING


@pytest.mark.parametrize(
    "told",
    [
        [],
        [pause(26)],  # REST has a bar that begins with it
        [pause(25.5), ToldStatus(AMC, at(26.9), False, "T", "Trading Resumption", "", "")],
        [ToldStatus(AMC, at(26.5), None, "5", "Price Indication", "", "")],
        [pause(26.5)._replace(symbol="GME")],
    ],
)
def test_what_is_over_or_no_halt_or_of_another_symbol_refuses_nothing(told: list[Told]) -> None:
    rig = bear_trap()
    said = listening(rig)
    rig.run(TRAP_END - MINUTE)
    said.next = list(told)
    rig.run(TRAP_END + 2 * MINUTE)
    assert len(rig.orders()) == 3
    assert refusals(rig) == []


def test_a_replay_of_the_journal_refuses_what_was_refused() -> None:
    rig = bear_trap(before=10.0)
    said = listening(rig)
    rig.run(TRAP_END - MINUTE)
    said.next = [pause(26.5)]
    rig.run(TRAP_END + 5 * MINUTE)
    assert refusals(rig)
    bars = rig.data.bars([AMC], Timeframe.MINUTE, at(-2000), at(0), split_adjusted=True)

    def again(lines: Sequence[Event]) -> str | None:
        return replay(lines, DAY, rig.make_strategy, rig.settings, bars).difference

    assert again(rig.lines()) is None
    without = [line for line in rig.lines() if line.kind != Line.STATUS_SEEN]
    assert "objections journaled ['symbol_trading" in str(again(without))


def test_exits_go_out_all_the_same() -> None:
    rig = bear_trap()
    said = listening(rig)
    rig.run(TRAP_END + 2 * MINUTE)
    assert rig.qty(AMC) > 0
    said.next = [pause(400)]  # a halt of which no bar ever is the end
    rig.run(at(391))
    assert rig.engine.feed.news.halts.why(AMC, rig.now) is not None
    assert rig.qty(AMC) == 0
    assert rig.lines(Line.EXIT_DONE)


def test_a_restart_knows_of_no_halt_and_folds_its_lines_to_nothing() -> None:
    rig = bear_trap()
    said = listening(rig)
    rig.run(TRAP_END - MINUTE)
    said.next = [pause(26.5)]
    rig.tick()
    assert rig.lines(Line.STATUS_SEEN)
    rig.restart()
    rig.run(TRAP_END + 2 * MINUTE)
    assert len(rig.orders()) == 3


def test_where_bars_are_longer_a_told_minute_ends_a_halt_whose_resume_was_missed() -> None:
    """REST's next bar is a day away; and no minute is taken for one of its days."""
    rig = daily_trend()
    said = listening(rig)
    rig.run(NEXT_OPEN - MINUTE)
    said.next = [pause(0)._replace(symbol=SPY, at=NEXT_OPEN - MINUTE)]
    rig.run(NEXT_OPEN + MINUTE)
    assert "told to be halted since 09:29:00 ET" in refusals(rig)[-1]
    minute = Bar(SPY, NEXT_OPEN, NEXT_OPEN + MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    said.next = [ToldBar(minute, revised=False)]
    assert not rig.engine.feed.promised()
    rig.run(NEXT_OPEN + 2 * MINUTE)
    assert len(rig.orders()) == 1
    assert rig.lines(Line.BAR_SEEN) == []
