"""Ship log records to CloudWatch: nothing lost, and nothing twice as far as CloudWatch can tell.

A batch is marked as under way before it is sent, and its cursor written after the acknowledgement.
Whoever finds the mark (after a kill, or an answer that never came) first looks at what is there.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from magellan_core.aws.logs import LogsUnknown, Stamped
from magellan_core.errors import CredentialsError, ExitCode, Unavailable
from magellan_core.operations.log_events import LogEvent, batches, to_event
from magellan_core.process.records import EPOCH, Source
from magellan_core.store.shipping import Progress, ShippingState

READ = 5000


class Logs(Protocol):
    """CloudWatchLogs, as far as it is needed."""

    def put(self, group: str, stream: str, events: Sequence[Stamped]) -> list[int]: ...

    def known(self, group: str, stream: str, first_ms: int, last_ms: int) -> set[str]: ...


@dataclass(frozen=True, slots=True)
class Lane:
    """One source and the stream it goes to."""

    name: str
    source: Source
    group: str
    stream: str


@dataclass(frozen=True, slots=True)
class Trip:
    """What a step of one lane did. `fault` None: all that was read is in CloudWatch."""

    shipped: int = 0
    repeated: int = 0
    lost: int = 0
    more: bool = False
    fault: str | None = None


class Shipper:
    """Steps lanes. `now` stamps events whose own time CloudWatch refuses."""

    def __init__(self, logs: Logs, state: ShippingState, now: Callable[[], datetime]) -> None:
        self._logs, self._state, self._now = logs, state, now

    def step(self, lane: Lane) -> Trip:
        """Read, ship, remember. A fault of AWS or the source is told, not raised."""
        before = self._state.get(lane.name)
        more, fault = False, None
        try:
            records = lane.source.read(before.cursor, READ)
            more = len(records) == READ
            for batch in batches([to_event(record) for record in records]):
                self._ship(lane, batch)
        except (Unavailable, CredentialsError) as error:
            fault = str(error)
        after = self._state.get(lane.name)
        return Trip(
            after.shipped - before.shipped,
            after.repeated - before.repeated,
            after.lost - before.lost,
            more,
            fault,
        )

    def _ship(self, lane: Lane, batch: Sequence[LogEvent]) -> None:
        """One batch. Raise Unavailable or CredentialsError with the cursor where it was."""
        progress = self._state.get(lane.name)
        # Sorting is stable: events of one millisecond keep the order they were written in.
        events = sorted(batch, key=lambda event: event.at_ms)
        if progress.doubtful:
            there = self._logs.known(lane.group, lane.stream, events[0].at_ms, events[-1].at_ms)
            events = [event for event in events if event.id not in there]
        lost = self._send(lane, progress, events) if events else 0
        self._state.put(
            lane.name,
            Progress(
                batch[-1].cursor,
                doubtful=False,
                shipped=progress.shipped + len(events) - lost,
                repeated=progress.repeated + len(batch) - len(events),
                lost=progress.lost + lost,
            ),
        )

    def _send(self, lane: Lane, progress: Progress, events: Sequence[LogEvent]) -> int:
        """Put them; how many CloudWatch refused for good."""
        self._state.put(lane.name, replace(progress, doubtful=True))
        try:
            refused = self._put(lane, [Stamped(e.at_ms, e.text) for e in events])
            if not refused:
                return 0
            # Their time is out of its range (a clock that was wrong): they go under today's.
            now_ms = (self._now() - EPOCH) // timedelta(milliseconds=1)
            return len(self._put(lane, [Stamped(now_ms, events[n].text) for n in refused]))
        except LogsUnknown:
            raise
        except (Unavailable, CredentialsError):
            # Refused as a whole: it is known that nothing arrived.
            self._state.put(lane.name, progress)
            raise

    def _put(self, lane: Lane, events: Sequence[Stamped]) -> list[int]:
        return self._logs.put(lane.group, lane.stream, events)


class Watchman:
    """Says what matters of the trips, and how long to wait before the next ones.

    A fault is said once, and again when it has changed or is over; meanwhile the waits grow.
    """

    def __init__(self, every: float, longest: float = 60.0) -> None:
        self._every, self._longest = every, longest
        self._pause = 0.0
        self._faults: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._sayings: list[tuple[int, str, str]] = []
        self.busy = True
        self.status = "shipping"

    def heard(self, trips: Mapping[str, Trip], at: float) -> float:
        """Note how the lanes fared at `at` (monotonic seconds); the seconds to wait now."""
        for name, trip in trips.items():
            self._note(name, trip, at)
        self.busy = any(trip.more for trip in trips.values())
        if self._faults:
            self._pause = min(max(self._pause * 2, 1.0), self._longest)
            self.status = "; ".join(f"{n} waits: {why}" for n, why in self._faults.items())
            return self._pause
        self._pause = 0.0
        self.status = "shipping: all that was logged is in CloudWatch"
        return 0.0 if self.busy else self._every

    def sayings(self) -> list[tuple[int, str, str]]:
        """Level, event and words of what there is to say since the last call."""
        said, self._sayings = self._sayings, []
        return said

    @property
    def exit_code(self) -> ExitCode:
        """How an end now is to be called."""
        return ExitCode.UNAVAILABLE if self._faults else ExitCode.OK

    def _note(self, name: str, trip: Trip, at: float) -> None:
        if trip.lost:
            text = f"{name}: CloudWatch refused {trip.lost} lines for good"
            self._sayings.append((logging.ERROR, "lines_lost", text))
        if trip.fault is not None:
            if name not in self._faults:
                self._since[name] = at
                self._sayings.append((logging.WARNING, "outage", f"{name}: {trip.fault}"))
            self._faults[name] = trip.fault
        elif name in self._faults:
            del self._faults[name]
            lasted = at - self._since.pop(name)
            text = f"{name}: ships again after {lasted:.0f} s; {trip.shipped} lines caught up"
            self._sayings.append((logging.INFO, "back", text))
