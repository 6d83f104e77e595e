"""The log shipper against moto's server: whatever happens on the way, every line arrives once."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from magellan_core.aws.logs import CloudWatchLogs
from magellan_core.operations.shipping import Lane, Shipper, Trip, Watchman
from magellan_core.process.records import FileSource
from magellan_core.store.shipping import ShippingState
from tests.aws import way as on_the_way
from tests.aws.way import Fault, Handler, Way, moto, refuse, way_to
from tests.contract import scripted_server as wire
from tests.contract.scripted_server import scripted

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-2"
ACCESS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def row(text: str, at: datetime, priority: int = 6) -> str:
    told = {
        "__REALTIME_TIMESTAMP": str(int(at.timestamp() * 1_000_000)),
        "PRIORITY": str(priority),
        "SYSLOG_IDENTIFIER": "magellan-bear-trap",
        "MESSAGE": text,
    }
    return json.dumps(told) + "\n"


@dataclass
class Desk:
    """A file of lines, a shipper of it, and what has arrived in the cloud."""

    folder: Path
    group: str
    cloud: Any
    now: datetime

    @property
    def path(self) -> Path:
        return self.folder / "lines.jsonl"

    def write(self, first: int, last: int, *, at: datetime | None = None) -> None:
        with self.path.open("a") as file:
            for n in range(first, last):
                file.write(row(f"fill: buy {n} at 3.41 symbol=MULN order=o-{n}", at or self.now))

    def step(self) -> Trip:
        """As one run of the shipper would: with nothing remembered but what is on disk."""
        state = ShippingState(self.folder / "state.sqlite3")
        try:
            logs = CloudWatchLogs(REGION, retention_days=30)
            lane = Lane("bear_trap", FileSource(self.path), self.group, "here")
            return Shipper(logs, state, lambda: self.now).step(lane)
        finally:
            state.close()

    def arrived(self) -> list[dict[str, Any]]:
        pages = self.cloud.get_paginator("filter_log_events").paginate(logGroupName=self.group)
        return [json.loads(row["message"]) for page in pages for row in page["events"]]

    def orders(self) -> Counter[str]:
        return Counter(told["order"] for told in self.arrived())


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture
def desk(aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name, value in ACCESS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    cloud = boto3.client("logs", region_name=REGION, endpoint_url=aws)
    return Desk(tmp_path, f"/magellan/{uuid.uuid4()}", cloud, datetime.now(UTC))


def once(first: int, last: int) -> Counter[str]:
    return Counter(f"o-{n}" for n in range(first, last))


def test_lines_arrive_as_searchable_json_in_a_group_with_a_retention(desk: Desk) -> None:
    desk.write(0, 3)
    assert desk.step() == Trip(shipped=3)
    first = desk.arrived()[0]
    assert first == {
        "id": first["id"],
        "unit": "magellan-bear-trap",
        "time": desk.now.isoformat(),
        "level": "INFO",
        "event": "fill",
        "message": "buy 0 at 3.41",
        "symbol": "MULN",
        "order": "o-0",
    }
    [group] = desk.cloud.describe_log_groups(logGroupNamePrefix=desk.group)["logGroups"]
    assert group["retentionInDays"] == 30


def test_what_was_shipped_is_not_shipped_again(desk: Desk) -> None:
    desk.write(0, 5)
    assert desk.step().shipped == 5
    assert desk.step() == Trip()
    desk.write(5, 8)
    assert desk.step().shipped == 3
    assert desk.orders() == once(0, 8)


def test_a_line_half_written_waits_for_its_end(desk: Desk) -> None:
    whole = row("fill: buy symbol=X order=o-0", desk.now)
    desk.path.write_text(whole[:40])
    assert desk.step() == Trip()
    desk.path.write_text(whole)
    assert desk.step().shipped == 1


FAULTS: dict[str, tuple[Fault, str]] = {
    "throttled": (refuse(400, "ThrottlingException", "Rate exceeded"), "Rate exceeded"),
    "busy": (refuse(503, "ServiceUnavailableException"), "is busy"),
    "denied": (refuse(400, "AccessDeniedException"), "AccessDeniedException"),
    "expired token": (refuse(400, "ExpiredTokenException"), "ExpiredTokenException"),
    "clock skew": (
        refuse(400, "InvalidSignatureException", "Signature expired"),
        "Signature expired",
    ),
    "reset": (on_the_way.resets, "does not answer"),
    "reset after accepting": (on_the_way.resets_after_accepting, "does not answer"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("begun", [False, True], ids=["at start", "in mid-day"])
def test_a_fault_of_aws_delays_and_loses_nothing(
    desk: Desk, aws: str, monkeypatch: pytest.MonkeyPatch, fault: str, begun: bool
) -> None:
    if begun:
        desk.write(0, 10)
        desk.step()
    reply, words = FAULTS[fault]
    # At start the first put finds no group; the group is made, and the second put meets the fault.
    lets_through: list[Fault] = [] if begun else [lambda _, forward: forward()]
    with way_to(aws, *lets_through, reply, of="PutLogEvents") as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL", way.url)
        desk.write(10, 30)
        hindered = desk.step()
        assert hindered.fault is not None
        assert words in hindered.fault
        assert hindered.shipped == 0
        desk.write(30, 40)
        done = desk.step()
    assert done.fault is None
    assert done.shipped + done.repeated == 30
    assert desk.orders() == once(0 if begun else 10, 40)


def test_a_batch_of_unknown_fate_is_looked_up_not_sent_again(
    desk: Desk, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write(0, 1)
    desk.step()
    with way_to(aws, on_the_way.resets_after_accepting, of="PutLogEvents") as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL", way.url)
        desk.write(1, 4)
        desk.step()
        assert desk.step() == Trip(shipped=0, repeated=3)
    assert [t.rpartition(".")[2] for t in way.targets[:2]] == ["PutLogEvents", "GetLogEvents"]
    assert "PutLogEvents" not in [t.rpartition(".")[2] for t in way.targets[2:]]


def test_an_endpoint_that_hangs_is_left_after_the_time_out(
    desk: Desk, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write(0, 3)
    with way_to(aws) as way:
        way.always = on_the_way.hangs
        monkeypatch.setenv("AWS_ENDPOINT_URL", way.url)
        began = time.monotonic()
        assert "does not answer" in str(desk.step().fault)
        assert time.monotonic() - began < 15
        way.always = None
        desk.step()
    assert desk.orders() == once(0, 3)


def test_lines_stamped_by_a_clock_that_was_wrong_go_under_todays_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Indices as the API reference has them: the end is exclusive, the start inclusive. (Moto counts
    # otherwise, hence the script.)
    refused = {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3}
    desk.write(0, 1, at=desk.now - timedelta(days=20))
    desk.write(1, 3)
    desk.write(3, 4, at=desk.now + timedelta(hours=5))
    with scripted(wire.answer({"rejectedLogEventsInfo": refused}), wire.answer({})) as cloud:
        monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
        # The batch's span is beyond a day: the first line goes by itself.
        trips = [desk.step()]
    assert sum(trip.shipped for trip in trips) == 4
    assert sum(trip.lost for trip in trips) == 0
    again = [e for r in cloud.requests[1:] for e in r.body["logEvents"]]
    now_ms = int(desk.now.timestamp() * 1000)
    assert now_ms in [event["timestamp"] for event in again]


def test_lines_that_cloudwatch_never_takes_are_counted_and_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write(0, 4)
    refused = wire.answer({"rejectedLogEventsInfo": {"tooNewLogEventStartIndex": 0}})
    with scripted(refused) as cloud:
        monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
        trip = desk.step()
    assert (trip.shipped, trip.lost, trip.fault) == (0, 4, None)
    watchman = Watchman(5.0)
    watchman.heard({"bear_trap": trip}, at=0.0)
    [(_, event, text)] = watchman.sayings()
    assert (event, text) == ("lines_lost", "bear_trap: CloudWatch refused 4 lines for good")


# -- the script as a process: killed, and cut off ------------------------------------------------


def shipper(desk: Desk, url: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "scripts/ship_logs.py", "--file", str(desk.path), "--every", "0.1"]
    return subprocess.Popen(
        [*command, "--state-dir", str(desk.folder), "--stream", "here", *more],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **ACCESS, "AWS_ENDPOINT_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def shared(desk: Desk) -> Desk:
    """The groups of the shipped configs, which tests share: this desk's stream starts empty."""
    desk.group = "/magellan/bear-trap"
    names = [g["logGroupName"] for g in desk.cloud.describe_log_groups()["logGroups"]]
    if desk.group in names:
        desk.cloud.delete_log_group(logGroupName=desk.group)
    desk.cloud.create_log_group(logGroupName=desk.group)
    return desk


