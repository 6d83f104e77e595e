"""A day that was journaled comes out again, and a journal that was tampered with does not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache, partial
from pathlib import Path

import pytest

from magellan_core.backtest.drive import drive_all
from magellan_core.backtest.options import DEFAULTS, BacktestOptions
from magellan_core.backtest.replay import Replay, days_of, replay
from magellan_core.backtest.shared import stage
from magellan_core.backtest.strategies import BUILDERS
from magellan_core.compose import settings_of
from magellan_core.errors import DataError
from magellan_core.lines import Event, Line
from magellan_core.market_hours import new_york_date
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.market import Market
from magellan_core.paper.synthetic import DEMO_FIRST, DEMO_LAST, DEMO_SEED, generate
from tests.parity import configs

STRATEGIES = ("bear_trap", "daily_trend", "hourly_swing")
FRAME = {
    "bear_trap": Timeframe.MINUTE,
    "daily_trend": Timeframe.DAY,
    "hourly_swing": Timeframe.HOUR,
}


@cache
def journaled(name: str) -> tuple[Event, ...]:
    """What the live engine wrote over the synthetic days."""
    market = Market.from_bars(generate(seed=DEMO_SEED, first=DEMO_FIRST, last=DEMO_LAST))
    default = DEFAULTS[name]
    options = BacktestOptions(
        config=configs()[name],
        data=Path(),
        first=DEMO_FIRST,
        last=DEMO_LAST,
        fill=default.fill,
        bars=default.bars,
        cost_bps=Decimal(0),
        accounts="shared",
    )
    made = stage(options, market)
    drive_all([made.seat], made.exchange, made.until)
    return tuple(made.journal.events())


def history(name: str) -> dict[str, list[Bar]]:
    """The bars from before the first day."""
    made = generate(seed=DEMO_SEED, first=DEMO_FIRST, last=DEMO_LAST)
    return {
        symbol: [bar for bar in rows if new_york_date(bar.start) < DEMO_FIRST]
        for (symbol, frame), rows in made.items()
        if frame is FRAME[name]
    }


def again(name: str, events: Sequence[Event], day: date) -> Replay:
    config = configs()[name]
    settings = settings_of(config, patrol=None, patrol_closed=None)
    alone = replace(settings, portfolio=replace(settings.portfolio, strategies=(name,)))
    return replay(events, day, partial(BUILDERS[name], config), alone, history(name))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", STRATEGIES)
def test_every_journaled_day_comes_out_again(name: str) -> None:
    events = journaled(name)
    days = days_of(events)
    assert len(days) >= 4
    told = [again(name, events, day) for day in days]
    assert [replayed.difference for replayed in told] == [None] * len(days)
    assert sum(replayed.lines for replayed in told) > len(days)
    assert sum(replayed.decisions for replayed in told) > 0


def changed(
    events: Sequence[Event], kind: Line, change: Callable[[dict[str, object]], None]
) -> tuple[list[Event], Event]:
    """The journal with its last line of a kind tampered with, and that line."""
    number = max(n for n, event in enumerate(events) if event.kind == kind)
    data = dict(events[number].data)
    change(data)
    made = list(events)
    made[number] = replace(events[number], data=data)
    return made, made[number]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (Line.DECISION, "reason", "because"),
        (Line.BAR, "numbers", {"rsi": "99.99"}),
        (Line.PLANNED, "tranche", 7),
    ],
)
def test_the_first_difference_is_named(kind: Line, field: str, value: object) -> None:
    name = "bear_trap" if kind is Line.PLANNED else "hourly_swing"

    def change(data: dict[str, object]) -> None:
        data[field] = value

    events, line = changed(journaled(name), kind, change)
    told = again(name, events, new_york_date(line.at))
    assert told.difference is not None
    assert line.at.isoformat() in told.difference
    assert field in told.difference


@pytest.mark.timeout(120)
def test_other_bars_lead_to_other_numbers() -> None:
    def change(data: dict[str, object]) -> None:
        data["close"] = float(str(data["close"])) * 2

    events, line = changed(journaled("hourly_swing"), Line.BAR, change)
    told = again("hourly_swing", events, new_york_date(line.at))
    assert told.difference is not None
    assert "numbers" in told.difference


def test_a_day_without_lines_says_which_there_are() -> None:
    with pytest.raises(DataError, match="has no line of 2020-01-02: it has 2025-11-"):
        again("hourly_swing", journaled("hourly_swing"), date(2020, 1, 2))
