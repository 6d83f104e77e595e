"""Between two ticks: the chores, then a nap until something is worth a tick."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from magellan_core.clocks import nap
from magellan_core.engine.words import Report
from magellan_core.ports import Woken

NOON = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)


class Clock:
    """Wakes for these reasons, one after the other."""

    def __init__(self, *reasons: Woken) -> None:
        self.reasons, self.waits = list(reasons), list[datetime]()

    def now(self) -> datetime:
        return NOON

    def wait(self, until: datetime, *, wake_on_update: bool) -> Woken:  # noqa: ARG002
        self.waits.append(until)
        return self.reasons.pop(0)


def test_chores_are_done_once_before_the_nap_and_know_how_long_it_will_be() -> None:
    told: list[tuple[str, float, int]] = []
    clock: Any = Clock(Woken.BARS, Woken.BARS, Woken.TIME)
    promised = [False, False]
    engine: Any = SimpleNamespace(feed=SimpleNamespace(promised=lambda: promised.pop(0)))
    report = Report(NOON + timedelta(seconds=7), watching=False, status="")
    chores = [
        lambda idle, name=name: told.append((name, idle, len(clock.waits)))
        for name in ("journal", "garbage")
    ]
    assert nap(engine, clock, report, chores) is Woken.TIME
    assert told == [("journal", 7.0, 0), ("garbage", 7.0, 0)]
    assert len(clock.waits) == 3


def test_news_of_bars_that_are_missing_end_the_nap() -> None:
    clock: Any = Clock(Woken.BARS)
    engine: Any = SimpleNamespace(feed=SimpleNamespace(promised=lambda: True))
    assert nap(engine, clock, Report(NOON, watching=False, status=""), ()) is Woken.BARS
