"""A journal that also tells the log what it writes down, with symbol and order id as fields.

So `journalctl -u magellan-bear-trap MAGELLAN_SYMBOL=MULN` shows one symbol's story, and
MAGELLAN_ORDER_ID=... one order's. Bars and figures stay in the journal alone: they are too many.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from magellan_core.lines import Event, Line, status_words
from magellan_core.ports import Journal
from magellan_core.process.logs import log

Data = Mapping[str, object]


class TellingJournal:
    """ports.Journal over another one. A line is told once it is on disk."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def append(self, events: Sequence[Event]) -> None:
        self._journal.append(events)
        for event in events:
            tell(event)

    def events(self) -> Iterator[Event]:
        return self._journal.events()

    def condensed(
        self, *, only_last: Collection[str], without: Collection[str]
    ) -> Iterator[tuple[int, Event]]:
        return self._journal.condensed(only_last=only_last, without=without)


def tell(event: Event) -> None:
    """One line of the journal as one of the log, if it is of a kind that people follow."""
    words = _WORDS.get(event.kind)
    if words is None:
        return
    level, say = words
    fields: dict[str, object] = {"at": event.at}
    if event.symbol is not None:
        fields["symbol"] = event.symbol
    if event.data.get("order") is not None:
        fields["order_id"] = event.data["order"]
    if event.data.get("broker_id") is not None:
        fields["broker_id"] = event.data["broker_id"]
    log(level, str(event.kind), f"{event.symbol or ''} {say(event.data)}".strip(), **fields)


def _decision(d: Data) -> str:
    against = d.get("objections")
    said = f"{d.get('action')} {d.get('qty') or ''}".strip() + f" because {d.get('reason')}"
    if isinstance(against, list) and against:
        return f"{said}: refused: " + "; ".join(str(each) for each in against)
    return said


def _planned(d: Data) -> str:
    request = d.get("request")
    told = request if isinstance(request, Mapping) else {}
    return f"{told.get('side', 'order')} {told.get('qty', '')} as {d.get('role')} is about to leave"


def _outcome(d: Data) -> str:
    message = d.get("message")
    return f"order {d.get('what')}" + (f": {message}" if message else "")


def _reload(d: Data) -> str:
    changed = d.get("changes")
    rows = changed.items() if isinstance(changed, Mapping) else ()
    return "new configuration in force: " + ", ".join(f"{k} {v}" for k, v in rows)


def _who(d: Data) -> object:
    return d.get("what", "the broker")


_WORDS: Mapping[str, tuple[int, Callable[[Data], str]]] = {
    Line.SIGNAL: (logging.INFO, lambda d: f"will {d.get('action')} because {d.get('reason')}"),
    Line.SIGNAL_GONE: (logging.INFO, lambda d: f"signal over: {d.get('why')}"),
    Line.DECISION: (logging.INFO, _decision),
    Line.PLANNED: (logging.INFO, _planned),
    Line.OUTCOME: (logging.INFO, _outcome),
    Line.SEEN: (logging.INFO, lambda d: f"order is {d.get('word')}, {d.get('filled')} filled"),
    Line.FILL: (logging.INFO, lambda d: f"{d.get('side')} {d.get('qty')} at {d.get('price')}"),
    Line.CANCEL: (logging.INFO, lambda d: f"asked to cancel: {d.get('why')}"),
    Line.EXIT: (logging.INFO, lambda d: f"closing: {d.get('reason')}"),
    Line.EXIT_DONE: (logging.INFO, lambda d: f"closed: {d.get('reason')}"),
    Line.BLOCK: (logging.WARNING, lambda d: f"takes no entries: {d.get('why')}"),
    Line.UNBLOCK: (logging.INFO, lambda d: f"takes entries again: {d.get('why')}"),
    Line.HALT: (logging.CRITICAL, lambda d: f"halt ({d.get('limit')}): {d.get('why')}"),
    Line.SPLIT: (
        logging.WARNING,
        lambda d: f"split {d['numerator']} for {d['denominator']}: {d['qty']} shares held now",
    ),
    Line.RESUME: (logging.WARNING, lambda d: f"resumed: {d.get('reason', 'no reason given')}"),
    Line.OUTAGE: (logging.WARNING, lambda d: f"{_who(d)} cannot be asked: {d.get('why')}"),
    Line.BACK: (logging.INFO, lambda d: f"{_who(d)} answers again after: {d.get('after')}"),
    Line.RELOAD: (logging.WARNING, _reload),
    Line.BAR_SEEN: (
        logging.INFO,
        lambda d: f"a {d.get('what')} bar of {d.get('end')} was told after its decision: seen",
    ),
    Line.STATUS_SEEN: (logging.INFO, status_words),
}