def test_kill_9_between_acknowledgement_and_cursor_repeats_nothing(shared: Desk, aws: str) -> None:
    """The worst instant: CloudWatch has the batch, and the shipper dies before it hears so."""
    shared.write(0, 1)
    running: list[subprocess.Popen[str]] = []

    def killed_on_hearing(handler: Handler, forward: Callable[[], None]) -> None:
        handler.say = lambda *_: running[-1].kill()  # type: ignore[method-assign] # in its place
        forward()
        on_the_way.resets(handler, forward)

    def passes(_: Handler, forward: Callable[[], None]) -> None:
        forward()

    def once_more(way: Way, lines: tuple[int, int]) -> None:
        shared.write(*lines)
        running.append(shipper(shared, way.url))
        assert running[-1].wait(30) == -9
        running[-1].communicate()

    # The very first put finds no stream; then each run is killed at its put.
    kills: list[Fault] = [passes, *[killed_on_hearing] * 3]
    with way_to(aws, *kills, of="PutLogEvents") as way:
        for lines in ((1, 20), (20, 40), (40, 60)):
            once_more(way, lines)
        running.append(shipper(shared, way.url, "--once"))
        said, _ = running[-1].communicate(timeout=30)
        assert running[-1].returncode == 0, said
    assert shared.orders() == once(0, 60)


def test_the_region_is_the_configs_where_the_environment_names_none(
    shared: Desk, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(ACCESS, "AWS_REGION")
    monkeypatch.delitem(ACCESS, "AWS_DEFAULT_REGION")
    shared.write(0, 3)
    process = shipper(shared, aws, "--once")
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert shared.orders() == once(0, 3)


def test_an_outage_with_refused_connections_is_caught_up_with(shared: Desk) -> None:
    with moto() as first:
        port = int(first.rpartition(":")[2])
        process = shipper(shared, first)
        shared.write(0, 50)
        until(lambda: len(shared.orders()) == 50)
    for n in range(50, 250, 10):  # nobody listens on the port now
        shared.write(n, n + 10)
        time.sleep(0.1)
    with moto(port):
        until(lambda: len(shared.orders()) == 250)
        process.terminate()
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert "outage: bear_trap: /magellan/bear-trap: CloudWatch does not answer" in said
    assert said.count("outage: bear_trap") == 1
    assert "ships again after" in said
    assert shared.orders() == once(0, 250)
