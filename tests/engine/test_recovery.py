"""What a start and a tick make of what nothing explains, and of a disk that takes nothing."""

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from magellan_core.errors import JournalError, JournalUnwritable
from magellan_core.lines import Line, line
from magellan_core.market_hours import at_new_york
from magellan_core.model import OrderRequest, Side
from magellan_core.paper.orders import OrderForm
from magellan_core.store.journal import SqliteJournal
from magellan_core.trials.faults import Answer, Call, Fault, Kill, Place, Tally
from magellan_core.trials.scenarios import TUESDAY, WEDNESDAY, scenarios
from magellan_core.trials.stage import Stage

# Half an hour after the only entry of that scenario.
EXIT_DUE = at_new_york(WEDNESDAY, 12, 0)


def bought(stage: Stage) -> list[str]:
    asked = [c.argument for c in stage.tally.made if isinstance(c.argument, OrderRequest)]
    return [request.client_order_id for request in asked if request.side is Side.BUY]


def alerts(stage: Stage) -> set[str]:
    return {key for _, key, _ in stage.player.alerts.said}


def kinds(stage: Stage) -> list[str]:
    return [event.kind for event in stage.player.watched.events()]


def test_a_position_that_nothing_explains_blocks_its_symbol_and_alerts() -> None:
    stage = Stage(scenarios()["targets"])
    by_hand = OrderForm("MULN", Side.BUY, qty=Decimal(10))
    stage.exchange.submit(stage.player.number, by_hand)
    stage.play_until(at_new_york(TUESDAY, 11, 20))
    assert "unexplained-MULN" in alerts(stage)
    assert "block" in kinds(stage)
    assert bought(stage) == []
    assert [c for c in stage.tally.made if c.writes] == [], "closing it is the operator's choice"


def test_a_position_is_explained_again_when_the_operator_has_closed_it() -> None:
    stage = Stage(scenarios()["targets"])
    stage.exchange.submit(stage.player.number, OrderForm("MULN", Side.BUY, qty=Decimal(10)))
    stage.play_until(at_new_york(TUESDAY, 10, 59))
    stage.exchange.submit(stage.player.number, OrderForm("MULN", Side.SELL, qty=Decimal(10)))
    stage.play_until(at_new_york(TUESDAY, 11, 1))
    assert kinds(stage).count("block") == kinds(stage).count("unblock") == 1


class Lagging(Tally):
    """Positions are told as they were some seconds before."""

    seconds = 0.0
    kept: tuple[Any, Any] | None = None

    def tamper(self, method: str, told: Any) -> Any:
        if method != "positions":
            return told
        old, since = self.kept or (told, self.now())
        if old == told or self.now() - since >= timedelta(seconds=self.seconds):
            self.kept = (told, self.now())
            return told
        return old


@pytest.mark.parametrize(("seconds", "blocked"), [(9, False), (120, True)])
def test_positions_may_lag_behind_orders_for_the_grace(seconds: float, blocked: bool) -> None:
    stage = Stage(scenarios()["stopped"], tally=Lagging)
    assert isinstance(stage.tally, Lagging)
    stage.tally.seconds = seconds

    stage.tally.kept = ([], stage.exchange.now)
    stage.play_until(at_new_york(TUESDAY, 12, 24))
    assert ("block" in kinds(stage)) is blocked


def fill_disk(stage: Stage) -> None:
    """From now on SQLite itself says SQLITE_FULL."""
    disk = stage.player.disk
    assert disk is not None
    disk._db.execute("PRAGMA max_page_count = 1")
    filler = line(stage.exchange.now, Line.ALERT, why="filler" * 20)
    with suppress(JournalUnwritable):
        for _ in range(1000):
            disk.append([filler])
    with pytest.raises(JournalUnwritable, match="free some space"):
        disk.append([filler])


def free_disk(stage: Stage) -> None:
    assert stage.player.disk is not None
    stage.player.disk._db.execute("PRAGMA max_page_count = 1000000")


