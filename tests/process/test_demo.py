"""The demonstration as a user runs it: real processes over real sockets."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
STRATEGIES = ("bear_trap", "daily_trend", "hourly_swing")
TWO_SESSIONS = ("--from", "2025-11-25", "--to", "2025-11-26")


def start(out: Path, *arguments: str) -> subprocess.Popen[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("APCA", "MAGELLAN", "AWS"))}
    return subprocess.Popen(
        [sys.executable, "scripts/demo.py", "--out", str(out), *arguments],
        cwd=ROOT,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def journal(out: Path, strategy: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(out / "state" / f"{strategy}.sqlite3") as db:
        return db.execute("SELECT seq, at, kind, symbol, data FROM events ORDER BY seq").fetchall()


def processes_naming(folder: Path) -> list[str]:
    """Command lines of living processes whose environment or arguments name the folder."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words and int(entry.name) != os.getpid():
            found.append(words.split(b"\0")[1].decode())
    return found


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, int, str]]:
    outs = [tmp_path_factory.mktemp("demo") / "out" for _ in range(2)]
    running = [start(out, *TWO_SESSIONS) for out in outs]
    said = [run.communicate(timeout=240)[0] for run in running]
    return [(out, run.returncode, text) for out, run, text in zip(outs, running, said, strict=True)]


def test_every_strategy_trades_and_reconciles(two_runs: list[tuple[Path, int, str]]) -> None:
    for out, code, text in two_runs:
        assert code == ExitCode.OK, text
        summary = json.loads((out / "summary.json").read_text())
        assert set(summary) == set(STRATEGIES)
        for told in summary.values():
            assert told["fills"] >= 1
            assert told["reconciled"] is True
            assert told["differences"] == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_runs_write_the_same_journal(
    two_runs: list[tuple[Path, int, str]], strategy: str
) -> None:
    first, second = (journal(out, strategy) for out, _, _ in two_runs)
    assert len(first) > 20
    assert first == second


def test_two_runs_end_with_the_same_summary(two_runs: list[tuple[Path, int, str]]) -> None:
    first, second = ((out / "summary.json").read_text() for out, _, _ in two_runs)
    assert first == second


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_log_tells_each_fill_by_symbol_and_order_and_the_figures(
    two_runs: list[tuple[Path, int, str]], strategy: str
) -> None:
    out, _, _ = two_runs[0]
    text = (out / "logs" / f"{strategy}.log").read_text()
    fills = [json.loads(str(row[4])) for row in journal(out, strategy) if row[2] == "fill"]
    assert fills
    for fill in fills:
        assert f"{fill['side']} {fill['qty']} at {fill['price']} at=" in text
        assert f"order_id={fill['order']}" in text
    metrics = [row for row in text.splitlines() if " metrics: " in row]
    # Every 300 s while it is awake: at most 78 a session and what the edges add.
    assert 2 <= len(metrics) <= 2 * 120
    assert all("equity" in row and "P&L today" in row for row in metrics)


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_explain_tells_a_fill_of_the_journal_in_words(
    two_runs: list[tuple[Path, int, str]], strategy: str, width: int
) -> None:
    out, _, _ = two_runs[0]
    fills = [row for row in journal(out, strategy) if row[2] == "fill"]
    _, at, _, symbol, data = fills[0]
    fill = json.loads(str(data))
    done = subprocess.run(
        [
            *(sys.executable, "scripts/explain.py", str(symbol), str(at)[:10]),
            *("--strategy", strategy, "--state-dir", str(out / "state")),
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "COLUMNS": str(width)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert f"{fill['side']} {fill['qty']} at {fill['price']}" in done.stdout
    assert max(len(row) for row in done.stdout.splitlines()) <= width
    assert "Why nothing was traded" not in done.stdout


def test_no_key_is_in_anything_that_a_day_of_trading_leaves(
    two_runs: list[tuple[Path, int, str]],
) -> None:
    out, _, said = two_runs[0]
    accounts = json.loads((out / "exchange.json").read_text())["accounts"]
    secrets = [account[name].encode() for account in accounts for name in ("key", "secret")]
    assert len(secrets) == 6
    files = [path for path in out.rglob("*") if path.is_file() and path.name != "exchange.json"]
    assert {f"{name}.sqlite3" for name in STRATEGIES} <= {path.name for path in files}
    texts = {str(path): path.read_bytes() for path in files} | {"the screen": said.encode()}
    assert [where for where, text in texts.items() if any(s in text for s in secrets)] == []


def wait_for_daemons(out: Path, run: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not all((out / "state" / f"{s}.sqlite3").exists() for s in STRATEGIES):
        assert run.poll() is None, run.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_ctrl_c_stops_everything_and_leaves_no_process(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = start(out)
    wait_for_daemons(out, run)
    run.send_signal(signal.SIGINT)
    text = run.communicate(timeout=60)[0]
    assert "Traceback" not in text
    assert run.returncode == 130
    assert processes_naming(out) == []


def test_a_daemon_that_is_killed_ends_the_demo_with_its_name(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = start(out)
    wait_for_daemons(out, run)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words, mine = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
        if b"bear_trap/aws_deployment/run_strategy.py" in words and str(out).encode() in mine:
            os.kill(int(entry.name), signal.SIGKILL)
    text = run.communicate(timeout=60)[0]
    assert "bear_trap" in text.splitlines()[-1]
    assert "Traceback" not in text
    assert run.returncode not in (0, ExitCode.NOT_RECONCILED)
    assert processes_naming(out) == []
