"""Lives of a daemon: each start and end is told, a crash as one, and a loop of them is no flood."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from magellan_core.engine.words import crashed, spell
from magellan_core.errors import CredentialsError, MagellanError, Unavailable
from magellan_core.lines import Line, line
from magellan_core.lives import Lives, before, journaled
from magellan_core.model import Published
from magellan_core.ports import Level
from magellan_core.process.alerts import LogAlerts
from magellan_core.store.journal import SqliteJournal
from magellan_core.store.memory import MemoryPortfolioStore
from tests.engine.markets import bear_trap

NOW = datetime(2025, 1, 8, 14, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
NAME = "bear_trap"


class House:
    """A journal on disk, a portfolio store, and lives one after the other."""

    def __init__(self, path: Path) -> None:
        self.journal = SqliteJournal(path)
        self.store = MemoryPortfolioStore()
        self.now = NOW
        self.rig = bear_trap()

    def live(self) -> Lives:
        """A new life, as far as the start line; its engine has a broker that nobody asks."""
        earlier = before(self.journal, self.store, NAME)
        engine = type(self.rig.engine)(
            self.rig.make_strategy,
            self.rig.broker,
            self.rig.data,
            self.journal,
            self.store,
            LogAlerts(
                lambda: self.now,
                earlier=earlier.alerts,
                sinks=[lambda *told: journaled(engine.ledger, self.now, *told)],
            ),
            self.rig.settings,
        )
        lives = Lives(NAME, engine, earlier, {"version": "1"})
        lives.begin(self.now)
        return lives

    def publish(self, at: datetime) -> None:
        """A tick's figures."""
        row = Published(NAME, at, at, Decimal(1), Decimal(0), None, flat=True, state="running")
        self.store.publish(row)

    def told(self) -> list[tuple[str, str]]:
        found = self.journal.since(0, kinds={Line.ALERT})
        return [(str(e.data["level"]), str(e.data["message"])) for _, e in found]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    it = House(tmp_path / "journal.sqlite3")
    yield it
    it.journal.close()


def test_a_first_start_a_stop_and_a_start_after_it_are_told(house: House) -> None:
    life = house.live()
    life.go_on(house.now)
    house.now += MINUTE
    assert life.stop(house.now) == "stopped as asked; 0 positions open"
    house.now += 90 * SECOND
    house.live().go_on(house.now)
    assert house.told() == [
        ("info", "started, for the first time: version 1; 0 positions open"),
        ("info", "stopped as asked; 0 positions open"),
        (
            "info",
            "started, away for 1 min 30 s since 2025-01-08 14:01:00 UTC: version 1; "
            "0 positions open",
        ),
    ]
    stop = house.journal.last(Line.STOP)
    assert stop is not None
    assert stop.data["exit"] == 0


@pytest.mark.parametrize(
    ("ticked", "away"),
    [
        (None, "away for 42 s since 2025-01-08 14:00:00 UTC"),
        (12 * SECOND, "away for 30 s since 2025-01-08 14:00:12 UTC"),
        (43 * SECOND, "away for nobody knows how long (the clock was set back)"),
    ],
)
def test_a_start_after_no_stop_is_told_as_a_crash_with_how_long_it_was_away(
    house: House, ticked: timedelta | None, away: str
) -> None:
    house.live().go_on(house.now)
    if ticked is not None:
        house.publish(NOW + ticked)
    house.now += 42 * SECOND
    house.live().go_on(house.now)
    assert house.told()[1:] == [
        (
            "warning",
            f"started after no stop on record (crash, kill or power loss): {away}; "
            "0 positions open",
        )
    ]


def test_what_scripts_write_while_it_is_down_is_no_sign_of_life(house: House) -> None:
    house.live()
    by_hand = {"level": "critical", "key": "emergency_stop", "message": "flat"}
    house.journal.append([line(NOW + 30 * SECOND, Line.ALERT, None, **by_hand)])
    house.now += 42 * SECOND
    house.live()
    assert "away for 42 s" in house.told()[-1][1]


