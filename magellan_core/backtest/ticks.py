"""A journal's lines tick by tick. On a stepped clock several ticks share one instant.

A tick first takes in what the broker tells, then works. So within one instant a new tick begins
where, after work, the broker is heard of something else than the answers to this tick's orders.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from magellan_core.lines import Event, Line

_WORK = frozenset(
    kind.value
    for kind in (
        Line.PLANNED,
        Line.DECISION,
        Line.SIGNAL,
        Line.SIGNAL_GONE,
        Line.EXIT,
        Line.EXIT_DONE,
        Line.CANCEL,
        Line.BAR,
    )
)
# Written before any work of a tick, never in its middle.
_FIRST = frozenset(
    kind.value for kind in (Line.FILL, Line.DAY, Line.HIGH, Line.CASH, Line.TRANSFER, Line.START)
)


def ticks_of(events: Iterable[Event]) -> Iterator[tuple[datetime, list[Event]]]:
    """Each tick's instant and its lines, oldest first."""
    tick: list[Event] = []
    working = False
    fresh: set[str] = set()
    for event in events:
        order = str(event.data.get("order", ""))
        begins = bool(tick) and event.at != tick[0].at
        if event.kind in _FIRST:
            begins = begins or working
        elif event.kind == Line.SEEN:
            # The first look at an order sent in this tick, or at a leg of it, is its answer.
            begins = begins or (working and order not in fresh)
        if begins:
            yield tick[0].at, tick
            tick, working, fresh = [], False, set()
        if event.kind == Line.SEEN:
            fresh.discard(order)
        elif event.kind == Line.PLANNED or (
            event.kind == Line.LEG and str(event.data["parent"]).split("/")[0] in planned(tick)
        ):
            fresh.add(order)
        working = working or event.kind in _WORK
        tick.append(event)
    if tick:
        yield tick[0].at, tick


def planned(tick: Iterable[Event]) -> set[str]:
    """Orders sent in the tick."""
    return {str(event.data["order"]) for event in tick if event.kind == Line.PLANNED}
