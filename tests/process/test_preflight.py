"""The checklist as an operator runs it, against a paper exchange; and its judgements as tables."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from magellan_core.errors import ExitCode
from magellan_core.lines import Line, line
from magellan_core.market_hours import at_new_york
from magellan_core.operations.preflight.account import judge_clock, judge_multiplier
from magellan_core.operations.preflight.findings import Colour
from magellan_core.store.journal import SqliteJournal
from tests.systemd.installation import ROOT, UNITS, Exchange, open_exchange, shipped

Findings = dict[tuple[str, str], tuple[str, str]]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    folder = tmp_path_factory.mktemp("exchange")
    with open_exchange(folder, "--speed", "1", "--start", "2025-11-25T12:00-05:00") as opened:
        yield opened


@pytest.fixture
def place(tmp_path: Path, exchange: Exchange) -> Path:
    for strategy, unit in UNITS.items():
        (tmp_path / f"{unit}.env").write_text(exchange.environment(strategy))
    return tmp_path


def preflight(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("APCA", "MAGELLAN", "AWS"))}
    return subprocess.run(
        [
            *(sys.executable, "scripts/preflight.py", "--no-units", "--env-dir", str(place)),
            *("--state-dir", str(place / "state"), *arguments),
        ],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def findings(place: Path, code: ExitCode) -> Findings:
    done = preflight(place, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["passed"] is (code is ExitCode.OK)
    return {(f["strategy"], f["check"]): (f["colour"], f["text"]) for f in told["findings"]}


def reds(found: Findings) -> set[tuple[str, str]]:
    return {key for key, (colour, _) in found.items() if colour == "red"}


def test_everything_is_green_and_every_check_was_made(place: Path) -> None:
    found = findings(place, ExitCode.OK)
    checks = {check for strategy, check in found if strategy == "bear_trap"}
    assert checks == {
        *("config", "halts", "credentials", "account", "funds", "margin"),
        *("symbols", "data", "calendar", "clock"),
    }
    assert ("host", "disk") in found
    assert {strategy for strategy, _ in found} == {"host", *UNITS}


def test_the_lines_are_for_people(place: Path) -> None:
    done = preflight(place, "--strategy", "hourly_swing")
    assert done.returncode == ExitCode.OK
    rows = done.stdout.splitlines()
    assert rows[-1] == "all may start"
    assert any(row.startswith("ok    hourly_swing  symbols      2/2 tradable") for row in rows)


def configure(place: Path, exchange: Exchange, change: Callable[[dict[str, Any]], None]) -> None:
    raw = shipped("bear_trap")
    change(raw)
    path = place / "bear_trap.json"
    path.write_text(json.dumps(raw))
    told = exchange.environment("bear_trap", MAGELLAN_CONFIG=str(path))
    (place / "magellan-bear-trap.env").write_text(told)


def test_a_broken_config_is_red_and_does_not_hide_the_others(
    place: Path, exchange: Exchange
) -> None:
    configure(place, exchange, lambda raw: raw.update(symbols=[]))
    found = findings(place, ExitCode.PREFLIGHT)
    assert reds(found) == {("bear_trap", "config")}
    assert found["hourly_swing", "account"][0] == "green"


def test_keys_of_another_account_are_red(place: Path, exchange: Exchange) -> None:
    (place / "magellan-bear-trap.env").write_text(exchange.environment("hourly_swing"))
    found = findings(place, ExitCode.PREFLIGHT)
    assert reds(found) == {("bear_trap", "account")}
    assert "the config names" in found["bear_trap", "account"][1]


def test_missing_keys_are_red(place: Path, exchange: Exchange) -> None:
    told = exchange.environment("daily_trend", APCA_API_SECRET_KEY="")
    (place / "magellan-daily-trend.env").write_text(told)
    assert reds(findings(place, ExitCode.PREFLIGHT)) == {("daily_trend", "credentials")}


def test_an_account_still_to_be_created_is_red_at_alpaca(place: Path) -> None:
    (place / "magellan-daily-trend.env").write_text("")
    found = findings(place, ExitCode.PREFLIGHT)
    assert reds(found) == {("daily_trend", "account id")}
    assert "PENDING_CREATION" in found["daily_trend", "account id"][1]


def test_a_halt_on_record_is_red_with_the_way_out(place: Path) -> None:
    (place / "state").mkdir()
    journal = SqliteJournal(place / "state" / "bear_trap.sqlite3")
    at = at_new_york(date(2025, 11, 25), 10)
    journal.append([line(at, Line.HALT, limit="manual", why="because", policy="hold")])
    journal.close()
    found = findings(place, ExitCode.PREFLIGHT)
    assert reds(found) == {("bear_trap", "halts")}
    assert "resume_trading.py --strategy bear_trap" in found["bear_trap", "halts"][1]
    assert preflight(place, "--allow-halts").returncode == ExitCode.OK


def test_symbols_that_cannot_be_traded_are_named(place: Path, exchange: Exchange) -> None:
    symbols = shipped("hourly_swing")["symbols"]
    try:
        exchange.post("/sim/asset", {"symbol": symbols[0], "tradable": False})
        found = findings(place, ExitCode.OK)
        assert found["hourly_swing", "symbols"][0] == "yellow"
        assert symbols[0] in found["hourly_swing", "symbols"][1]
        for symbol in symbols:
            exchange.post("/sim/asset", {"symbol": symbol, "tradable": False})
        assert reds(findings(place, ExitCode.PREFLIGHT)) == {("hourly_swing", "symbols")}
    finally:
        for symbol in symbols:
            exchange.post("/sim/asset", {"symbol": symbol, "tradable": True})


def test_an_exchange_that_is_gone_is_red(place: Path) -> None:
    for unit in UNITS.values():
        text = (place / f"{unit}.env").read_text().splitlines()
        moved = [r if "BASE_URL" not in r else "APCA_API_BASE_URL=http://127.0.0.1:9" for r in text]
        (place / f"{unit}.env").write_text("\n".join(moved))
    assert reds(findings(place, ExitCode.PREFLIGHT)) == {(s, "account") for s in UNITS}


def test_an_unknown_strategy_is_a_wrong_argument(place: Path) -> None:
    assert preflight(place, "--strategy", "nothing").returncode == ExitCode.USAGE


@pytest.mark.parametrize(
    ("skew", "colour"),
    [
        (None, Colour.GREEN),
        (timedelta(seconds=1.9), Colour.GREEN),
        (timedelta(seconds=-2.1), Colour.RED),
        (timedelta(hours=1), Colour.RED),
    ],
)
def test_the_clock_may_be_two_seconds_off(skew: timedelta | None, colour: Colour) -> None:
    assert judge_clock(skew)[0] is colour


@pytest.mark.parametrize(
    ("multiplier", "colour"), [("0", Colour.RED), ("1", Colour.YELLOW), ("4", Colour.GREEN)]
)
def test_the_margin_multiplier(multiplier: str, colour: Colour) -> None:
    assert judge_multiplier(Decimal(multiplier))[0] is colour
