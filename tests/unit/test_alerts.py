"""Alerts: told once, told again when it matters, never an exception."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from magellan_core.errors import Unavailable
from magellan_core.ports import Alerts, Level
from magellan_core.process.alerts import LogAlerts

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


class Desk:
    """A settable clock, a sink that keeps what it gets, and a switch that makes it fail."""

    def __init__(self) -> None:
        self.now = START
        self.fault: Exception | None = None
        self.got: list[tuple[Level, str, str]] = []
        self.alerts = LogAlerts(
            lambda: self.now, interval=timedelta(minutes=15), sinks=[self.broken, self.got_it]
        )

    def got_it(self, level: Level, key: str, message: str) -> None:
        self.got.append((level, key, message))

    def broken(self, *_: object) -> None:
        if self.fault:
            raise self.fault

    def at(self, minute: float, level: Level, key: str, message: str = "m") -> None:
        self.now = START + timedelta(minutes=minute)
        self.alerts.alert(level, key, message)


def test_each_matter_is_told_to_every_sink_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    port: Alerts = desk.alerts
    with caplog.at_level(logging.INFO, "magellan"):
        port.alert(Level.INFO, "start", "started")
        port.alert(Level.CRITICAL, "halt", "lost 2000 today")
    assert desk.got == [
        (Level.INFO, "start", "started"),
        (Level.CRITICAL, "halt", "lost 2000 today"),
    ]
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "started"),
        ("CRITICAL", "lost 2000 today"),
    ]


def test_repetitions_wait_for_the_interval_and_are_counted() -> None:
    desk = Desk()
    for minute in (0, 1, 14.9, 15, 16, 31):
        desk.at(minute, Level.WARNING, "outage", "no answer")
    assert [message for _, _, message in desk.got] == [
        "no answer",
        "no answer (and 2 times more since 15:00 UTC)",
        "no answer (and 1 times more since 15:15 UTC)",
    ]


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        (Level.WARNING, Level.CRITICAL, 2),
        (Level.INFO, Level.WARNING, 2),
        (Level.WARNING, Level.WARNING, 1),
        (Level.CRITICAL, Level.WARNING, 1),
    ],
)
def test_what_got_worse_is_told_at_once(first: Level, then: Level, told: int) -> None:
    desk = Desk()
    desk.at(0, first, "feed")
    desk.at(1, then, "feed")
    assert len(desk.got) == told


def test_matters_are_independent() -> None:
    desk = Desk()
    desk.at(0, Level.WARNING, "stale MULN")
    desk.at(1, Level.WARNING, "stale TSLA")
    assert [key for _, key, _ in desk.got] == ["stale MULN", "stale TSLA"]


def test_a_clock_set_back_does_not_silence() -> None:
    desk = Desk()
    desk.at(60, Level.WARNING, "outage")
    desk.at(0, Level.WARNING, "outage")
    assert len(desk.got) == 2


@pytest.mark.parametrize("fault", [Unavailable("SNS: no answer"), TimeoutError("timed out")])
def test_a_sink_that_fails_stops_nobody_and_is_tried_again(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk()
    desk.fault = fault
    desk.at(0, Level.CRITICAL, "halt")
    assert len(desk.got) == 1
    assert str(fault) in caplog.text
    desk.fault = None
    desk.at(1, Level.CRITICAL, "halt")
    desk.at(2, Level.CRITICAL, "halt")
    assert len(desk.got) == 2
