"""Keys that change under a running daemon; and that they appear in nothing that it leaves behind.

A real daemon on the paper exchange, its keys in moto's Parameter Store.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest

from magellan_core.errors import ExitCode
from magellan_core.lines import Line
from magellan_core.model import Timeframe
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.rules import Rules
from magellan_core.paper.server import Stepped, running
from magellan_core.store.journal import read_only
from tests.aws import way as on_the_way
from tests.aws.way import Fault, Way, moto, way_to
from tests.contract.server_support import OPEN, Floor, small_market

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deployable_strategies/bear_trap/aws_deployment"
REGION = "us-east-2"
NUMBER = "PACANARY"
NAMES = (f"/magellan/alpaca/{NUMBER}/API_KEY", f"/magellan/alpaca/{NUMBER}/API_SECRET")
CANARIES = [f"canary-secret-{n}-nobody-may-see" for n in range(4)]
FIRST = AccountSpec(NUMBER, "PKCANARY0", CANARIES[0], timeframe=Timeframe.MINUTE)


@dataclass
class Place:
    """The exchange, the parameter store, and a daemon between them."""

    exchange: Floor
    ssm: Any
    daemon: subprocess.Popen[bytes]
    folder: Path
    way: Way
    minutes: int = 10

    @property
    def said(self) -> str:
        return (self.folder / "daemon.log").read_text()

    def store(self, key: str, secret: str) -> None:
        for name, value in zip(NAMES, (key, secret), strict=True):
            self.ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    def accept(self, key: str, secret: str) -> None:
        """The broker's side of a rotation: these keys open the account, the old ones do not."""
        by_key = self.exchange.server.service.by_key
        by_key.clear()
        by_key[key] = replace(FIRST, key=key, secret=secret)

    def advance(self, minutes: int) -> None:
        self.minutes += minutes
        self.exchange.advance(OPEN + timedelta(minutes=self.minutes))

    def reload(self, text: str) -> None:
        """SIGHUP; stepped time gives the daemon its turn for it."""
        self.daemon.send_signal(signal.SIGHUP)

        def said() -> bool:
            self.advance(1)
            return text in self.said

        until(said, 30, lambda: f"{text!r} is not in\n{self.said}")

    def wait_for(self, text: str, seconds: float = 30) -> None:
        until(lambda: text in self.said, seconds, lambda: f"{text!r} is not in\n{self.said}")


def until(done: Callable[[], bool], seconds: float, why: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)