def test_a_full_disk_stops_entries_and_alerts(tmp_path: Path) -> None:
    stage = Stage(scenarios()["targets"], journal=tmp_path / "journal.sqlite3")
    stage.play_until(at_new_york(TUESDAY, 11, 0))
    fill_disk(stage)
    stage.play_until(at_new_york(TUESDAY, 11, 25))
    assert bought(stage) == []
    assert "journal-unwritable" in alerts(stage)
    free_disk(stage)
    stage.play()


def test_an_exit_goes_out_over_a_full_disk_and_is_on_record_later(tmp_path: Path) -> None:
    stage = Stage(scenarios()["time exit"], journal=tmp_path / "journal.sqlite3")
    stage.tally.disk_was_full = True
    stage.play_until(at_new_york(WEDNESDAY, 11, 50))
    fill_disk(stage)
    before = len(kinds(stage))
    stage.play_until(at_new_york(WEDNESDAY, 12, 15))
    assert len(kinds(stage)) == before, "the disk was not full"
    assert stage.exchange.positions(stage.player.number) == []
    free_disk(stage)
    stage.play_until(stage.scenario.end)
    assert "exit_done" in kinds(stage)
    stage.player.finish()


@pytest.mark.parametrize("harm", ["damaged", "newer"])
def test_a_journal_that_cannot_be_read_is_refused_and_left_alone(harm: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    stage = Stage(scenarios()["stopped"], journal=path)
    stage.play()
    if harm == "newer":
        with SqliteJournal(path) as journal:
            journal._db.execute("PRAGMA user_version = 99")
    else:
        raw = bytearray(path.read_bytes())
        raw[100:4096] = b"\x5a" * 3996
        path.write_bytes(raw)
    kept = path.read_bytes()
    with pytest.raises(JournalError, match=r"restore it|install the newer"):
        Stage(scenarios()["stopped"], journal=path)
    assert path.read_bytes() == kept


def test_a_line_is_on_disk_before_the_next_step(tmp_path: Path) -> None:
    """SQLite syncs at every commit only in this mode: 2 is FULL."""
    with SqliteJournal(tmp_path / "journal.sqlite3") as journal:
        assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("answer", [Answer.REFUSED, Answer.LOST, Answer.RESET])
def test_the_rest_of_a_decision_stays_at_home_after_a_bad_answer(answer: Answer) -> None:
    good = Stage(scenarios()["stopped"])
    good.play()
    first = next(call.number for call in good.tally.made if call.method == "submit")
    stage = Stage(scenarios()["stopped"], [Fault(Place.CALL, first, answer)])
    stage.play()
    assert len(bought(stage)) == 1


class RefusesSales(Tally):
    """The broker turns down every sale for some minutes."""

    def call_fault(self, call: Call) -> Fault | None:
        request = call.argument
        sells = isinstance(request, OrderRequest) and request.side is Side.SELL
        early = call.at < at_new_york(WEDNESDAY, 12, 14)
        return Fault(Place.CALL, call.number, Answer.REFUSED) if sells and early else None


def test_an_exit_is_tried_until_it_is_taken_and_a_person_hears_of_it() -> None:
    stage = Stage(scenarios()["time exit"], tally=RefusesSales)
    stage.play()
    assert "exit-stuck-ONDS" in alerts(stage)
    assert stage.exchange.positions(stage.player.number) == []


class FullWhenItLeaves(Tally):
    """The disk is full when an exit is due; the daemon dies between its cancels and the sale."""

    def append_fault(self) -> Fault | None:
        if self.life > 1 or self.now() < EXIT_DUE:
            return None
        self.disk_was_full = True
        return Fault(Place.APPEND, self.appends, disk_full=1)

    def call_fault(self, call: Call) -> Fault | None:
        dies = call.method == "submit" and call.at >= EXIT_DUE and call.life == 1
        return Fault(Place.CALL, call.number, kill=Kill.BEFORE) if dies else None


def test_an_exit_that_died_with_its_daemon_is_decided_anew_at_once() -> None:
    stage = Stage(scenarios()["time exit"], tally=FullWhenItLeaves)
    stage.play()
    killed, sold = [c for c in stage.tally.made if c.method == "submit" and c.at >= EXIT_DUE]
    assert (killed.life, sold.life) == (1, 2)
    assert sold.at - killed.at <= timedelta(seconds=20)
    assert stage.exchange.positions(stage.player.number) == []
