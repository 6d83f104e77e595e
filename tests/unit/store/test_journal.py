"""The journal: one contract for the one on disk and the one in memory, then the disk's troubles."""

import json
import math
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magellan_core.errors import JournalError, JournalUnwritable
from magellan_core.ports import Event, Journal
from magellan_core.store.journal import JOURNAL, SqliteJournal, export, read_only
from magellan_core.store.memory import MemoryJournal

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
type AnyJournal = SqliteJournal | MemoryJournal


def event(kind: str, symbol: str | None = None, *, minute: int = 0, **data: object) -> Event:
    return Event(NOON + timedelta(minutes=minute), kind, symbol, data)


DAY = [
    event("start"),
    event("bar", "MULN", minute=1, close=3.41),
    event("bar", "TSLA", minute=1, close=250.0),
    event("decision", "MULN", minute=2, why="no trap"),
    event("bar", "MULN", minute=3, close=3.44),
    event("decision", "TSLA", minute=3, why="rsi 57.3, needs > 60"),
]


@pytest.fixture(params=["sqlite", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AnyJournal:
    return MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "j.db")


def test_what_went_in_comes_out_in_order(journal: AnyJournal) -> None:
    journal.append(DAY[:2])
    journal.append([])
    journal.append(DAY[2:])
    assert list(journal.events()) == DAY
    assert journal.last_seq == len(DAY)


def test_both_are_journals_to_the_engine(journal: AnyJournal) -> None:
    port: Journal = journal
    port.append(DAY)
    assert list(port.events()) == DAY


def test_an_empty_journal_has_no_lines(journal: AnyJournal) -> None:
    assert list(journal.events()) == []
    assert journal.last("bar") is None
    assert journal.last_seq == 0


@pytest.mark.parametrize(
    ("seq", "kinds", "symbol", "numbers"),
    [
        (0, None, None, [1, 2, 3, 4, 5, 6]),
        (4, None, None, [5, 6]),
        (6, None, None, []),
        (0, {"bar"}, None, [2, 3, 5]),
        (0, {"decision", "start"}, None, [1, 4, 6]),
        (1, ["bar", "decision", "bar"], None, [2, 3, 4, 5, 6]),
        (0, None, "MULN", [2, 4, 5]),
        (2, {"bar", "decision"}, "MULN", [4, 5]),
        (0, {"no such kind"}, None, []),
        (0, set(), None, []),
    ],
)
def test_lines_are_found_by_number_kind_and_symbol(
    journal: AnyJournal,
    seq: int,
    kinds: set[str] | None,
    symbol: str | None,
    numbers: list[int],
) -> None:
    journal.append(DAY)
    found = list(journal.since(seq, kinds=kinds, symbol=symbol))
    assert found == [(number, DAY[number - 1]) for number in numbers]


@pytest.mark.parametrize(
    ("kind", "symbol", "number"),
    [("bar", None, 5), ("bar", "TSLA", 3), ("decision", "MULN", 4), ("bar", "AMD", None)],
)
def test_the_latest_line_of_a_kind(
    journal: AnyJournal, kind: str, symbol: str | None, number: int | None
) -> None:
    journal.append(DAY)
    assert journal.last(kind, symbol=symbol) == (None if number is None else DAY[number - 1])


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (Decimal("1.5"), "fill.x: Decimal is not JSON-safe"),
        (NOON, "fill.x: datetime is not JSON-safe"),
        ((1, 2), "fill.x: tuple is not JSON-safe"),
        (math.nan, "fill.x: nan is no JSON number"),
        (-math.inf, "fill.x: -inf is no JSON number"),
        ({"deep": [1, {2, 3}]}, r"fill.x.deep\[1\]: set is not JSON-safe"),
        ({1: "one"}, "fill.x: the key 1 is not a str"),
    ],
)
def test_what_json_cannot_hold_is_refused_and_nothing_is_written(
    journal: AnyJournal, value: object, where: str
) -> None:
    with pytest.raises(TypeError, match=where):
        journal.append([event("start"), event("fill", x=value)])
    assert list(journal.events()) == []


def test_a_time_without_zone_is_refused(journal: AnyJournal) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        journal.append([Event(NOON.replace(tzinfo=None), "start", None, {})])
    assert list(journal.events()) == []


