"""Bad input from the outside: one line that names fault and remedy, an exit code of its own."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
BEAR_TRAP = "deployable_strategies/bear_trap/aws_deployment/run_strategy.py"
SHIPPED = ROOT / "deployable_strategies/bear_trap/aws_deployment/config.json"


def run(tmp_path: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run one of our scripts with nothing of the caller's credentials."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("APCA", "MAGELLAN", "AWS"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**clean, "MAGELLAN_STATE_DIR": str(tmp_path / "state"), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """All that was said; a traceback is never acceptable."""
    text = done.stdout + done.stderr
    assert "Traceback" not in text, text
    return text


def broken(tmp_path: Path, change: Callable[[dict[str, object]], None]) -> str:
    config = json.loads(SHIPPED.read_text())
    change(config)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    return str(path)


def test_a_missing_config_is_named_with_a_remedy(tmp_path: Path) -> None:
    done = run(tmp_path, BEAR_TRAP, "--config", str(tmp_path / "nowhere.json"))
    assert done.returncode == ExitCode.CONFIG_MISSING
    assert "nowhere.json" in said(done)
    assert "restore it" in said(done)


def test_a_broken_config_tells_all_faults_in_one_line(tmp_path: Path) -> None:
    def change(config: dict[str, object]) -> None:
        config["symbols"] = ["MULN", "MULN"]
        config["risk_managment"] = config.pop("risk_management")

    done = run(tmp_path, BEAR_TRAP, "--config", broken(tmp_path, change))
    assert done.returncode == ExitCode.CONFIG
    lines = [row for row in said(done).splitlines() if "failed" in row]
    assert len(lines) == 1
    assert "did you mean risk_management?" in lines[0]
    assert "risk_management: is missing" in lines[0]


def test_a_config_of_another_strategy_is_refused(tmp_path: Path) -> None:
    other = "deployable_strategies/hourly_swing/aws_deployment/config.json"
    done = run(tmp_path, BEAR_TRAP, "--config", other)
    assert done.returncode == ExitCode.CONFIG
    assert "this daemon runs 'bear_trap'" in said(done)


def test_missing_keys_are_told_apart_from_everything_else(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    done = run(tmp_path, BEAR_TRAP, MAGELLAN_KEYS_FILE=str(keys))
    assert done.returncode == ExitCode.CREDENTIALS
    assert str(keys) in said(done)


def test_an_exchange_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    done = run(
        tmp_path,
        BEAR_TRAP,
        APCA_API_BASE_URL=address,
        APCA_API_KEY_ID="PK-of-nobody",
        APCA_API_SECRET_KEY="a secret of nobody",
        MAGELLAN_CLOCK="exchange",
    )
    assert done.returncode == ExitCode.CLOCK
    assert "is the exchange running?" in said(done)


def test_a_broker_that_cannot_be_reached_is_given_up_after_a_while(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        BEAR_TRAP,
        APCA_API_BASE_URL="http://127.0.0.1:9",
        APCA_API_KEY_ID="PK-of-nobody",
        APCA_API_SECRET_KEY="a secret of nobody",
        MAGELLAN_START_PATIENCE="1",
    )
    assert done.returncode == ExitCode.UNAVAILABLE
    assert "127.0.0.1:9" in said(done)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ["--data", "no/such/folder", "--from", "2025-01-08", "--to", "2025-01-14"],
            ExitCode.DATA,
            "no/such/folder",
        ),
        (["--data", "no/such/folder"], ExitCode.USAGE, "FROM and TO"),
        (["--from", "2030-01-01"], ExitCode.DATA, "2030"),
        (["--from", "2025-11-29", "--to", "2025-11-30"], ExitCode.DATA, "no session"),
    ],
    ids=["no folder", "no days", "outside the calendar", "a weekend"],
)
def test_the_demo_says_what_is_wrong_with_its_market(
    tmp_path: Path, arguments: list[str], code: ExitCode, words: str
) -> None:
    done = run(tmp_path, "scripts/demo.py", "--out", str(tmp_path / "demo"), *arguments)
    assert words in said(done)
    assert done.returncode == code


def test_a_port_in_use_is_named_with_a_remedy(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run(tmp_path, "scripts/demo.py", "--out", str(tmp_path / "demo"), "--port", port)
    assert done.returncode == ExitCode.PORT_IN_USE
    assert port in said(done)


SCRIPTS = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "scripts").glob("*.py"))
OLD_PYTHONS = sorted(Path.home().glob(".pyenv/versions/3.[6-9]*/bin/python3")) + sorted(
    Path.home().glob(".pyenv/versions/3.1[01]*/bin/python3")
)


@pytest.mark.skipif(not OLD_PYTHONS, reason="no older Python is installed on this machine")
@pytest.mark.parametrize(
    "script", [BEAR_TRAP, *sorted(str(p) for p in Path("scripts").glob("*.py"))]
)
def test_an_old_python_is_told_so(script: str) -> None:
    for python in OLD_PYTHONS:
        done = subprocess.run(
            [str(python), script], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == ExitCode.PYTHON_TOO_OLD, done.stderr
        assert "Python 3.12 is needed" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1", "https://api.alpaca.markets", "paper-api.alpaca.markets"]
)
@pytest.mark.parametrize(
    "arguments",
    [[BEAR_TRAP], ["scripts/monitor_dashboard.py", "--once", "--strategy", "bear_trap"]],
    ids=["daemon", "dashboard"],
)
def test_keys_are_not_sent_to_an_address_that_must_not_get_them(
    tmp_path: Path, arguments: list[str], url: str
) -> None:
    keys = {"APCA_API_KEY_ID": "PK-of-nobody", "APCA_API_SECRET_KEY": "a secret of nobody"}
    done = run(tmp_path, *arguments, APCA_API_BASE_URL=url, **keys)
    assert done.returncode == ExitCode.CONFIG
    assert "APCA_API_BASE_URL" in said(done)


@pytest.mark.parametrize(
    "command",
    [
        ["daily_report.py", "--date", "2025-13-40"],
        ["explain.py", "AAPL", "2025-13-40"],
        ["demo.py", "--from", "2025-13-40"],
        ["replay_day.py", "--journal", "x", "--day", "2025-13-40"],
    ],
)
def test_what_is_no_date_is_told_what_a_date_looks_like(command: list[str]) -> None:
    script, *arguments = command
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == ExitCode.USAGE
    [row] = done.stderr.splitlines()
    assert "'2025-13-40' is no date: use YYYY-MM-DD" in row


@pytest.mark.parametrize(
    ("environ", "code", "words"),
    [
        ({"MAGELLAN_START_PATIENCE": "5m"}, ExitCode.CONFIG, "MAGELLAN_START_PATIENCE: is '5m'"),
        ({"MAGELLAN_PATROL_SECONDS": "ten"}, ExitCode.CONFIG, "MAGELLAN_PATROL_SECONDS: is 'ten'"),
        ({"MAGELLAN_PATROL_SECONDS": "nan"}, ExitCode.CONFIG, "MAGELLAN_PATROL_SECONDS: is 'nan'"),
        ({"MAGELLAN_STATE_DIR": "/proc/foo"}, ExitCode.JOURNAL, "/proc/foo"),
        ({"MAGELLAN_STATE_DIR": "FILE"}, ExitCode.JOURNAL, "a-file"),
        ({"MAGELLAN_CONFIG": "DEEP"}, ExitCode.CONFIG, "nested too deeply"),
        ({"MAGELLAN_CONFIG": "LONG"}, ExitCode.CONFIG, "a number too long"),
    ],
    ids=["patience", "patrol", "nan", "proc", "state is a file", "deep config", "long number"],
)
def test_a_bad_environment_is_named_and_not_restarted_for(
    tmp_path: Path, environ: dict[str, str], code: ExitCode, words: str
) -> None:
    files = {"FILE": "", "DEEP": "[" * 100_000, "LONG": f'{{"a": {"9" * 5000}}}'}
    path = tmp_path / "a-file"
    for name, value in environ.items():
        if value in files:
            path.write_text(files[value])
            environ = {name: str(path)}
    keys = {"APCA_API_KEY_ID": "PK-of-nobody", "APCA_API_SECRET_KEY": "a secret of nobody"}
    done = run(tmp_path, BEAR_TRAP, **keys, **environ)
    assert (done.returncode, words in said(done)) == (code, True), done.stdout


@pytest.mark.parametrize("kind", ["not UTF-8", "a folder", "no number"])
def test_preflight_names_an_environment_file_that_it_cannot_use(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "magellan-bear-trap.env"
    if kind == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"\xff\xfe" if kind == "not UTF-8" else b"MAGELLAN_START_PATIENCE=5m\n")
    line = ["scripts/preflight.py", "--no-units", "--strategy", "bear_trap", "--env-dir"]
    done = run(tmp_path, *line, str(tmp_path))
    assert done.returncode == ExitCode.PREFLIGHT
    words = "MAGELLAN_START_PATIENCE" if kind == "no number" else path.name
    assert any(
        row.startswith("FAIL  bear_trap") and words in row for row in said(done).splitlines()
    )


def test_a_sweep_without_data_says_so_before_it_starts_workers(tmp_path: Path) -> None:
    days = ["--from", "2025-01-08", "--to", "2025-01-14"]
    line = ["scripts/sweep.py", "--strategy", "daily_trend", "--data", "nope", *days]
    done = run(tmp_path, *line, "--results", str(tmp_path / "runs.jsonl"))
    assert (done.returncode, "--data nope" in said(done)) == (ExitCode.DATA, True)
