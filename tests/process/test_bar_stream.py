"""The daemon as a process listens to market data in flowing time, and not in stepped time."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest
import requests

from magellan_core.lines import Event, Line
from magellan_core.model import Timeframe
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.server import Mode, Running, Scaled, Stepped, running
from magellan_core.store.journal import read_only
from tests.contract.server_support import OPEN, small_market

ROOT = Path(__file__).resolve().parents[2]
AWS = ROOT / "deployable_strategies/bear_trap/aws_deployment"
ACCOUNT = AccountSpec("PA3DDLQCBJSE", "PK-bear", "secret-bear", Timeframe.MINUTE)
ROSTER = {"bear_trap": ACCOUNT.number}
PATIENCE = 40.0


def config(tmp_path: Path, *, stream: bool) -> Path:
    raw = json.loads((AWS / "config.json").read_text(encoding="utf-8"))
    del raw["$schema"]
    raw["data_requirements"]["stream"] = stream
    path = tmp_path / "config.json"
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


def start(server: Running, tmp_path: Path, *, stream: bool) -> "subprocess.Popen[str]":
    told = {
        "APCA_API_BASE_URL": server.base_url,
        "APCA_API_KEY_ID": ACCOUNT.key,
        "APCA_API_SECRET_KEY": ACCOUNT.secret,
        "MAGELLAN_CLOCK": "exchange",
        "MAGELLAN_CONFIG": str(config(tmp_path, stream=stream)),
        "MAGELLAN_STATE_DIR": str(tmp_path / "state"),
    }
    return subprocess.Popen(
        [sys.executable, str(AWS / "run_strategy.py")],
        env={**os.environ, **told},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(true: Callable[[], bool]) -> bool:
    ends_at = monotonic() + PATIENCE
    while not true() and monotonic() < ends_at:
        sleep(0.02)
    return true()


def started(state: Path) -> bool:
    """The daemon has written that it is up: whatever it listens to, it has begun to by then."""
    path = state / "bear_trap.sqlite3"
    if not path.exists():
        return False
    with closing(sqlite3.connect(path)) as db, suppress(sqlite3.OperationalError):
        return bool(db.execute("SELECT 1 FROM events WHERE kind = ?", (Line.START,)).fetchall())
    return False


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("mode", "stream", "subscribes"),
    [
        (Scaled(30.0, ROSTER), True, True),
        (Scaled(30.0, ROSTER), False, False),
        (Stepped(ROSTER), True, False),
    ],
)
def test_who_listens_to_the_stream_of_bars(
    tmp_path: Path, mode: Mode, stream: bool, subscribes: bool
) -> None:
    exchange = Exchange(small_market(), [ACCOUNT], start=OPEN + timedelta(minutes=10))
    with running(exchange, mode=mode) as server:
        service = server.service
        daemon = start(server, tmp_path, stream=stream)
        try:
            assert until(lambda: started(tmp_path / "state"))
            # Well into its ticks, it would have subscribed.
            began = service.now()
            assert until(lambda: service.now() > began + timedelta(minutes=2))
            if subscribes:
                assert until(lambda: service.data.subscribed(ACCOUNT.number))
            assert service.data.subscribed(ACCOUNT.number) is subscribes
        finally:
            daemon.send_signal(signal.SIGTERM)
            said, _ = daemon.communicate(timeout=30)
        assert daemon.returncode == 0, said
        assert "market data" not in said  # no trouble to tell of


@pytest.mark.timeout(120)
def test_a_halt_is_journaled_and_told_a_person(tmp_path: Path) -> None:
    exchange = Exchange(small_market(), [ACCOUNT], start=OPEN + timedelta(minutes=10))
    with running(exchange, mode=Scaled(30.0, ROSTER)) as server:
        daemon = start(server, tmp_path, stream=True)
        streams = server.service.data

        def carried() -> bool:
            return any(
                "AMC" in c.symbols.get("statuses", ()) for c in streams._connections.values()
            )

        def lines() -> list[Event]:
            path = tmp_path / "state/bear_trap.sqlite3"
            with closing(read_only(path)) as journal:
                return list(journal.events())

        try:
            assert until(carried)
            requests.post(f"{server.base_url}/sim/halt", json={"symbol": "AMC"}, timeout=20)
            assert until(lambda: any(e.kind == Line.STATUS_SEEN for e in lines()))
            [status] = [e for e in lines() if e.kind == Line.STATUS_SEEN]
            assert (status.symbol, status.data["what"]) == ("AMC", "halt")
            assert any("AMC is told to be halted" in str(e.data.get("message")) for e in lines())
        finally:
            daemon.send_signal(signal.SIGTERM)
            said, _ = daemon.communicate(timeout=30)
        assert daemon.returncode == 0, said
        assert "AMC told to be halted since" in said