def config_in(folder: Path) -> Path:
    config = json.loads((FOLDER / "config.json").read_text())
    config["symbols"] = ["AMC", "GME"]
    config["account_info"]["account_id"] = NUMBER
    config["ssm_parameters"].update(api_key_path=NAMES[0], api_secret_path=NAMES[1], region=REGION)
    config["monitoring"]["log_level"] = "DEBUG"
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    aws_keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    roster = {"conductor": None, "bear_trap": NUMBER}
    start, rules = OPEN + timedelta(minutes=10), Rules(spread_bps=Decimal(0))
    core = Exchange(small_market(), [FIRST], start=start, rules=rules)
    with moto() as aws, way_to(aws) as way, running(core, mode=Stepped(roster)) as server:
        exchange = Floor(server)
        ssm = boto3.client(
            "ssm",
            endpoint_url=aws,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        environ = {
            "PATH": os.environ["PATH"],
            **aws_keys,
            "AWS_ENDPOINT_URL": way.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "APCA_API_BASE_URL": exchange.url,
            "MAGELLAN_CLOCK": "exchange",
            "MAGELLAN_STATE_DIR": str(tmp_path / "state"),
            "PYTHONFAULTHANDLER": "1",
        }
        for name, value in zip(NAMES, (FIRST.key, FIRST.secret), strict=True):
            ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
        arguments = [sys.executable, str(FOLDER / "run_strategy.py")]
        with (tmp_path / "daemon.log").open("wb") as log:
            daemon = subprocess.Popen(
                [*arguments, "--config", str(config_in(tmp_path))],
                cwd=tmp_path,
                env=environ,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        found = Place(exchange, ssm, daemon, tmp_path, way)
        try:
            found.wait_for("start: Magellan")
            found.advance(3)
            yield found
        finally:
            daemon.kill()
            daemon.wait()


def test_a_refused_key_is_read_again_once_and_trading_goes_on(place: Place) -> None:
    place.store("PKCANARY1", CANARIES[1])
    place.accept("PKCANARY1", CANARIES[1])
    place.advance(5)
    place.advance(5)
    assert place.daemon.poll() is None, place.said
    assert "broker unreachable" not in place.said
    assert "keys are refused" not in place.said


def test_a_refused_key_without_a_new_one_ends_with_77(place: Place) -> None:
    place.accept("PKCANARY1", CANARIES[1])
    place.advance(5)
    assert place.daemon.wait(30) == ExitCode.CREDENTIALS
    assert "the API keys are refused (401)" in place.said


def test_a_reload_takes_new_keys_before_the_old_ones_are_refused(place: Place) -> None:
    by_key = place.exchange.server.service.by_key
    by_key["PKCANARY2"] = replace(FIRST, key="PKCANARY2", secret=CANARIES[2])
    place.store("PKCANARY2", CANARIES[2])
    place.reload("uses the new keys")
    place.accept("PKCANARY2", CANARIES[2])
    place.advance(5)
    assert place.daemon.poll() is None, place.said


def test_a_reload_with_keys_that_do_not_work_keeps_the_old_ones(place: Place) -> None:
    place.store("PKTYPO", CANARIES[3])
    place.reload("the old keys stay in use")
    place.advance(5)
    assert place.daemon.poll() is None, place.said
    # The alert is a line of the journal, from which it is sent to people.
    with read_only(place.folder / "state" / "bear_trap.sqlite3") as journal:
        alert = journal.last(Line.ALERT)
    assert alert is not None
    assert alert.data["level"] == "critical"
    assert "the old keys stay in use" in str(alert.data["message"])


@pytest.mark.parametrize(
    "fault",
    [on_the_way.hangs, on_the_way.resets, on_the_way.refuse(400, "ThrottlingException")],
    ids=["hanging", "down", "throttling"],
)
def test_aws_out_of_reach_in_mid_day_stops_nothing(place: Place, fault: Fault) -> None:
    """Without a reload AWS is not asked at all; with one, the daemon is back within seconds."""
    place.way.always = fault
    asked = len(place.way.targets)
    place.advance(10)
    assert len(place.way.targets) == asked
    began = time.monotonic()
    place.reload("the old keys stay in use")
    assert time.monotonic() - began < 25
    place.advance(10)
    assert place.daemon.poll() is None, place.said
    assert place.said.count("tick: trading 2/2 symbols") > 20


def test_a_planted_secret_is_in_nothing_that_the_daemon_leaves(place: Place) -> None:
    """Start, trade, reload, take keys after a refusal, refuse bad ones, crash: then search."""
    proc = Path(f"/proc/{place.daemon.pid}")
    place.advance(2)
    test_a_reload_takes_new_keys_before_the_old_ones_are_refused(place)
    place.store("PKTYPO", CANARIES[3])
    place.reload("the old keys stay in use")
    assert (proc / "coredump_filter").read_text().strip().strip("0") == ""
    limits = (proc / "limits").read_text().splitlines()
    [core] = [row for row in limits if row.startswith("Max core file size")]
    assert core.split()[4] == "0"
    where = {
        "argv": (proc / "cmdline").read_bytes(),
        "environment": (proc / "environ").read_bytes(),
    }
    place.daemon.send_signal(signal.SIGABRT)
    assert place.daemon.wait(30) == -signal.SIGABRT
    files = [path for path in place.folder.rglob("*") if path.is_file()]
    where |= {str(path): path.read_bytes() for path in files}
    names = {path.name for path in files}
    assert {"daemon.log", "bear_trap.sqlite3"} <= names
    assert not [name for name in names if name.startswith("core")]
    assert "Stack (most recent call first)" in place.said
    found = [
        f"{canary} in {place_}"
        for place_, text in where.items()
        for canary in (*CANARIES, "PKCANARY0", "PKCANARY2", "PKTYPO")
        if canary.encode() in text
    ]
    assert found == []
