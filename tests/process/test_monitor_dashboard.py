"""The dashboard as a process: against a paper exchange, on a pipe and on a terminal."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode
from magellan_core.lines import Line, bar_data, line
from magellan_core.market_hours import at_new_york
from magellan_core.model import Bar
from magellan_core.paper.synthetic import DEMO_FIRST
from magellan_core.store.journal import SqliteJournal

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "monitor_dashboard.py"
MORNING = at_new_york(DEMO_FIRST, 11)
PATIENCE = 60.0
ROWS, COLUMNS = 24, 80

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A paper exchange at 11:00 of its first day, time standing nearly still: its ready file."""
    ready = tmp_path_factory.mktemp("exchange") / "exchange.json"
    arguments = ["--synthetic", "--to", DEMO_FIRST.isoformat(), "--start", MORNING.isoformat()]
    process = subprocess.Popen(
        [
            *(sys.executable, str(ROOT / "scripts" / "paper_exchange.py"), *arguments),
            *("--speed", "0.001", "--ready-file", str(ready), "--quiet"),
        ]
    )
    deadline = time.monotonic() + PATIENCE
    try:
        while not ready.exists():
            assert process.poll() is None, "the exchange ended"
            assert time.monotonic() < deadline, "the exchange did not start"
            time.sleep(0.05)
        yield ready
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with Hourly Swing's journal: started, and one bar decided on."""
    candle = Bar("TSLA", MORNING, MORNING, 410.0, 411.0, 409.0, 410.5, 1000.0)
    numbers = {"rsi": "57.3", "waits for": "rsi > 60"}
    journal = SqliteJournal(tmp_path / "hourly_swing.sqlite3")
    journal.append(
        [
            line(MORNING, Line.START, None, version="0.1.0"),
            line(MORNING, Line.BAR, "TSLA", **bar_data(candle), numbers=numbers, memory={}),
        ]
    )
    journal.close()
    return tmp_path


def run(
    *arguments: object, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env={**bare(), **(env or {})},
    )


def bare() -> dict[str, str]:
    """The environment without anything that names keys or brokers."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL")
    return {name: os.environ[name] for name in kept if name in os.environ}


def test_once_shows_every_account_and_why_nothing_trades(exchange: Path, state: Path) -> None:
    shown = run("--once", "--exchange-file", exchange, "--state-dir", state)
    assert shown.returncode == ExitCode.OK
    assert shown.stderr == ""
    assert "Magellan  Tue 2025-11-25 11:00 ET   market open, closes 16:00 ET" in shown.stdout
    assert "equity 300,000.00" in shown.stdout
    assert "rsi 57.3, waits for rsi > 60" in shown.stdout
    assert max(len(row) for row in shown.stdout.splitlines()) <= COLUMNS
    assert "\x1b" not in shown.stdout


def test_json_is_one_object_with_sources(exchange: Path, state: Path) -> None:
    shown = run("--json", "--exchange-file", exchange, "--state-dir", state)
    assert shown.returncode == ExitCode.OK
    told = json.loads(shown.stdout)
    assert [s["name"] for s in told["strategies"]] == ["bear_trap", "daily_trend", "hourly_swing"]
    assert told["strategies"][2]["account"]["equity"]["value"] == "100000"
    assert told["strategies"][2]["account"]["equity"]["origin"]["source"] == "broker"


def test_one_strategy_alone(exchange: Path, state: Path) -> None:
    asked = ("--exchange-file", exchange, "--state-dir", state, "--strategy", "hourly_swing")
    told = json.loads(run("--json", *asked).stdout)
    assert [s["name"] for s in told["strategies"]] == ["hourly_swing"]


def test_refused_keys_of_one_account_leave_the_others(
    exchange: Path, state: Path, tmp_path: Path
) -> None:
    told = json.loads(exchange.read_text())
    told["accounts"][0]["secret"] = "wrong"
    ready = tmp_path / "ready.json"
    ready.write_text(json.dumps(told))
    shown = run("--once", "--exchange-file", ready, "--state-dir", state)
    assert shown.returncode == ExitCode.OK
    assert "!! bear_trap: account cannot be read, nothing is known" in shown.stdout
    assert "the API keys are refused (401)" in shown.stdout
    assert shown.stdout.count("equity 100,000.00") == 2


def test_no_account_readable_is_an_exit_code(exchange: Path, state: Path, tmp_path: Path) -> None:
    told = json.loads(exchange.read_text())
    for account in told["accounts"]:
        account["secret"] = "wrong"
    ready = tmp_path / "ready.json"
    ready.write_text(json.dumps(told))
    shown = run("--once", "--exchange-file", ready, "--state-dir", state)
    assert shown.returncode == ExitCode.CREDENTIALS
    assert "4 PROBLEMS" in shown.stdout or "PROBLEMS" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--intervall", "5"], ExitCode.USAGE, "unrecognized arguments"),
        (["--interval", "0"], ExitCode.USAGE, "--interval 0: must be 0.2 or more"),
        (["--interval", "nan"], ExitCode.USAGE, "--interval nan"),
        (["--strategy", "martingale", "--once"], ExitCode.USAGE, "there is bear_trap"),
        (["--exchange-file", "/nowhere/x.json"], ExitCode.CONFIG_MISSING, "make demo"),
        (["--exchange-file", str(SCRIPT)], ExitCode.CONFIG, "not a paper exchange's ready file"),
    ],
)
def test_faults_are_one_line_and_a_named_exit_code(
    arguments: list[str], code: ExitCode, words: str
) -> None:
    ended = run(*arguments)
    assert ended.returncode == code
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stdout == ""


def test_an_exchange_that_is_gone_is_said_in_one_line(tmp_path: Path) -> None:
    ready = tmp_path / "exchange.json"
    account = {"strategy": "bear_trap", "key": "k", "secret": "s", "number": "PA"}
    ready.write_text(json.dumps({"port": 9, "accounts": [account]}))
    ended = run("--once", "--exchange-file", ready)
    assert ended.returncode == ExitCode.UNAVAILABLE
    assert len(ended.stderr.splitlines()) == 1
    assert "does not answer" in ended.stderr


def test_keys_in_the_environment_are_not_taken_for_three_accounts(
    exchange: Path, state: Path
) -> None:
    """They open one account, which would be shown three times."""
    told = json.loads(exchange.read_text())
    swing = next(a for a in told["accounts"] if a["strategy"] == "hourly_swing")
    env = {
        "APCA_API_BASE_URL": f"http://127.0.0.1:{told['port']}",
        "APCA_API_KEY_ID": swing["key"],
        "APCA_API_SECRET_KEY": swing["secret"],
        "MAGELLAN_CLOCK": "exchange",
        "MAGELLAN_STATE_DIR": str(state),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    one = run("--json", "--strategy", "hourly_swing", env=env)
    assert one.returncode == ExitCode.OK
    assert json.loads(one.stdout)["strategies"][0]["account"]["number"] == swing["number"]
    every = run("--json", env=env)
    assert every.returncode == ExitCode.CREDENTIALS
    accounts = [s["account"] for s in json.loads(every.stdout)["strategies"]]
    assert all(a["equity"]["value"] is None and a["fault"] for a in accounts)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_terminal_is_left_as_it_was(exchange: Path, state: Path, number: signal.Signals) -> None:
    """Drawn on the other screen in 24 rows; a signal puts the first one and the cursor back."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    arguments = ["--exchange-file", str(exchange), "--state-dir", str(state), "--interval", "0.2"]
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**bare(), "TERM": "xterm-256color"},
    )
    os.close(theirs)
    drawn = read_until(ours, b"hourly_swing")
    process.send_signal(number)
    drawn += read_until(ours, b"\x1b[?1049l")
    _, said = process.communicate(timeout=PATIENCE)
    os.close(ours)
    assert process.returncode == ExitCode.OK
    assert said == b""
    assert b"\x1b[?1049h" in drawn
    assert b"\x1b[?25h" in drawn


