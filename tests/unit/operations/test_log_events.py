"""Log lines as CloudWatch events: what was written can be searched, and batches keep the limits."""

import json
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magellan_core.operations.log_events import (
    EVENT_OVERHEAD,
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    MAX_MESSAGE,
    MAX_SPAN,
    LogEvent,
    batches,
    to_event,
)
from magellan_core.process.logs import LineFormatter
from magellan_core.process.metrics import Figures, emf
from magellan_core.process.records import Record

NOON = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
DAY_MS = int(MAX_SPAN.total_seconds() * 1000)


def record(message: str, priority: int = 6, cursor: str = "c") -> Record:
    return Record(cursor, NOON, "magellan-bear-trap", priority, message)


def told(message: str, priority: int = 6) -> dict[str, object]:
    found = json.loads(to_event(record(message, priority)).text)
    assert isinstance(found, dict)
    return found


def line(event: str, message: str, fields: dict[str, object]) -> str:
    """The line as the daemons write it for the journal, without journald's prefix."""
    entry = logging.makeLogRecord(
        {"levelno": logging.INFO, "msg": message, "event": event, "fields": fields}
    )
    return LineFormatter("x", journald=True).format(entry).partition(">")[2]


@pytest.mark.parametrize(
    ("event", "message", "fields"),
    [
        ("fill", "buy 40 at 3.41", {"symbol": "MULN", "order": "bear_trap-MULN-1-t1-1"}),
        ("decision", "enter because a = b, c", {"symbol": "X", "at": "2026-03-02 17:00"}),
        ("outage", "no answer: try again", {}),
        ("alert", 'said "no"', {"key": 'quo"ted', "path": "C:\\x"}),
    ],
)
def test_event_message_and_fields_come_back(
    event: str, message: str, fields: dict[str, object]
) -> None:
    found = told(line(event, message, fields))
    assert (found["event"], found["message"]) == (event, message)
    assert {name: found[name] for name in fields} == fields


WORD = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=40)


@given(WORD.filter(lambda text: "=" not in text), st.dictionaries(st.sampled_from("abcd"), WORD))
def test_any_fields_come_back(message: str, fields: dict[str, str]) -> None:
    found = told(line("event", message, dict(fields)))
    assert {n: "-" if found[n] is None else found[n] for n in fields} == fields
    assert found["message"] == message


@pytest.mark.parametrize(
    ("priority", "level"), [(2, "CRITICAL"), (3, "ERROR"), (4, "WARNING"), (6, "INFO")]
)
def test_levels_are_journalds(priority: int, level: str) -> None:
    assert told("x: y", priority)["level"] == level


@pytest.mark.parametrize(
    "text", ["Traceback (most recent call last):", "", '  File "x.py"', "A: b"]
)
def test_a_line_of_another_form_is_a_message(text: str) -> None:
    assert (told(text)["event"], told(text)["message"]) == ("line", text)


def test_metrics_stay_metrics_and_get_an_id() -> None:
    figures = Figures(
        equity=Decimal(100_000),
        pnl_today=Decimal(-50),
        drawdown_used=Decimal(12),
        daily_loss_used=Decimal("0.5"),
        positions=1,
        halted=0,
        bar_age=12.5,
        errors=0,
        tick_time=3.5,
    )
    found = told(emf("bear_trap", NOON, figures))
    [metrics] = found["_aws"]["CloudWatchMetrics"]  # type: ignore[index] # known form
    names = {metric["Name"] for metric in metrics["Metrics"]}
    assert {"Equity", "DrawdownUsed", "Errors", "BarAge", "TickTime"} <= names
    assert names <= set(found)
    assert (found["Strategy"], found["BarAge"]) == ("bear_trap", 12.5)
    assert found["id"]


def test_the_same_record_makes_the_same_event_and_another_another() -> None:
    assert to_event(record("x", cursor="1")) == to_event(record("x", cursor="1"))
    assert to_event(record("x", cursor="1")).id != to_event(record("x", cursor="2")).id


def test_a_message_too_long_is_cut_and_says_so() -> None:
    message = str(told("€" * 100_000)["message"])
    assert message.endswith("(300000 bytes, cut)")
    assert len(message.encode()) < MAX_MESSAGE + 50


def events(*sizes_and_times: tuple[int, int]) -> list[LogEvent]:
    return [
        LogEvent(str(n), str(n), at, "x" * size) for n, (size, at) in enumerate(sizes_and_times)
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 100, 200_000, 262_000]), st.integers(0, 3 * DAY_MS)),
        max_size=60,
    )
)
def test_batches_keep_the_limits_and_the_order(rows: list[tuple[int, int]]) -> None:
    whole = events(*rows)
    cut = list(batches(whole))
    assert [event for batch in cut for event in batch] == whole
    for batch in cut:
        assert sum(len(e.text) + EVENT_OVERHEAD for e in batch) <= MAX_BATCH_BYTES
        times = [e.at_ms for e in batch]
        assert timedelta(milliseconds=max(times) - min(times)) <= MAX_SPAN


def test_a_batch_holds_ten_thousand_events() -> None:
    cut = list(batches(events(*[(1, 0)] * 25_000)))
    assert [len(batch) for batch in cut] == [MAX_BATCH_EVENTS, MAX_BATCH_EVENTS, 5_000]
