"""A daemon as systemd sees it: notifications, signals, exit codes and the start line."""

import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import pytest

from magellan_core import __version__
from magellan_core.config import load
from magellan_core.errors import ExitCode
from magellan_core.provenance import source_hash
from tests.process.stage import ROOT, Stage, new_york, stage

SWING = "hourly_swing"
pytestmark = pytest.mark.timeout(180)


class Manager:
    """The service manager's end of the notification socket; it reads at once, as systemd does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0.2)
        self.heard: list[str] = []
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                self.heard += self._socket.recv(4096).decode().splitlines()

    def wait_for(self, assignment: str) -> None:
        """Until a message says so."""
        deadline = time.monotonic() + 30
        while not any(row.startswith(assignment) for row in self.heard):
            assert time.monotonic() < deadline, f"{assignment} in vain: {self.heard[-5:]}"
            time.sleep(0.02)

    def close(self) -> None:
        self._over.set()
        self._reader.join()
        self._socket.close()


@contextmanager
def manager(tmp_path: Path) -> Iterator[Manager]:
    it = Manager(tmp_path / "notify")
    try:
        yield it
    finally:
        it.close()


def start(on: Stage, systemd: Manager) -> "subprocess.Popen[bytes]":
    return on.start(SWING, NOTIFY_SOCKET=str(systemd.path), WATCHDOG_USEC="60000000")


def test_it_is_ready_once_recovered_and_feeds_the_watchdog_with_each_tick(tmp_path: Path) -> None:
    with manager(tmp_path) as systemd, stage(tmp_path, SWING) as on:
        start(on, systemd)
        on.play(new_york(25, 9, 35))
        systemd.wait_for("READY=1")
        systemd.wait_for("WATCHDOG=1")
        systemd.wait_for("STATUS=trading 2/2 symbols, 0 positions, next ")
        assert systemd.heard.index("READY=1") < systemd.heard.index("WATCHDOG=1")
        on.play(new_york(25, 10, 30))
        systemd.wait_for("STATUS=trading 2/2 symbols, 1 position, next ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_never_trades(tmp_path: Path, number: int) -> None:
    with manager(tmp_path) as systemd, stage(tmp_path, SWING) as on:
        daemon = start(on, systemd)
        on.play(new_york(25, 10, 30))
        held, orders = on.holdings(SWING), on.ask(SWING, "/orders?status=all&limit=500")
        assert held
        daemon.send_signal(number)
        assert daemon.wait(30) == ExitCode.OK
        systemd.wait_for("STOPPING=1")
        assert on.holdings(SWING) == held
        assert on.ask(SWING, "/orders?status=all&limit=500") == orders
        assert [kind for kind, _ in on.lines(SWING, "start", "stop")] == ["start", "stop"]
        assert "stopped as asked; 1 position open: " in on.log(SWING).read_text().splitlines()[-1]


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with stage(tmp_path, SWING) as on:
        daemon = on.start(SWING)
        on.play(new_york(25, 10, 30))
        held = on.holdings(SWING)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == ExitCode.OK
        again = on.restart(SWING)
        on.play(new_york(25, 10, 45))
        assert again.poll() is None
        assert on.holdings(SWING) == held
        assert on.lines(SWING, "block") == []
        assert [data["follows"] for _, data in on.lines(SWING, "start")] == ["nothing", "stop"]
        first, ended, second = (data for _, data in on.lines(SWING, "alert"))
        assert {data["level"] for data in (first, ended, second)} == {"info"}
        shares = f"1 position open: {', '.join(f'{s} {q}' for s, q in held.items())}"
        assert first["message"].startswith("started, for the first time")
        assert ended["message"] == f"stopped as asked; {shares}"
        assert second["message"].startswith("started, away for 10 s since ")
        assert second["message"].endswith(shares)


def test_a_kill_is_told_at_the_next_start_with_how_long_it_was_away(tmp_path: Path) -> None:
    with stage(tmp_path, SWING) as on:
        daemon = on.start(SWING)
        on.play(new_york(25, 9, 40))
        daemon.kill()
        assert daemon.wait(30) == -signal.SIGKILL
        on.children.running.pop(SWING)
        on.command("absent", name=SWING, until=new_york(25, 9, 45).isoformat())
        on.play(new_york(25, 9, 44))
        on.start(SWING)
        on.play(new_york(25, 9, 46))
        told = [(data["level"], data["message"]) for _, data in on.lines(SWING, "alert")]
        away = "away for 5 min 10 s since 2025-11-25 14:39:50 UTC"
        assert told[1:] == [
            (
                "warning",
                f"started after no stop on record (crash, kill or power loss): {away}; "
                "0 positions open",
            )
        ]


def test_a_second_instance_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with stage(tmp_path, SWING) as on:
        first = on.start(SWING)
        on.play(new_york(25, 9, 5))
        second = on.script(
            str(Path("..") / on.units[SWING].arguments[0]),
            "--config",
            str(on.out / f"{SWING}.json"),
            MAGELLAN_STATE_DIR=str(on.state),
        )
        assert second.returncode == ExitCode.ALREADY_RUNNING
        assert "Traceback" not in second.stdout + second.stderr
        assert first.poll() is None
        on.play(new_york(25, 9, 10))
        assert first.poll() is None


def test_the_start_line_tells_version_config_and_source(tmp_path: Path) -> None:
    with stage(tmp_path, SWING) as on:
        on.start(SWING)
        on.play(new_york(25, 9, 5))
        config = on.out / f"{SWING}.json"
        [row] = [r for r in on.log(SWING).read_text().splitlines() if " start: " in r]
        assert f"Magellan {__version__} {SWING}" in row
        told = dict(re.findall(r"(\w+)=(\S+)", row))
        assert told["config"] == str(config)
        assert told["config_hash"] == sha256(config.read_bytes()).hexdigest()[:12]
        assert told["source_hash"] == source_hash(ROOT)
        assert told["broker"] == on.url
        [(_, line)] = on.lines(SWING, "start")
        assert line["config_hash"] == load(config).digest
        assert (line["version"], line["source_hash"]) == (__version__, told["source_hash"])
        secret = on.accounts[SWING]["secret"]
        assert secret not in on.log(SWING).read_text()


@pytest.mark.parametrize(
    ("account", "code", "words"),
    [
        ("PA0000000000", ExitCode.CREDENTIALS, "the config names PA0000000000"),
        ("PENDING_CREATION", None, ""),  # loopback
    ],
)
def test_the_keys_must_open_the_account_that_the_config_names(
    tmp_path: Path, account: str, code: int | None, words: str
) -> None:
    with stage(tmp_path, SWING) as on:
        daemon = on.start(SWING, {"account_info.account_id": account})
        if code is None:
            on.play(new_york(25, 9, 5))
            assert daemon.poll() is None
        else:
            on.play(new_york(25, 9, 5))
            assert daemon.wait(30) == code
            assert words in on.log(SWING).read_text()
            assert on.ask(SWING, "/orders?status=all") == []


def test_keys_that_are_refused_end_it_for_good(tmp_path: Path) -> None:
    with stage(tmp_path, SWING) as on:
        daemon = on.start(SWING, APCA_API_SECRET_KEY="not the secret of anybody")
        on.play(new_york(25, 9, 5))
        assert daemon.wait(30) == ExitCode.CREDENTIALS
        said = on.log(SWING).read_text()
        assert "Traceback" not in said
        assert len([row for row in said.splitlines() if " failed: " in row]) == 1


def test_symbols_that_nobody_knows_are_lived_with_loudly(tmp_path: Path) -> None:
    band = {"rsi_period": 14, "upper": 60, "lower": 40}
    more = {
        "symbols": ["TSLA", "NVDA", "ZZZZ"],
        "symbol_parameters.ZZZZ": band,
    }
    with stage(tmp_path, SWING) as on:
        daemon = on.start(SWING, more)
        on.play(new_york(25, 10, 30))
        assert daemon.poll() is None
        assert on.holdings(SWING)
        rows = [r for r in on.log(SWING).read_text().splitlines() if "ZZZZ is unknown" in r]
        assert rows
        assert "WARNING" in rows[0]


def test_without_any_symbol_that_trades_it_says_so_and_ends(tmp_path: Path) -> None:
    band = {"rsi_period": 14, "upper": 60, "lower": 40}
    none = {"symbols": ["ZZZZ"], "symbol_parameters": {"ZZZZ": band}}
    with stage(tmp_path, SWING) as on:
        daemon = on.start(SWING, none, MAGELLAN_START_PATIENCE="0")
        on.play(new_york(25, 9, 5))
        assert daemon.wait(30) == ExitCode.UNKNOWN_SYMBOL
        said = on.log(SWING).read_text()
        assert "none of ZZZZ can be traded" in said
        assert "Traceback" not in said


def test_a_start_without_data_obeys_a_halt_and_is_not_ready(tmp_path: Path) -> None:
    with manager(tmp_path) as systemd, stage(tmp_path, SWING) as on:
        daemon = start(on, systemd)
        on.play(new_york(25, 10, 59))
        assert on.holdings(SWING)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == ExitCode.OK
        store = ("--state-dir", str(on.state), "--reason", "the news", "--wait", "0")
        assert on.script("halt_trading.py", "--strategy", SWING, *store).returncode == ExitCode.OK
        on.command("faults", kind="status", path="/v2/stocks/*", count=1000, status=422)
        systemd.heard.clear()
        on.command("absent", name=SWING)
        again = start(on, systemd)
        on.play(new_york(25, 11, 1))
        assert again.wait(30) == ExitCode.HALTED
        assert on.holdings(SWING) == {}
        assert on.open_orders(SWING) == []
        assert "READY=1" not in systemd.heard
        assert any(row.startswith("EXTEND_TIMEOUT_USEC=") for row in systemd.heard)
        assert any(row.startswith("STATUS=market data cannot be asked") for row in systemd.heard)


def test_a_start_without_data_and_nothing_to_look_after_gives_up_in_time(tmp_path: Path) -> None:
    with stage(tmp_path, SWING) as on:
        on.command("faults", kind="status", path="/v2/stocks/*", count=1000, status=422)
        daemon = on.start(SWING, MAGELLAN_START_PATIENCE="30")
        on.play(new_york(25, 9, 5))
        assert daemon.wait(30) == ExitCode.UNAVAILABLE
        assert "market data cannot be asked yet" in on.log(SWING).read_text()


def test_the_check_of_a_config_starts_nothing(tmp_path: Path) -> None:
    with stage(tmp_path, SWING) as on:
        done = on.script(
            str(Path("..") / on.units[SWING].arguments[0]),
            "--check",
            MAGELLAN_STATE_DIR=str(on.state),
        )
        assert done.returncode == ExitCode.OK
        assert "is valid" in done.stdout
        assert not on.state.exists()


def test_configs_of_the_stage_are_the_shipped_ones_but_for_the_portfolio(tmp_path: Path) -> None:
    """Else the tests above would prove less than they say."""
    with stage(tmp_path, SWING) as on:
        told = json.loads(on.config(SWING, {}).read_text())
        shipped = json.loads(on.units[SWING].config.read_text())
        told["portfolio"]["strategies"] = shipped["portfolio"]["strategies"]
        assert told == shipped
