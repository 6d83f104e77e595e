"""Every instant at which a daemon can die or be answered badly, enumerated from one good run."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from magellan_core.trials.faults import Answer, Call, Fault, Kill, Place

BAD_ANSWERS = (Answer.LOST, Answer.GATEWAY, Answer.RESET, Answer.REFUSED, Answer.SLOW_DOWN)
FULL_WRITES = (1, 12)


def of_write(number: int) -> Iterator[Fault]:
    """A call that changes something: every answer, and every death around each of them."""
    yield Fault(Place.CALL, number, Answer.HONEST, Kill.BEFORE)
    for answer in (Answer.HONEST, *BAD_ANSWERS):
        if answer is not Answer.HONEST:
            yield Fault(Place.CALL, number, answer)
        for kill in (Kill.DURING, Kill.AFTER, Kill.NEXT_WRITE, Kill.PAST_WRITE):
            yield Fault(Place.CALL, number, answer, kill)


def of_read(number: int) -> Iterator[Fault]:
    """A call that only asks: death before and after, and no usable answer."""
    yield Fault(Place.CALL, number, Answer.HONEST, Kill.BEFORE)
    yield Fault(Place.CALL, number, Answer.HONEST, Kill.AFTER)
    yield Fault(Place.CALL, number, Answer.LOST)


def of_append(number: int) -> Iterator[Fault]:
    """A journal write: death before, torn half-way and after; and a disk that is full."""
    for kill in (Kill.BEFORE, Kill.DURING, Kill.AFTER):
        yield Fault(Place.APPEND, number, kill=kill)
    for writes in FULL_WRITES:
        yield Fault(Place.APPEND, number, disk_full=writes)


class Kind(StrEnum):
    """What the points of a run are sorted by."""

    WRITES = "orders sent"
    READS = "questions asked"
    APPENDS = "journal writes"


def points(kind: Kind, made: Sequence[Call], appends: int) -> Iterator[Fault]:
    """All points of that kind in a run that made those calls and that many journal writes."""
    if kind is Kind.APPENDS:
        for number in range(1, appends + 1):
            yield from of_append(number)
        return
    for call in made:
        if kind is Kind.WRITES and call.writes:
            yield from of_write(call.number)
        elif kind is Kind.READS and not call.writes:
            yield from of_read(call.number)
