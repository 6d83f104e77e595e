"""The report as a process: its forms, and its faults in one line each."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from magellan_core.errors import ExitCode
from magellan_core.lines import Line, line
from tests.unit.operations.dashboard_support import write
from tests.unit.operations.reporting.test_facts import TUESDAY, at, day, trade

ROOT = Path(__file__).resolve().parents[2]


def run(
    *arguments: object, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "daily_report.py"), *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(env or {})},
    )


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


class Post(BaseHTTPRequestHandler):
    """Takes what Apprise posts."""

    taken: list[dict[str, str]]

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.taken.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_a_report_is_sent_once_through_the_channels_of_the_alerts(
    state: Path, tmp_path: Path
) -> None:
    Post.taken = []
    server = HTTPServer(("127.0.0.1", 0), Post)
    Thread(target=server.serve_forever, daemon=True).start()
    addresses = tmp_path / "apprise.conf"
    addresses.write_text(f"json://127.0.0.1:{server.server_port}/\n")
    addresses.chmod(0o600)
    where = ("--state-dir", state, "--date", TUESDAY, "--send")
    sent = run(*where, env={"MAGELLAN_APPRISE_CONFIG": str(addresses)})
    server.shutdown()
    server.server_close()
    assert (sent.returncode, sent.stderr) == (ExitCode.OK, "")
    [message] = Post.taken
    assert "Daily report 2024-11-26" in message["title"]
    assert "buy 100 AMC (entry)" in message["message"]


def test_a_report_that_cannot_be_sent_is_said(state: Path, tmp_path: Path) -> None:
    nowhere = run("--state-dir", state, "--date", TUESDAY, "--send")
    assert "not sent: set monitoring.alert_topic_arn" in nowhere.stderr
    missing = {"MAGELLAN_APPRISE_CONFIG": str(tmp_path / "no.conf")}
    failed = run("--state-dir", state, "--date", TUESDAY, "--send", env=missing)
    assert failed.returncode == ExitCode.UNAVAILABLE
    assert len(failed.stderr.splitlines()) == 1