def test_positions_are_named(house: House) -> None:
    life = house.live()
    book = life.engine.ledger.book
    rig = bear_trap()
    rig.run(rig.now + timedelta(minutes=60))
    assert rig.book.positions
    book.positions.update(rig.book.positions)
    assert life.stop(NOW).startswith("stopped as asked; 1 position open: AMC ")


def test_a_crash_loop_is_told_when_it_begins_when_it_is_one_and_then_now_and_then(
    house: House,
) -> None:
    """A crash every ten seconds for an hour: 360 starts."""
    for _ in range(360):
        house.live()
        house.now += 10 * SECOND
    told = house.told()
    assert [level for level, _ in told] == ["warning", *["critical"] * 4]
    assert "3 times within 15 minutes" in told[1][1]
    starts = list(house.journal.since(0, kinds={Line.START}))
    assert [e.data["follows"] for _, e in starts] == ["nothing", *["crash"] * 359]


def test_a_crash_is_news_again_once_it_has_been_quiet_for_long(house: House) -> None:
    for hours in (0, 1, 2, 3):
        house.now = NOW + timedelta(hours=hours)
        house.live()
    assert [level for level, _ in house.told()] == ["warning"] * 3


@pytest.mark.parametrize(
    ("fault", "level", "code"),
    [
        (Unavailable("GET: no answer"), "warning", 69),
        (CredentialsError("the API keys are refused"), "critical", 77),
    ],
)
def test_a_named_fault_that_ends_it_is_told_and_is_no_crash(
    house: House, fault: MagellanError, level: str, code: int
) -> None:
    house.live().give_up(fault, house.now)
    house.now += MINUTE
    house.live().go_on(house.now)
    (ended, said), (_, started) = house.told()
    assert ended == level
    assert said.startswith(f"ended with code {code} (")
    assert str(fault) in said
    assert started.startswith("started, away for 1 min 0 s")


def test_an_outage_through_many_starts_is_told_once_a_quarter_of_an_hour(house: House) -> None:
    for _ in range(12):
        house.live().give_up(Unavailable("GET: no answer"), house.now)
        house.now += 5 * MINUTE
    assert len(house.told()) == 4


def test_no_restart_tells_again_what_was_just_told(house: House) -> None:
    for _ in range(3):
        house.live().engine.alerts.alert(Level.WARNING, "untradable-MULN", "MULN is unknown")
        house.now += MINUTE
    assert [said for _, said in house.told() if "MULN" in said] == ["MULN is unknown"]


def test_a_life_that_read_nothing_writes_nothing(house: House) -> None:
    earlier = before(house.journal, house.store, NAME)
    life = Lives(NAME, house.live().engine, earlier, {})
    life.engine.loaded = False
    lines = house.journal.last_seq
    life.give_up(Unavailable("GET: no answer"), NOW)
    assert house.journal.last_seq == lines


@pytest.mark.parametrize(
    ("follows", "seen", "said"),
    [
        ("nothing", None, ""),
        ("stop", NOW, ""),
        ("crash", None, "after no stop on record (crash, kill or power loss)"),
        (
            "crash",
            NOW - 2 * MINUTE,
            "after no stop on record (crash, kill or power loss), away for 2 min 0 s",
        ),
    ],
)
def test_a_dashboard_says_it_from_the_start_line(
    follows: str, seen: datetime | None, said: str
) -> None:
    start = {"follows": follows, "last_seen": None if seen is None else seen.isoformat()}
    assert crashed(start, NOW) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=1), "1 min 0 s"),
        (timedelta(hours=2, minutes=10, seconds=5), "2 h 10 min"),
        (timedelta(days=1, hours=4), "1 d 4 h"),
    ],
)
def test_lengths_in_words(length: timedelta, said: str) -> None:
    assert spell(length) == said
