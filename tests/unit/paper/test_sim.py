"""Stepped time: who is released when, told as the log of a small roster."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from magellan_core.errors import ClockError
from magellan_core.paper.sim import Release, SteppedTime, Superseded, UnknownMember, Wait

NINE = datetime(2026, 1, 5, 14, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


class Tape:
    """A venue whose events are given: (minute, account)."""

    def __init__(self, events: Iterable[tuple[float, str]] = ()) -> None:
        self._now = NINE
        self._events = sorted(events)
        self.deaf: set[str] = set()

    def now(self) -> datetime:
        return self._now

    def advance(self, limit: datetime, wake: frozenset[str]) -> frozenset[str]:
        told: set[str] = set()
        while self._events and at(self._events[0][0]) <= limit:
            minute, account = self._events.pop(0)
            self._now = at(minute)
            told.add(account)
            if account in wake:
                return frozenset(told)
        self._now = limit
        return frozenset(told)

    def listening(self, account: str) -> bool:
        return account not in self.deaf

    def take_frames(self, account: str) -> tuple[int, int]:
        return (len(account), len(account))


class Table:
    """A roster around a stepped clock, and the log of what each member was told."""

    def __init__(self, tape: Tape, *names: str) -> None:
        self.tape = tape
        roster = {name: None if name == "boss" else name.upper() for name in ("boss", *names)}
        self.time = SteppedTime(tape, roster)
        self.log: list[str] = []

    def wait(
        self, name: str, until: float | None = None, *, wake: bool = False, stream: bool = False
    ) -> Wait:
        def answer(outcome: Release | Superseded) -> None:
            if isinstance(outcome, Superseded):
                self.log.append(f"{name} superseded")
            else:
                minute = (outcome.now - NINE).total_seconds() / 60
                self.log.append(f"{name} {minute:g} {outcome.reason}")

        wait = Wait(None if until is None else at(until), wake, stream, answer)
        self.time.wait(name, wait)
        return wait

    def told(self) -> list[str]:
        log, self.log = self.log, []
        return log


@pytest.fixture
def table() -> Table:
    """Boss runs at minute 0.5; ann and bob wait for the same minute and come next."""
    table = Table(Tape([(5, "ANN"), (7, "BOB")]), "ann", "bob")
    for name in ("boss", "ann", "bob"):
        table.wait(name)
        table.wait(name, 0.5)
    assert table.told() == ["boss 0 time", "ann 0 time", "bob 0 time", "boss 0.5 time"]
    return table


def test_members_start_in_roster_order_however_they_arrive() -> None:
    table = Table(Tape(), "ann", "bob")
    table.wait("bob")
    table.wait("ann")
    assert table.told() == []
    table.wait("boss")
    assert table.told() == ["boss 0 time"]
    table.wait("boss", 9)
    assert table.told() == ["ann 0 time"]
    table.wait("ann", 9)
    assert table.told() == ["bob 0 time"]


def test_a_first_wait_for_later_is_for_later() -> None:
    table = Table(Tape(), "ann")
    table.wait("boss", 3)
    table.wait("ann", 2)
    assert table.told() == ["ann 2 time"]


def test_time_moves_to_the_earliest_wish_and_the_next_goes_when_the_one_before_waits(
    table: Table,
) -> None:
    table.wait("boss", 20)
    assert table.told() == ["ann 0.5 time"]
    table.wait("ann", 3)
    assert table.told() == ["bob 0.5 time"]
    table.wait("bob", 3)
    assert table.told() == ["ann 3 time"]
    table.wait("ann", 4)
    assert table.told() == ["bob 3 time"]


def test_an_event_wakes_only_the_member_that_asked(table: Table) -> None:
    table.wait("boss", 20)
    table.wait("ann", 10)
    table.wait("bob", 10, wake=True)
    assert table.told()[-1] == "bob 7 update"  # ann's event at 5 stopped nobody
    table.wait("bob", 10)
    assert table.told() == ["ann 10 time"]


def test_nobody_is_released_while_one_runs(table: Table) -> None:
    assert (holder := table.time.holding()) is not None
    assert holder.name == "boss"
    table.wait("bob", 0.1)  # overdue, and still nothing
    assert table.told() == ["bob superseded"]


def test_a_dropped_connection_holds_time_until_the_member_waits_again(table: Table) -> None:
    table.wait("boss", 1)
    lost = table.wait("ann", 2)
    table.wait("bob", 1)
    table.told()
    table.time.disconnected("ann", lost)
    table.wait("boss", 2)
    assert table.told() == []
    table.wait("ann", 2)
    assert table.told() == ["bob 1 time"]


def test_time_goes_on_without_one_who_left(table: Table) -> None:
    table.wait("boss", 1)
    table.time.leave("ann")
    table.wait("bob", 1)
    assert table.told() == ["ann 0.5 time", "bob 0.5 time", "boss 1 time"]


def test_an_absent_member_is_waited_for_at_its_return(table: Table) -> None:
    table.time.absent("ann", at(2))
    table.wait("boss", 5)
    assert table.told() == ["ann superseded", "bob 0.5 time"]
    table.wait("bob", 3)
    assert table.told() == []
    assert table.tape.now() == at(2)  # and no further
    table.wait("ann")
    assert table.told() == ["ann 2 time"]
    table.wait("ann", 9)
    assert table.told() == ["bob 3 time"]


def test_an_early_return_is_parked_until_the_time_declared(table: Table) -> None:
    table.time.absent("ann", at(4))
    table.wait("ann")
    table.wait("boss", 3)
    table.wait("bob", 9)
    assert table.told() == ["ann superseded", "bob 0.5 time", "boss 3 time"]
    table.wait("boss", 9)
    assert table.told() == ["ann 4 time"]


def test_absent_without_a_time_holds_until_it_is_back(table: Table) -> None:
    table.time.absent("ann", None)
    table.told()
    table.wait("boss", 5)
    assert table.told() == []
    table.wait("ann")
    assert table.told() == ["ann 0.5 time"]


def test_a_newer_wait_supersedes_the_older(table: Table) -> None:
    table.wait("bob", 30)
    assert table.told() == ["bob superseded"]
    table.wait("boss", 20)
    table.wait("ann", 20)
    assert table.told() == ["ann 0.5 time", "boss 20 time"]


def test_a_declared_stream_must_listen_before_time_moves(table: Table) -> None:
    table.tape.deaf.add("ANN")
    table.wait("boss", 5)
    table.wait("ann", 5, stream=True)
    assert table.told() == ["ann 0.5 time"]
    assert (holder := table.time.holding()) is not None
    assert holder.name == "ann"
    table.tape.deaf.clear()
    table.time.pump()
    assert table.told() == ["bob 0.5 time"]


def test_a_newcomer_with_a_stream_is_released_once_it_listens() -> None:
    table = Table(Tape(), "ann")
    table.tape.deaf.add("ANN")
    table.wait("boss")
    table.wait("boss", 5)
    table.wait("ann", stream=True)
    assert table.told() == ["boss 0 time"]
    table.tape.deaf.clear()
    table.time.pump()
    assert table.told() == ["ann 0 time"]


def test_parking_a_request_releases_the_conductor_out_of_turn(table: Table) -> None:
    table.wait("boss", 20)  # ann runs now, and sends the request that is parked
    table.told()
    table.time.park()
    assert table.told() == ["boss 0.5 parked"]
    table.time.absent("ann", at(1))
    table.wait("boss", 20)
    assert table.told() == ["bob 0.5 time"]


def test_a_name_off_the_roster_is_refused(table: Table) -> None:
    with pytest.raises(UnknownMember, match=r"'eve' is not on the roster \(boss, ann, bob\)"):
        table.wait("eve")


def test_an_empty_roster_is_refused() -> None:
    with pytest.raises(ClockError, match="roster is empty"):
        SteppedTime(Tape(), {})


def test_time_stays_when_everyone_has_left(table: Table) -> None:
    for name in ("boss", "ann", "bob"):
        table.time.leave(name)
    assert table.told() == ["ann 0.5 time", "bob 0.5 time"]
    assert table.tape.now() == at(0.5)


class Stuck(Tape):
    """A venue whose time does not move."""

    def advance(self, limit: datetime, wake: frozenset[str]) -> frozenset[str]:
        return wake if limit < NINE else frozenset()


def test_an_exchange_that_stops_short_without_an_event_is_a_named_error() -> None:
    table = Table(Stuck())
    table.wait("boss")
    with pytest.raises(ClockError, match="without an event to wake anybody"):
        table.wait("boss", 1)