def test_keys_choose_a_strategy_pause_and_end_it(exchange: Path, state: Path) -> None:
    """n shows one strategy alone, p holds the picture, q ends it without a signal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    arguments = ["--exchange-file", str(exchange), "--state-dir", str(state), "--interval", "60"]
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**bare(), "TERM": "xterm-256color"},
    )
    os.close(theirs)
    assert b"daily_trend" in read_until(ours, b"hourly_swing")
    os.write(ours, b"n")
    # Of Bear Trap alone there is room for the words about its daemon.
    assert b"service: " in read_until(ours, b"service: ")
    os.write(ours, b"p")
    assert b"PAUSED (p goes on)" in read_until(ours, b"PAUSED (p goes on)")
    os.write(ours, b"p")
    assert b"Magellan" in read_until(ours, b"Magellan")
    os.write(ours, b"q")
    read_until(ours, b"\x1b[?1049l")
    _, said = process.communicate(timeout=PATIENCE)
    os.close(ours)
    assert (process.returncode, said) == (ExitCode.OK, b"")


def test_a_picture_and_a_page_are_written_or_the_fault_is_told(
    exchange: Path, state: Path, tmp_path: Path
) -> None:
    where = ["--exchange-file", exchange, "--state-dir", state]
    drawn = run("--svg", tmp_path / "d.svg", "--html", tmp_path / "d.html", *where)
    assert (drawn.returncode, drawn.stdout, drawn.stderr) == (ExitCode.OK, "", "")
    for name in ("d.svg", "d.html"):
        text = (tmp_path / name).read_text()
        assert "hourly_swing" in text
        assert "src=" not in text
    failed = run("--svg", tmp_path / "no" / "d.svg", *where)
    assert failed.returncode == ExitCode.USAGE
    assert len(failed.stderr.splitlines()) == 1


def read_until(terminal: int, mark: bytes) -> bytes:
    """What the terminal gets, up to the mark."""
    text = b""
    deadline = time.monotonic() + PATIENCE
    while mark not in text:
        assert time.monotonic() < deadline, text
        try:
            text += os.read(terminal, 65536)
        except OSError:
            # Linux's word for the other side having closed.
            break
    return text


def test_a_reader_that_has_seen_enough_is_no_fault(exchange: Path, state: Path) -> None:
    command = f"{sys.executable} {SCRIPT} --json --exchange-file {exchange} --state-dir {state}"
    shown = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -c 10"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env=bare(),
    )
    assert shown.stderr == ""
    assert shown.returncode == ExitCode.OK
