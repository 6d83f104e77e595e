"""What systemd tells of the daemons, from the words that systemctl and journalctl print."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from magellan_core.operations.services import NO_SYSTEMD, ServiceEye, run, unit_of

NOW = datetime(2024, 11, 29, 15, 31, tzinfo=UTC)
RUNNING = """\
Id=magellan-bear-trap.service
LoadState=loaded
ActiveState=active
SubState=running
Result=success
NRestarts=2
StateChangeTimestamp=@1732888800
StatusText=trading 4/5 symbols, 1 position, next bar 10:31 ET
"""
FAILED = """\
Id=magellan-daily-trend.service
LoadState=loaded
ActiveState=failed
SubState=failed
Result=exit-code
NRestarts=0
StateChangeTimestamp=
StatusText=
"""
ABSENT = """\
Id=magellan-hourly-swing.service
LoadState=not-found
ActiveState=inactive
SubState=dead
Result=success
NRestarts=0
StateChangeTimestamp=
StatusText=
"""
EVERY = ("bear_trap", "daily_trend", "hourly_swing")


class Host:
    """A host by what its commands print; None: the command is not there."""

    def __init__(self, show: str | None, errors: str | None = "") -> None:
        self.show, self.errors = show, errors
        self.asked: list[str] = []

    def __call__(self, command: Sequence[str]) -> str | None:
        self.asked.append(command[0])
        return self.show if command[0] == "systemctl" else self.errors


def test_a_running_service_tells_its_state_restarts_status_and_errors() -> None:
    eye = ServiceEye(EVERY, Host(RUNNING, "one\ntwo\nthree\n"))
    eye.look(NOW)
    look = eye.services["bear_trap"]
    assert (look.state, look.active, look.failed) == ("active (running)", True, False)
    assert (look.restarts, look.errors) == (2, 3)
    assert look.since == datetime(2024, 11, 29, 14, tzinfo=UTC)
    assert look.status == "trading 4/5 symbols, 1 position, next bar 10:31 ET"


def test_a_failed_service_says_by_what_and_one_that_is_not_installed_is_not_shown() -> None:
    eye = ServiceEye(EVERY, Host("\n".join((RUNNING, FAILED, ABSENT))))
    eye.look(NOW)
    assert set(eye.services) == {"bear_trap", "daily_trend"}
    assert eye.services["daily_trend"].failed
    assert eye.services["daily_trend"].state == "failed (failed), exit-code"
    assert eye.services["daily_trend"].since is None


def test_without_systemd_or_journal_it_is_said_and_nothing_is_made_up() -> None:
    eye = ServiceEye(EVERY, Host(None))
    eye.look(NOW)
    assert eye.services == {}
    assert eye.why == NO_SYSTEMD
    unread = ServiceEye(EVERY, Host(RUNNING, None))
    unread.look(NOW)
    assert unread.services["bear_trap"].errors is None


@pytest.mark.parametrize(("seconds", "asked"), [(5, 1), (14, 1), (15, 2), (-60, 2)])
def test_systemd_is_asked_every_15_seconds_and_again_after_the_clock_was_set_back(
    seconds: int, asked: int
) -> None:
    host = Host("")
    eye = ServiceEye(EVERY, host)
    eye.look(NOW)
    eye.look(NOW + timedelta(seconds=seconds))
    assert host.asked.count("systemctl") == asked


def test_a_program_that_is_not_there_fails_or_prints() -> None:
    assert run(["magellan-has-no-such-program"]) is None
    assert run(["false"]) is None
    assert run(["echo", "told"]) == "told\n"


def test_units_are_named_after_their_strategies() -> None:
    assert [unit_of(s) for s in EVERY] == [
        "magellan-bear-trap.service",
        "magellan-daily-trend.service",
        "magellan-hourly-swing.service",
    ]
