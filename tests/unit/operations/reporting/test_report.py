"""The checks of a report and its three forms."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from magellan_core.errors import DataError
from magellan_core.lines import Event, Line, line
from magellan_core.model import Published
from magellan_core.operations.reporting.gathering import report_of, sessions_up_to
from magellan_core.operations.reporting.page import page
from magellan_core.operations.reporting.plain import as_json
from magellan_core.operations.reporting.report import FOUR_WEEKS, Report, section
from magellan_core.operations.reporting.words import text
from magellan_core.store.portfolio import SqlitePortfolioStore
from tests.unit.operations.dashboard_support import config, write
from tests.unit.operations.reporting.test_facts import (
    TUESDAY,
    WEDNESDAY,
    at,
    day,
    decision,
    made,
    session,
    trade,
)

EVENTS = [line(at(TUESDAY, 9), Line.START, None, version="0.1.0"), day(TUESDAY, "100000")]


def checks_of(events: list[Event], strategy: str = "bear_trap") -> dict[str, bool | None]:
    return {c.name: c.ok for c in section(config(strategy), made(events)).checks}


def test_a_quiet_day_without_fills_has_nothing_to_say_of_slippage() -> None:
    told = checks_of(EVENTS)
    assert told["no crash"] is True
    assert told["trades execute as decided"] is True
    assert told["no emergency stop"] is True
    assert told["slippage within tolerance"] is None
    # No symbol has a bar on record.
    assert told["no data gaps"] is False


def test_a_decision_without_an_order_at_the_broker_is_the_failure_of_day_one() -> None:
    """Eight signals, zero orders, and a status page that said operational."""
    assert checks_of([*EVENTS, decision(at(TUESDAY, 10))])["trades execute as decided"] is False
    refused = decision(at(TUESDAY, 10), "spread: 3 % > 2 %")
    assert checks_of([*EVENTS, refused])["trades execute as decided"] is True
    assert checks_of([*EVENTS, *trade("5", "6")])["trades execute as decided"] is True


@pytest.mark.parametrize(
    ("event", "check"),
    [
        (line(at(TUESDAY, 11), Line.START, None, version="0.1.0"), "no crash"),
        (
            line(at(TUESDAY, 11), Line.HALT, None, limit="win_rate", why="low", policy="hold"),
            "no emergency stop",
        ),
        (line(at(TUESDAY, 11), Line.OUTAGE, None, why="mute"), "no data gaps"),
    ],
)
def test_each_event_fails_its_check(event: Event, check: str) -> None:
    assert checks_of([*EVENTS, event])[check] is False


def test_four_weeks_are_judged_on_more_and_few_trades_say_so() -> None:
    sessions = sessions_up_to(TUESDAY, FOUR_WEEKS, at(WEDNESDAY, 10))
    assert len(sessions) == FOUR_WEEKS
    facts = made(EVENTS)
    facts.sessions = sessions
    told = {c.name: c for c in section(config("bear_trap"), facts).checks}
    assert told["win rate as expected"].ok is None
    assert "20 are needed" in told["win rate as expected"].why
    assert told["drawdown below half its limit"].ok is None


def report(tmp_path: Path) -> Report:
    """Bear Trap has a journal, Daily Trend has none, Hourly Swing's is no journal."""
    write(tmp_path / "bear_trap.sqlite3", [*EVENTS, *trade("5.00", "5.30")])
    (tmp_path / "hourly_swing.sqlite3").write_text("no journal <b>")
    names = ("bear_trap", "daily_trend", "hourly_swing")
    configs = [config(n) for n in names]
    return report_of(configs, tmp_path, [session(TUESDAY)], at(TUESDAY, 17), not_again)


def not_again(*_: object) -> Sequence[DataError]:
    """Trades no day again."""
    return [DataError("not asked for")]


def test_a_journal_that_cannot_be_read_is_told_and_hides_no_other(tmp_path: Path) -> None:
    bear, daily, hourly = report(tmp_path).sections
    assert bear.facts is not None
    assert bear.trades.total == Decimal(30)
    assert daily.facts is None
    assert "daily_trend.sqlite3" in daily.fault
    assert hourly.facts is None
    assert report(tmp_path).pnl is None


def test_the_three_forms_tell_the_same(tmp_path: Path) -> None:
    made_report = report(tmp_path)
    told = json.loads(json.dumps(as_json(made_report)))
    assert told["strategies"]["bear_trap"]["trades"] == 1
    assert told["strategies"]["bear_trap"]["order_ids"] == {"in": "b-in", "out": "b-out"}
    written = page(made_report)
    for width in (80, 140):
        console = Console(file=StringIO(), record=True, width=width)
        console.print(text(made_report))
        shown = console.export_text()
        assert "buy 100 AMC (entry)" in shown
        assert max(len(row) for row in shown.splitlines()) <= width
        assert "30.00" in shown
    assert "buy 100 AMC (entry)" in written
    assert "+30.00" in written


def test_a_page_is_well_formed_loads_nothing_and_escapes_what_it_quotes(tmp_path: Path) -> None:
    bad = replace(report(tmp_path).sections[1], fault="<script>alert(1)</script>")
    written = page(replace(report(tmp_path), sections=[report(tmp_path).sections[0], bad]))
    assert "<script" not in written
    assert not any(word in written for word in ("src=", "href=", "url(", "@import"))
    body = written.removeprefix("<!doctype html>").replace('<meta charset="utf-8">', "")
    assert ElementTree.fromstring(body).tag == "html"  # noqa: S314 - our own text


def test_todays_money_comes_from_the_figure_that_the_daemon_published(tmp_path: Path) -> None:
    write(tmp_path / "bear_trap.sqlite3", EVENTS)
    store = SqlitePortfolioStore(tmp_path / "portfolio.sqlite3")
    when = at(TUESDAY, 16)
    equity = Decimal("100250")
    store.publish(
        Published("bear_trap", when, when, equity, Decimal(250), TUESDAY, True, "running")
    )
    store.close()
    made_report = report_of([config("bear_trap")], tmp_path, [session(TUESDAY)], when, not_again)
    assert made_report.pnl == Decimal(250)


@pytest.mark.parametrize(
    ("hour", "first"), [(9, date(2024, 11, 26)), (10, date(2024, 11, 27)), (17, date(2024, 11, 27))]
)
def test_without_a_date_it_is_todays_session_once_it_has_opened(hour: int, first: date) -> None:
    assert [s.date for s in sessions_up_to(None, 1, at(WEDNESDAY, hour))] == [first]


def test_a_day_without_a_session_is_refused_with_the_one_before_it() -> None:
    with pytest.raises(DataError, match="the one before it is 2024-11-27"):
        sessions_up_to(date(2024, 11, 28), 1, at(WEDNESDAY, 10))


def test_a_daemon_that_wrote_nothing_all_day_is_a_failure_not_a_quiet_day() -> None:
    told = section(config("bear_trap"), made([day(TUESDAY, "100000")], WEDNESDAY))
    assert told.facts is None
    assert [(c.name, c.ok) for c in told.checks] == [("running", False)]
    assert "which has 2024-11-26 to 2024-11-26: was it running?" in told.fault
    assert "which is empty" in section(config("bear_trap"), made([])).fault
