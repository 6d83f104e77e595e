"""The journal in words: nothing left out, nothing added, and why nothing was traded."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from magellan_core.errors import UsageError
from magellan_core.lines import Event, Line, line
from magellan_core.market_hours import at_new_york
from magellan_core.operations.explain import Story, story, why_not
from magellan_core.operations.explain_sources import stories
from magellan_core.operations.explain_view import show
from magellan_core.store.journal import SqliteJournal

DAY = date(2026, 3, 2)
OPEN = at_new_york(DAY, 9, 30)
FELL, TRAP = "day change <= -15 %", "a trap (low {} did not break {})"


def bar(minute: int, change: str, waits: str, *, seen: datetime | None = None) -> Event:
    start = OPEN + timedelta(minutes=minute)
    end = start + timedelta(minutes=1)
    return line(
        seen or end,
        Line.BAR,
        "MULN",
        start=start.isoformat(),
        end=end.isoformat(),
        open=10.0 - minute / 100,
        high=10.5,
        low=9.0,
        close=9.5,
        volume=100.0,
        numbers={"day change": change, "waits for": waits},
    )


QUIET = [
    bar(0, "-0.50 %", FELL),
    bar(1, "-14.90 %", FELL),
    bar(2, "1.10 %", FELL),
    bar(3, "-15.20 %", TRAP.format("9.10", "9.05")),
    bar(4, "-16.00 %", TRAP.format("9.12", "9.02")),
]


def decision(minute: int, *against: str) -> Event:
    at = OPEN + timedelta(minutes=minute)
    told = {
        "reason": "trap at 9.05",
        "objections": list(against),
        "numbers": {"day change": "-16 %"},
    }
    return line(at, Line.DECISION, "MULN", action="enter", qty=100, **told)


def fill(minute: int) -> Event:
    at = OPEN + timedelta(minutes=minute)
    return line(at, Line.FILL, "MULN", side="buy", qty="100", price="9.05", order="o-1")


def told(*events: Event) -> Story:
    return story("bear_trap", "MULN", DAY, events)


def test_bars_in_a_row_that_wait_for_the_same_are_one_phase_with_its_range() -> None:
    first, second = told(*QUIET).phases
    assert (first.bars, first.waits) == (3, FELL)
    assert first.ranges == {"day change": "-14.90 % to 1.10 %"}
    assert (second.bars, second.waits) == (2, "a trap (low 9.12 did not break 9.02)")
    assert second.last == OPEN + timedelta(minutes=5)


def test_the_days_bars_are_told_together() -> None:
    bars = told(*QUIET).bars
    assert bars is not None
    assert (bars.count, bars.open, bars.high, bars.low, bars.close) == (5, 10.0, 10.5, 9.0, 9.5)
    assert (bars.first, bars.volume) == (OPEN, 500.0)


def test_a_bar_belongs_to_its_own_day_whenever_it_was_read() -> None:
    late = bar(5, "-1 %", FELL, seen=OPEN + timedelta(days=1))
    assert len(told(late).phases) == 1
    assert told(line(OPEN + timedelta(days=1), Line.EXIT, "MULN", reason="x")).happenings == []


def test_of_another_symbol_nothing_is_told_but_what_is_for_all_is() -> None:
    other = line(OPEN, Line.FILL, "AMC", side="buy", qty="1", price="2", order="o")
    halt = line(OPEN, Line.HALT, None, limit="drawdown", policy="hold", why="20 % below")
    assert [h.words for h in told(other, halt).happenings] == ["drawdown (hold): 20 % below"]


def test_why_not_names_the_predicate_that_refused_how_often_and_what_was_waited_for() -> None:
    spread = "spread 2.10 % is above 1 %"
    found = why_not(told(*QUIET, decision(4, spread), decision(5, spread, "quote is 9 s old")))
    assert found[2:] == [
        f"an entry was refused 2 times: {spread}",
        "an entry was refused: quote is 9 s old",
        f"3 bars waited for {FELL} (day change -14.90 % to 1.10 %)",
        "2 bars waited for a trap (low 9.12 did not break 9.02) (day change -16.00 % to -15.20 %)",
    ]
    assert all(f"REFUSED: {spread}" in row for row in found[:2])


STATUS = {"at": "2026-03-02T14:31:07+00:00", "code": "P", "words": "Pause", "reason_code": "LUDP"}


@pytest.mark.parametrize(
    ("what", "words", "grave"),
    [
        (
            "halt",
            "told to be halted since 2026-03-02T14:31:07+00:00: P Pause (LUDP Volatility); "
            "no entries",
            True,
        ),
        (
            "resume",
            "told to trade again since 2026-03-02T14:31:07+00:00: P Pause (LUDP Volatility)",
            False,
        ),
        (
            "seen",
            "a status of 2026-03-02T14:31:07+00:00 was told: P Pause (LUDP Volatility); seen",
            False,
        ),
        (
            "traded",
            "trades again: it has a bar that begins at 2026-03-02T14:31:07+00:00",
            False,
        ),
    ],
)
def test_what_a_stream_told_of_halts_is_told(what: str, words: str, grave: bool) -> None:
    status = line(OPEN, Line.STATUS_SEEN, "MULN", what=what, **STATUS, reason="Volatility")
    told = story("bear_trap", "MULN", DAY, [*QUIET, status])
    assert [(h.what, h.words, h.grave) for h in told.happenings] == [("status seen", words, grave)]
    assert any(words in why for why in why_not(told)) is grave


def test_what_was_traded_needs_no_why_not() -> None:
    assert why_not(told(*QUIET, decision(5), fill(6))) == []


def test_a_day_without_bars_says_so_and_whether_there_could_have_been_any() -> None:
    assert why_not(told()) == ["no bar of it came on that day: no data, or not running"]
    thanksgiving = story("bear_trap", "AMC", date(2024, 11, 28), [])
    assert why_not(thanksgiving) == [
        "no bar of it came on that day: the exchange has no session on it"
    ]


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("only_why_not", [False, True])
def test_nothing_is_wider_than_the_terminal_and_every_happening_is_there(
    width: int, only_why_not: bool
) -> None:
    long = "quote of 2026-03-02 09:34:59 is 61 s old, limit 10 s, " * 3
    console = Console(width=width, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    with console.file:
        show(console, told(*QUIET, decision(5, long.strip())), only_why_not=only_why_not)
        text = console.export_text()
    assert max(len(row) for row in text.splitlines()) <= width
    assert " ".join(long.split()) in " ".join(text.split())


def test_the_journals_that_know_the_symbol_are_found(tmp_path: Path) -> None:
    for name, symbol in (("bear_trap", "MULN"), ("hourly_swing", "TSLA")):
        with SqliteJournal(tmp_path / f"{name}.sqlite3") as journal:
            events = [e if e.symbol is None else Event(e.at, e.kind, symbol, e.data) for e in QUIET]
            journal.append(events)
    [only] = stories(tmp_path, "TSLA", DAY, None)
    assert (only.strategy, len(only.phases)) == ("hourly_swing", 2)
    [asked] = stories(tmp_path, "TSLA", DAY, "bear_trap")
    assert asked.bars is None


@pytest.mark.parametrize(
    ("symbol", "strategy", "words"),
    [
        ("MULN", "bear_tarp", "there is bear_trap"),
        ("X", None, "knows it"),
        ("X", "daily_trend", "no"),
    ],
)
def test_what_cannot_be_told_says_why(
    tmp_path: Path, symbol: str, strategy: str | None, words: str
) -> None:
    with SqliteJournal(tmp_path / "bear_trap.sqlite3") as journal:
        journal.append(QUIET)
    with pytest.raises(UsageError, match=words):
        stories(tmp_path, symbol, DAY, strategy)
