"""Is the market data alive: by symbol, and by the clock of the session."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from magellan_core.config import Config, load
from magellan_core.market_hours import at_new_york, session_on
from magellan_core.model import Bar, Quote, Timeframe
from magellan_core.operations.preflight.findings import Colour
from magellan_core.operations.preflight.freshness import due_since, judge_data

DEPLOYED = Path(__file__).resolve().parents[3] / "deployable_strategies"
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
LENGTH = {Timeframe.MINUTE: timedelta(minutes=1), Timeframe.HOUR: timedelta(hours=1)}


class Data:
    """One bar of each symbol, ending at the instant told."""

    def __init__(self, ends: Mapping[str, datetime]) -> None:
        self._ends = ends

    def bars(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        start: datetime,
        end: datetime,
        *,
        split_adjusted: bool,
    ) -> Mapping[str, Sequence[Bar]]:
        assert not split_adjusted
        length = LENGTH.get(timeframe, timedelta(hours=6))
        return {
            symbol: [Bar(symbol, at - length, at, 5.0, 5.0, 5.0, 5.0, 100)]
            for symbol, at in self._ends.items()
            if symbol in symbols and start <= at <= end
        }

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        raise NotImplementedError


def config(folder: str = "bear_trap") -> Config:
    return load(DEPLOYED / folder / "aws_deployment" / "config.json")


def monday(hour: int, minute: int = 0) -> datetime:
    return at_new_york(MONDAY, hour, minute)


SYMBOLS = config().symbols
FRESH, OLD = monday(11, 59), monday(11, 30)


@pytest.mark.parametrize(
    ("ends", "colour", "words"),
    [
        (dict.fromkeys(SYMBOLS, FRESH), Colour.GREEN, "newest bar ends 2026-01-05 16:59 UTC"),
        ({**dict.fromkeys(SYMBOLS, OLD), "AMC": FRESH}, Colour.GREEN, "16:59 UTC"),
        (
            {s: FRESH for s in SYMBOLS if s not in ("MULN", "NKLA")},
            Colour.YELLOW,
            "none of MULN, NKLA",
        ),
        (dict.fromkeys(SYMBOLS, OLD), Colour.RED, "should since 2026-01-05 16:50 UTC: the feed"),
        ({"AMC": OLD}, Colour.RED, "stale"),
        ({}, Colour.RED, "no bar within 6 days"),
    ],
    ids=["all", "quiet ones lag", "some missing", "all stale", "one, stale", "none"],
)
def test_in_session_some_bar_is_minutes_old(
    ends: Mapping[str, datetime], colour: Colour, words: str
) -> None:
    found, said = judge_data(Data(ends), config(), monday(12))
    assert (found, words in said) == (colour, True), said


@pytest.mark.parametrize(
    ("timeframe", "now", "due"),
    [
        (Timeframe.MINUTE, monday(12), monday(11, 50)),
        (Timeframe.MINUTE, monday(9, 41), monday(9, 31)),
        (Timeframe.MINUTE, monday(16, 30), monday(15, 50)),
        (Timeframe.HOUR, monday(12, 15), monday(12)),
        (Timeframe.HOUR, monday(12, 5), monday(11)),
        (Timeframe.HOUR, monday(10, 12), monday(10)),
        (Timeframe.HOUR, monday(16, 30), monday(15, 50)),
    ],
)
def test_what_is_due_in_and_after_a_session(
    timeframe: Timeframe, now: datetime, due: datetime
) -> None:
    assert due_since(timeframe, now) == due


@pytest.mark.parametrize("timeframe", Timeframe)
@pytest.mark.parametrize("now", [monday(6), monday(9, 39), at_new_york(date(2026, 1, 4), 12)])
def test_before_the_open_the_last_session_s_close_is_due(
    timeframe: Timeframe, now: datetime
) -> None:
    friday = session_on(date(2026, 1, 2))
    assert friday is not None
    assert due_since(timeframe, now) == friday.close - timedelta(minutes=10)


@pytest.mark.parametrize("hour", [6, 12, 17])
def test_a_daily_bar_of_the_session_before_will_do(hour: int) -> None:
    monday_close = session_on(MONDAY)
    assert monday_close is not None
    due = due_since(Timeframe.DAY, at_new_york(TUESDAY, hour))
    assert due == monday_close.close - timedelta(minutes=10)


def test_a_delayed_feed_is_given_its_delay() -> None:
    told = config("daily_trend_hysteresis")
    model = told.model
    needs = model.data_requirements.model_copy(update={"feed": "sip_delayed", "timeframe": "1Min"})
    late = replace(told, model=model.model_copy(update={"data_requirements": needs}))
    ends = dict.fromkeys(told.symbols, monday(11, 36))
    assert judge_data(Data(ends), late, monday(12))[0] is Colour.GREEN