def test_times_are_kept_as_utc(journal: AnyJournal) -> None:
    new_york = timezone(timedelta(hours=-5))
    journal.append([Event(datetime(2026, 3, 2, 12, tzinfo=new_york), "start", None, {})])
    (kept,) = journal.events()
    assert (kept.at, kept.at.tzinfo) == (NOON, UTC)


def test_later_changes_to_the_data_do_not_reach_the_journal(journal: AnyJournal) -> None:
    orders = ["a"]
    journal.append([Event(NOON, "seen", None, MappingProxyType({"orders": orders}))])
    orders.append("b")
    (kept,) = journal.events()
    assert kept.data == {"orders": ["a"]}


def test_reading_ends_with_what_was_there_when_it_began(journal: AnyJournal) -> None:
    journal.append(DAY[:3])
    reading = journal.events()
    first = next(reading)
    journal.append(DAY[3:])
    assert [first, *reading] == DAY[:3]


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
EVENTS = st.builds(
    Event,
    at=st.datetimes(timezones=st.just(UTC)),
    kind=st.sampled_from(["bar", "fill", "halt"]),
    symbol=st.none() | st.sampled_from(["MULN", "TSLA"]),
    data=st.dictionaries(st.text(), JSON_VALUES, max_size=3),
)


@given(st.lists(EVENTS, max_size=6))
def test_any_json_comes_back_equal(events: list[Event]) -> None:
    journal = MemoryJournal()
    journal.append(events)
    assert list(journal.events()) == events


@settings(max_examples=25, deadline=None)
@given(st.lists(EVENTS, max_size=8), st.integers(0, 9))
def test_disk_and_memory_tell_the_same(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], seq: int
) -> None:
    memory = MemoryJournal()
    with SqliteJournal(tmp_path_factory.mktemp("j") / "j.db") as disk:
        memory.append(events)
        disk.append(events)
        for kinds in (None, {"bar", "halt"}):
            for symbol in (None, "MULN"):
                told = list(disk.since(seq, kinds=kinds, symbol=symbol))
                assert told == list(memory.since(seq, kinds=kinds, symbol=symbol))
        for only, without in (({"bar"}, {"halt"}), ({"bar", "fill"}, ()), ((), ("bar",))):
            condensed = list(disk.condensed(only_last=only, without=without))
            assert condensed == list(memory.condensed(only_last=only, without=without))
            assert condensed == [
                (number, event)
                for number, event in enumerate(events, start=1)
                if event.kind not in without
                and not (
                    event.kind in only
                    and any(
                        (e.kind, e.symbol) == (event.kind, event.symbol) for e in events[number:]
                    )
                )
            ]


# On disk


def rows_of(path: Path) -> list[tuple[object, ...]]:
    db = sqlite3.connect(path)
    rows = db.execute("SELECT * FROM events ORDER BY seq").fetchall()
    db.close()
    return rows


def test_equal_runs_make_equal_rows(tmp_path: Path) -> None:
    one, two = tmp_path / "1.db", tmp_path / "2.db"
    with SqliteJournal(one) as journal:
        journal.append([event("fill", "MULN", qty="40", price="3.41")])
    with SqliteJournal(two) as journal:
        journal.append([event("fill", "MULN", price="3.41", qty="40")])
    assert rows_of(one) == rows_of(two)
    assert rows_of(one)[0][4] == '{"price":"3.41","qty":"40"}'


def test_a_reopened_journal_goes_on_where_it_ended(tmp_path: Path) -> None:
    for item in DAY:
        with SqliteJournal(tmp_path / "deep" / "j.db") as journal:
            journal.append([item])
    with read_only(tmp_path / "deep" / "j.db") as reader:
        assert list(reader.since(0)) == list(enumerate(DAY, start=1))


def test_long_journals_are_read_page_by_page(tmp_path: Path) -> None:
    many = [event("bar" if n % 3 else "fill", minute=n, n=n) for n in range(2500)]
    with SqliteJournal(tmp_path / "j.db") as journal:
        journal.append(many)
        assert list(journal.events()) == many
        fills = [item for item in many if item.kind == "fill"]
        assert [item for _, item in journal.since(0, kinds={"fill"})] == fills


def test_readers_see_what_is_appended_meanwhile(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "j.db") as journal, read_only(tmp_path / "j.db") as reader:
        journal.append(DAY[:2])
        assert reader.last_seq == 2
        journal.append(DAY[2:])
        assert [item for _, item in reader.since(2)] == DAY[2:]


