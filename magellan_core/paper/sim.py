"""Stepped time: who waits, who holds time, and who is released next.

LAW: no sockets, no wall clock. Time moves only when every member of the roster waits (its stream
listening, if it declared one), has left, or is absent until later. Due members are then released
one at a time in roster order, the next when the one before waits again.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from magellan_core.errors import ClockError


class UnknownMember(ClockError):
    """A name that is not on the roster."""


@dataclass(frozen=True, slots=True)
class Release:
    """The answer to a wait: go on, it is `now`. `frames` are trade updates to drain first."""

    now: datetime
    reason: str
    frames: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Superseded:
    """The answer to a wait that a newer wait of the same member replaced."""


Answer = Callable[[Release | Superseded], None]


@dataclass(frozen=True, slots=True)
class Wait:
    """What a member asks for. `until` None: now."""

    until: datetime | None
    wake: bool
    stream: bool
    answer: Answer


class Venue(Protocol):
    """What stepped time needs of the exchange and its streams."""

    def now(self) -> datetime: ...

    def advance(self, limit: datetime, wake: frozenset[str]) -> frozenset[str]:
        """Move time to `limit`, or to the first event of an account in `wake`.

        Trade updates go to the streams. Returns the accounts that had one.
        """
        ...

    def listening(self, account: str) -> bool: ...

    def take_frames(self, account: str) -> tuple[int, int]:
        """First and last frame on the current connection since the last release, else 0, 0."""
        ...


class State(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    MISSING = "missing"
    ABSENT = "absent"
    LEFT = "left"


@dataclass(slots=True)
class Member:
    """One name of the roster. Until its first wait it is absent, and due at once."""

    name: str
    account: str | None
    state: State = State.ABSENT
    back: datetime | None = None
    wait: Wait | None = None
    updated: bool = False

    def until(self, now: datetime) -> datetime:
        """When it is next due by time alone."""
        if self.state is State.ABSENT:
            return max(now, self.back) if self.back else now
        return max(now, self.wait.until) if self.wait and self.wait.until else now

    def due(self, now: datetime) -> bool:
        if self.state is State.WAITING and self.wait and self.wait.wake and self.updated:
            return True
        return self.state in (State.WAITING, State.ABSENT) and self.until(now) <= now


class SteppedTime:
    """The roster and its turns. `roster` maps each member, in order, to its account or None.

    The first member is the conductor: when a request is parked, it is released out of turn.
    """

    def __init__(self, venue: Venue, roster: Mapping[str, str | None]) -> None:
        if not roster:
            raise ClockError("the roster is empty: name at least the conductor")
        self._venue = venue
        self._members = {name: Member(name, account) for name, account in roster.items()}
        self._turns: deque[Member] = deque()
        self.progress = 0
        """Rises with every release; the watchdog compares it."""

    def wait(self, name: str, wait: Wait) -> None:
        """Take a member's wish; its `answer` is called when it is released or superseded."""
        member = self._member(name)
        if member.wait is not None:
            member.wait.answer(Superseded())
        member.wait = wait
        if member.state is not State.ABSENT:
            member.state = State.WAITING
        self.pump()

    def disconnected(self, name: str, wait: Wait) -> None:
        """The connection of that wait dropped: the member is missing and holds time."""
        member = self._member(name)
        if member.wait is not wait:
            return
        member.wait = None
        if member.state is State.WAITING:
            member.state = State.MISSING
        self.pump()

    def absent(self, name: str, until: datetime | None) -> None:
        """Its process is gone and comes back at `until` (None or now: time holds for it)."""
        member = self._member(name)
        self._drop_wait(member)
        member.state, member.back = State.ABSENT, until
        self.pump()

    def leave(self, name: str) -> None:
        """It takes no further part, unless it waits again."""
        member = self._member(name)
        self._drop_wait(member)
        member.state = State.LEFT
        self.pump()

    def park(self) -> None:
        """A request was parked, to be killed in its middle: let the conductor act."""
        conductor = next(iter(self._members.values()))
        if conductor.state is State.WAITING:
            self._release(conductor, "parked")

    def pump(self) -> None:
        """Release whoever is next, moving time if all wait. Call when a stream begins to listen."""
        while self.holding() is None:
            if self._turns:
                self._take_turn(self._turns.popleft())
                continue
            self._turns = deque(self._due())
            if not self._turns and not self._advance():
                return

    def holding(self) -> Member | None:
        """The member that time waits for now, or None."""
        for member in self._members.values():
            if member.state in (State.RUNNING, State.MISSING) or self._deaf(member):
                return member
        now = self._venue.now()
        if self._turns:
            first = self._turns[0]
            if first.state is State.ABSENT and first.due(now) and first.wait is None:
                return first
        return None

    def describe(self) -> list[dict[str, object]]:
        """The roster for GET /sim/state."""
        return [
            {
                "name": member.name,
                "account": member.account,
                "state": str(member.state),
                "until": member.wait.until.isoformat()
                if member.wait and member.wait.until
                else None,
                "wake": bool(member.wait and member.wait.wake),
            }
            for member in self._members.values()
        ]

    def waits(self) -> bool:
        """Whether anybody waits, so that somebody cares whether time moves."""
        return any(member.wait is not None for member in self._members.values())

    def _deaf(self, member: Member) -> bool:
        return (
            member.state is State.WAITING
            and member.wait is not None
            and member.wait.stream
            and member.account is not None
            and not self._venue.listening(member.account)
        )

    def _due(self) -> list[Member]:
        now = self._venue.now()
        return [member for member in self._members.values() if member.due(now)]

    def _take_turn(self, member: Member) -> None:
        now = self._venue.now()
        if member.state is State.ABSENT and member.due(now):  # it has arrived, or would hold time
            member.state = State.WAITING
            if self._deaf(member):  # else its frames would count from one release or the next
                self._turns.appendleft(member)
                return
        if not member.due(now):  # superseded by a later wish, left, or declared absent meanwhile
            return
        on_time = member.until(now) <= now
        self._release(member, "time" if on_time else "update")

    def _release(self, member: Member, reason: str) -> None:
        wait, member.wait = member.wait, None
        member.state, member.updated = State.RUNNING, False
        frames = (0, 0)
        if member.account is not None:
            frames = self._venue.take_frames(member.account)
        self.progress += 1
        if wait is not None:
            wait.answer(Release(self._venue.now(), reason, frames))

    def _advance(self) -> bool:
        """Move time to the earliest wish; False if nobody has one."""
        now = self._venue.now()
        live = [m for m in self._members.values() if m.state in (State.WAITING, State.ABSENT)]
        if not live:
            return False
        limit = min(member.until(now) for member in live)
        wake = frozenset(
            m.account
            for m in live
            if m.account is not None and m.state is State.WAITING and m.wait and m.wait.wake
        )
        updated = self._venue.advance(limit, wake)
        if self._venue.now() < limit and not updated & wake:
            raise ClockError(
                f"the exchange stopped at {self._venue.now():%F %T} short of {limit:%F %T} "
                "without an event to wake anybody: a bug in its step"
            )
        for member in self._members.values():
            member.updated = member.updated or member.account in updated
        return True

    def _drop_wait(self, member: Member) -> None:
        if member.wait is not None:
            member.wait.answer(Superseded())
            member.wait = None

    def _member(self, name: str) -> Member:
        try:
            return self._members[name]
        except KeyError:
            raise UnknownMember(
                f"{name!r} is not on the roster ({', '.join(self._members)}): "
                "start the exchange with it in --roster"
            ) from None
