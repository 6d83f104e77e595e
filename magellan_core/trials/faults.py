"""What can go wrong at which call, and the tally that knows when it is time.

LAW: a spoiled call has had its effect at the broker or has not, as its Answer says; what the
engine learns of it is decided apart from that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Killed(BaseException):
    """kill -9: no handler runs, the engine is thrown away. Not an Exception: nothing eats it."""


class Answer(StrEnum):
    """What the broker does with a call, and what of its answer arrives."""

    HONEST = "answered"
    LOST = "answer lost"  # took effect, then a time-out
    GATEWAY = "504 after accept"  # took effect
    RESET = "connection reset"  # no effect
    REFUSED = "refused"  # no effect, and the broker says so
    SLOW_DOWN = "429"  # no effect
    HTML = "502 with HTML"  # no effect
    HANG = "hang"  # took effect; ten seconds pass, then a time-out
    DRIP = "drip"  # took effect; the answer comes byte by byte until the call's time is used up
    CUT = "reset after accept"  # took effect, the connection broke amid the answer
    TORN = "torn answer"  # took effect, half of the JSON came
    LATE = "arrives late"  # takes effect when its sender has long given up


TAKES_EFFECT = frozenset(
    {Answer.HONEST, Answer.LOST, Answer.GATEWAY, Answer.HANG, Answer.DRIP, Answer.CUT, Answer.TORN}
)
TAKES_TIME = frozenset({Answer.HANG, Answer.DRIP})


class Kill(StrEnum):
    """When the process dies, seen from the spoiled call or journal write."""

    BEFORE = "before"
    DURING = "during"  # the broker (the disk) has done what it does, nobody has heard
    AFTER = "after"
    NEXT_WRITE = "before the next journal write"
    PAST_WRITE = "after the next journal write"


class Place(StrEnum):
    """What is counted: calls of broker and market data, and writes to the journal."""

    CALL = "call"
    APPEND = "journal write"


@dataclass(frozen=True, slots=True)
class Fault:
    """Spoil number `point` (from 1, over all lives) of that place. `disk_full`: failing writes."""

    place: Place
    point: int
    answer: Answer = Answer.HONEST
    kill: Kill | None = None
    disk_full: int = 0

    def __str__(self) -> str:
        words = [f"{self.place.value} {self.point}"]
        if self.answer is not Answer.HONEST:
            words.append(self.answer.value)
        if self.kill is not None:
            words.append(f"killed {self.kill.value}")
        if self.disk_full:
            words.append(f"disk full for {self.disk_full} writes")
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it was made. `life` counts the starts of the daemon, from 1."""

    number: int
    method: str
    at: datetime
    life: int
    argument: object = None

    @property
    def writes(self) -> bool:
        return self.method in ("submit", "replace_stop", "cancel")


@dataclass(slots=True)
class Tally:
    """Counts over all lives of a daemon, and knows what to spoil. `before` sees each write.

    `hang` lets the time of a hung call pass, `defer` keeps a request that is on its way.
    """

    now: Callable[[], datetime]
    faults: Sequence[Fault] = ()
    before: Callable[[Call], None] = lambda _: None
    hang: Callable[[], None] = lambda: None
    defer: Callable[[Callable[[], object]], None] = lambda _: None
    life: int = 1
    calls: int = 0
    appends: int = 0
    made: list[Call] = field(default_factory=list)
    doomed: Kill | None = None
    full_for: int = 0
    fired: int = 0
    disk_was_full: bool = False

    def call_fault(self, call: Call) -> Fault | None:
        """What is to happen to this call."""
        return self._listed(Place.CALL, call.number)

    def append_fault(self) -> Fault | None:
        """What is to happen to this write to the journal."""
        fault = self._listed(Place.APPEND, self.appends)
        if fault is not None and fault.disk_full:
            self.disk_was_full = True
        return fault

    def tamper(self, method: str, told: Any) -> Any:
        """The answer of that method as it is told to the engine."""
        del method
        return told

    def _listed(self, place: Place, point: int) -> Fault | None:
        for fault in self.faults:
            if fault.place is place and fault.point == point:
                self.fired += 1
                return fault
        return None
