"""The report as a process: its forms, and its faults in one line each."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode
from magellan_core.lines import Line, line
from tests.unit.operations.dashboard_support import write
from tests.unit.operations.reporting.test_facts import TUESDAY, at, day, trade

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "daily_report.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    events = [line(at(TUESDAY, 9), Line.START, None, version="0.1.0"), day(TUESDAY, "100000")]
    write(tmp_path / "bear_trap.sqlite3", [*events, *trade("5.00", "5.30")])
    return tmp_path


def test_a_report_is_printed_written_and_told_to_programs(state: Path, tmp_path: Path) -> None:
    where = ("--state-dir", state, "--date", TUESDAY)
    printed = run(*where, "--html", tmp_path / "r.html")
    assert (printed.returncode, printed.stderr) == (ExitCode.OK, "")
    assert "Daily report" in printed.stdout
    assert "buy 100 AMC (entry)" in printed.stdout
    assert "buy 100 AMC (entry)" in (tmp_path / "r.html").read_text()
    told = json.loads(run(*where, "--json", "-").stdout)
    assert told["strategies"]["bear_trap"]["order_ids"] == {"in": "b-in", "out": "b-out"}
    assert len(json.loads(run(*where, "--week", "--json", "-").stdout)["sessions"]) == 5


def test_strict_fails_where_a_check_failed(state: Path) -> None:
    # Two of the three journals are not there.
    assert run("--state-dir", state, "--date", TUESDAY, "--strict").returncode == (
        ExitCode.NOT_RECONCILED
    )


def test_faults_are_one_line_with_a_code_of_their_own(state: Path) -> None:
    holiday = run("--state-dir", state, "--date", "2024-11-28")
    assert holiday.returncode == ExitCode.DATA
    assert holiday.stderr.splitlines() == [
        "daily_report: 2024-11-28 has no session: the one before it is 2024-11-27"
    ]
    unwritable = run("--state-dir", state, "--date", TUESDAY, "--html", state / "no" / "r.html")
    assert unwritable.returncode == ExitCode.USAGE
    assert len(unwritable.stderr.splitlines()) == 1