def test_a_reader_that_pauses_does_not_stop_the_writer(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "j.db") as journal, read_only(tmp_path / "j.db") as reader:
        journal.append(DAY)
        reading = reader.events()
        next(reading)
        journal.append(DAY)
        assert len(list(reading)) == len(DAY) - 1


@pytest.mark.parametrize("statement", ["DELETE FROM events", "UPDATE events SET kind = 'x'"])
def test_no_line_can_be_changed_or_removed(tmp_path: Path, statement: str) -> None:
    with SqliteJournal(tmp_path / "j.db") as journal:
        journal.append(DAY)
    db = sqlite3.connect(tmp_path / "j.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)
    db.close()
    assert len(rows_of(tmp_path / "j.db")) == len(DAY)


def test_export_is_one_json_object_a_line(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "j.db") as journal:
        journal.append(DAY)
    lines = list(export(tmp_path / "j.db"))
    assert json.loads(lines[1]) == {
        "seq": 2,
        "at": "2026-03-02T17:01:00.000000+00:00",
        "kind": "bar",
        "symbol": "MULN",
        "data": {"close": 3.41},
    }
    assert len(lines) == len(DAY)
    assert not any("\n" in line for line in lines)


def no_file(path: Path) -> None:
    path.unlink()


def of_text(path: Path) -> None:
    path.write_text("dear diary, " * 500)


def of_another_program(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE bookmarks (url TEXT)")
    db.close()


def of_the_future(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(JOURNAL.migrations) + 1}")
    db.close()


def with_a_torn_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:6000])


FAULTY: list[tuple[Callable[[Path], None], str]] = [
    (of_text, "is damaged .*restore it from a backup, or move it away"),
    (of_another_program, "is not a journal of Magellan: move it away"),
    (of_the_future, "has schema 2, this version knows 1: install the newer Magellan"),
    (with_a_torn_page, "is damaged .*restore it from a backup, or move it away"),
    (cut_short, "is damaged .*restore it from a backup, or move it away"),
]


