"""Log records as CloudWatch events: one JSON object each, searchable by symbol, order and event.

LAW: the same record makes the same event, id included; so that what was sent twice can be told.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b

from magellan_core.process.records import EPOCH, Record

# PutLogEvents: 1,048,576 bytes a batch counting 26 for each event, 10,000 events, 24 hours.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
MAX_BATCH_BYTES, EVENT_OVERHEAD, MAX_BATCH_EVENTS = 1_048_576, 26, 10_000
MAX_SPAN = timedelta(hours=24) - timedelta(seconds=1)
# An event may have 256 KB at older endpoints; a message beyond this is cut, and says so.
MAX_MESSAGE = 200_000

LEVELS = {0: "CRITICAL", 1: "CRITICAL", 2: "CRITICAL", 3: "ERROR", 4: "WARNING", 7: "DEBUG"}
_HEAD = re.compile(r"([a-z][a-z_]*): (.*)", re.DOTALL)
_FIELD = re.compile(r'(?:^| )([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|[^\s"=]+)$')


@dataclass(frozen=True, slots=True)
class LogEvent:
    """`at_ms`: milliseconds since 1970. `cursor`: the record's place in its source."""

    cursor: str
    id: str
    at_ms: int
    text: str

    @property
    def size(self) -> int:
        return len(self.text.encode()) + EVENT_OVERHEAD


def to_event(record: Record) -> LogEvent:
    """The record as JSON. A metrics line (EMF) stays what it is, with the id added."""
    identity = blake2b(record.cursor.encode(), digest_size=10).hexdigest()
    shared = {"id": identity, "unit": record.identifier}
    metrics = _emf(record.message)
    if metrics is not None:
        told: dict[str, object] = {**metrics, **shared}
    else:
        told = {
            **_parsed(record.message),
            **shared,
            "time": record.at.isoformat(),
            "level": LEVELS.get(record.priority, "INFO"),
        }
    at_ms = (record.at - EPOCH) // timedelta(milliseconds=1)
    return LogEvent(record.cursor, identity, at_ms, json.dumps(told, ensure_ascii=False))


def batches(events: Sequence[LogEvent]) -> Iterator[list[LogEvent]]:
    """Cut into what one PutLogEvents takes, in reading order; each is a run without gaps."""
    batch: list[LogEvent] = []
    size, first, last = 0, 0, 0
    span = MAX_SPAN // timedelta(milliseconds=1)
    for event in events:
        low, high = min(first, event.at_ms), max(last, event.at_ms)
        full = len(batch) == MAX_BATCH_EVENTS or size + event.size > MAX_BATCH_BYTES
        if batch and (full or high - low > span):
            yield batch
            batch, size = [], 0
        if not batch:
            low = high = event.at_ms
        batch.append(event)
        size, first, last = size + event.size, low, high
    if batch:
        yield batch


def _parsed(message: str) -> dict[str, object]:
    """Event, message and fields of a line of process/logs.py; any other line is a message."""
    head = _HEAD.fullmatch(message)
    if head is None:
        return {"event": "line", "message": _cut(message)}
    event, rest = head.groups()
    fields: list[tuple[str, object]] = []
    while (found := _FIELD.search(rest)) is not None:
        fields.append((found[1], _value(found[2])))
        rest = rest[: found.start()]
    return {**dict(reversed(fields)), "event": event, "message": _cut(rest)}


def _value(text: str) -> object:
    if text.startswith('"'):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return None if text == "-" else text


def _cut(text: str) -> str:
    data = text.encode()
    if len(data) <= MAX_MESSAGE:
        return text
    return data[:MAX_MESSAGE].decode(errors="ignore") + f" ... ({len(data)} bytes, cut)"


def _emf(message: str) -> dict[str, object] | None:
    if not message.startswith('{"_aws"'):
        return None
    try:
        told = json.loads(message)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