@pytest.mark.parametrize(("spoil", "message"), FAULTY)
def test_a_faulty_file_is_refused_with_a_remedy_and_never_touched(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "j.db"
    with SqliteJournal(path) as journal:
        journal.append(DAY * 200)
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(JournalError, match=message) as caught:
        SqliteJournal(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("spoil", "message"), [*FAULTY[:3], (no_file, "there is no journal: start its strategy once")]
)
def test_a_reader_refuses_it_too(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "j.db"
    SqliteJournal(path).close()
    spoil(path)
    with pytest.raises(JournalError, match=message):
        read_only(path)


def test_a_reader_does_not_create_a_journal(tmp_path: Path) -> None:
    (tmp_path / "j.db").touch()
    with pytest.raises(JournalError, match="schema 0 is older than 1"):
        read_only(tmp_path / "j.db")
    assert (tmp_path / "j.db").read_bytes() == b""


def test_another_writer_that_keeps_the_lock_makes_it_unwritable_for_now(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", patience=0.05)
    other = sqlite3.connect(tmp_path / "j.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnwritable, match="another process keeps it locked"):
        journal.append(DAY)
    other.execute("ROLLBACK")
    other.close()
    journal.append(DAY)
    assert list(journal.events()) == DAY


@pytest.mark.parametrize("replacement", [None, "another file"])
def test_a_journal_moved_away_under_the_daemon_is_noticed(
    tmp_path: Path, replacement: str | None
) -> None:
    journal = SqliteJournal(tmp_path / "j.db")
    (tmp_path / "j.db").rename(tmp_path / "gone.db")
    if replacement:
        (tmp_path / "j.db").write_text(replacement)
    with pytest.raises(JournalUnwritable, match="moved or deleted while in use"):
        journal.append(DAY)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(JournalUnwritable, match="cannot create the journal's folder"):
        SqliteJournal(tmp_path / "state" / "j.db")


WRITE_UNTIL_KILLED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from magellan_core.ports import Event
from magellan_core.store.journal import SqliteJournal
journal = SqliteJournal(Path(sys.argv[1]))
at = datetime(2026, 3, 2, tzinfo=UTC)
for n in range(1_000_000):
    journal.append([Event(at, "planned", "MULN", {"n": n, "part": part}) for part in range(3)])
    sys.stdout.write(f"{n}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("patience", [1, 40, 250])
def test_kill_9_loses_nothing_that_was_confirmed_and_tears_no_batch(
    tmp_path: Path, patience: int
) -> None:
    path = tmp_path / "j.db"
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_UNTIL_KILLED, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as writer:
        assert writer.stdout is not None
        for _ in range(patience):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        # What the pipe still holds was confirmed before the kill.
        confirmed = patience + len(writer.stdout.read().split("\n")) - 1
    with SqliteJournal(path) as journal:
        kept = [(item.data["n"], item.data["part"]) for item in journal.events()]
    batches = len(kept) // 3
    assert kept == [(n, part) for n in range(batches) for part in range(3)]
    assert confirmed <= batches <= confirmed + 1


FILL_THE_DISK = """
import os, subprocess, sys
from datetime import UTC, datetime
from pathlib import Path
from magellan_core.errors import JournalUnwritable
from magellan_core.ports import Event
from magellan_core.store.journal import SqliteJournal
folder = sys.argv[1]
def mount(options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
def attempt(count):
    event = Event(datetime(2026, 3, 2, tzinfo=UTC), "bar", None, {"x": "y" * 1000})
    try:
        journal.append([event] * count)
        print("written", journal.last_seq)
    except JournalUnwritable as error:
        print("unwritable", journal.last_seq, error)
mount("size=400k")
journal = SqliteJournal(Path(folder) / "j.db")
attempt(10)
attempt(1000)
attempt(1)
mount("remount,size=4m")
attempt(1000)
journal.close()
mount("remount,ro")
try:
    SqliteJournal(Path(folder) / "j.db")
except JournalUnwritable as error:
    print("read-only", error)
"""


def can_mount() -> bool:
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    trial = [unshare, "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="no small file system can be mounted here")
def test_a_full_disk_is_survived_and_a_read_only_one_is_named(tmp_path: Path) -> None:
    answer = subprocess.run(
        ["unshare", "--map-root-user", "--mount", sys.executable, "-c", FILL_THE_DISK, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    full, small, later, closed = answer.stdout.splitlines()[1:]
    assert answer.stdout.startswith("written 10\n")
    assert full.startswith("unwritable 10 ")
    assert "the disk is full: free some space" in full
    assert small == "written 11"
    assert later == "written 1011"
    assert closed.startswith("read-only ")
    assert "it cannot be opened: check its folder and owner" in closed


def in_the_file_itself(path: Path) -> int:
    """Lines that are there without the write-ahead log."""
    alone = path.with_name("alone.db")
    shutil.copy(path, alone)
    db = sqlite3.connect(f"{alone.as_uri()}?immutable=1", uri=True)
    try:
        [tables] = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return db.execute("SELECT count(*) FROM events").fetchone()[0] if tables else 0
    finally:
        db.close()


def test_the_log_is_folded_back_between_ticks_and_never_by_a_commit(tmp_path: Path) -> None:
    """A commit that folds back makes an order wait for a second fsync and a thousand pages."""
    path = tmp_path / "j.db"
    with SqliteJournal(path) as journal:
        journal.between_ticks()
        for minute in range(400):
            journal.append([event("bar", "AMC", minute=minute, pad="x" * 3000)])
        assert in_the_file_itself(path) == 0
        journal.between_ticks()
        assert in_the_file_itself(path) == 400


def test_what_a_reader_still_needs_is_folded_back_after_it(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with SqliteJournal(path, patience=0.0) as journal:
        journal.append(DAY)
        with read_only(path) as reader:
            reader._db.execute("BEGIN")
            assert reader.last_seq == len(DAY)
            for minute in range(100):
                journal.append([event("bar", "AMC", minute=minute)])
            journal.between_ticks()
            assert reader.last_seq == len(DAY)
            assert journal.last_seq == len(DAY) + 100
        for minute in range(100):
            journal.append([event("bar", "AMC", minute=minute)])
        journal.between_ticks()
        assert in_the_file_itself(path) == len(DAY) + 200


def test_a_few_lines_are_left_in_the_log(tmp_path: Path) -> None:
    """Folding back costs an fsync of its own: not at every tick."""
    path = tmp_path / "j.db"
    with SqliteJournal(path) as journal:
        journal.append(DAY)
        journal.between_ticks()
        assert in_the_file_itself(path) == 0
