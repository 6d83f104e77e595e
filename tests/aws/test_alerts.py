"""Alerts from a strategy's journal to a person, through moto's SNS: told once, told for certain."""

import json
import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from magellan_core.engine.halts import halt_key
from magellan_core.errors import Unavailable
from magellan_core.lines import Line, line
from magellan_core.operations.alert_desks import desks_of
from magellan_core.operations.alerting import Desk, Policy, Sender
from magellan_core.operations.channels import APPRISE, SNS, ChildChannel
from magellan_core.operations.unsent import UNSENT, unsent, write_unsent
from magellan_core.ports import Level
from magellan_core.store.journal import SqliteJournal
from magellan_core.store.outbox import Alert, Outbox
from tests.aws import way as on_the_way
from tests.aws.way import Fault, moto, refuse, way_to
from tests.contract import scripted_server as wire
from tests.contract.scripted_server import scripted

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-2"
ACCESS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
}
NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@dataclass
class Place:
    """A journal that gets alerts, a topic, and a mailbox subscribed to it."""

    folder: Path
    topic: str
    queue: str
    sqs: Any
    seconds: float = 30.0

    @property
    def journal(self) -> Path:
        return self.folder / "bear_trap.sqlite3"

    def alert(self, level: Level, key: str, message: str, minute: float = 0) -> None:
        at = NOW + timedelta(minutes=minute)
        told = {"level": level.value, "key": key, "message": message}
        with SqliteJournal(self.journal) as journal:
            journal.append([line(at, Line.ALERT, None, **told)])

    def step(self, minute: float = 0, policy: Policy | None = None) -> list[Alert]:
        """As one run of the sender would: with nothing remembered but what is on disk."""
        channel = ChildChannel("SNS", SNS, {"topic": self.topic}, self.seconds)
        desk = Desk("bear_trap", self.journal, [channel], policy or Policy())
        with closing(Outbox(self.folder / "alerts.sqlite3")) as outbox:
            return Sender(outbox, [desk]).step(NOW + timedelta(minutes=minute))

    def mail(self) -> list[tuple[str, str]]:
        """Subject and text of what has come in since the last look."""
        found: list[tuple[str, str]] = []
        while rows := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for row in rows:
                told = json.loads(row["Body"])
                found.append((told["Subject"], told["Message"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=row["ReceiptHandle"])
        return found


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture
def place(aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name, value in ACCESS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    name = f"t-{uuid.uuid4()}"
    sns: Any = boto3.client("sns", region_name=REGION, endpoint_url=aws)
    sqs: Any = boto3.client("sqs", region_name=REGION, endpoint_url=aws)
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:123456789012:{name}"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return Place(tmp_path, topic, queue, sqs)


def test_an_alert_reaches_a_person_with_level_strategy_and_words(place: Place) -> None:
    place.alert(Level.CRITICAL, "halt-daily_loss", "trading halted: lost 2000 today")
    place.alert(Level.INFO, "start", "started")
    assert place.step() == []
    assert place.mail() == [
        (
            "Magellan CRITICAL bear_trap: trading halted: lost 2000 today",
            "2026-03-02 15:00:00 UTC CRITICAL trading halted: lost 2000 today",
        )
    ]
    assert place.step(1) == []
    assert place.mail() == []


def test_the_same_matter_is_told_again_when_it_is_worse_or_after_a_while(place: Place) -> None:
    told: list[str] = []
    for minute, level in [
        (0, Level.WARNING),
        (2, Level.WARNING),
        (4, Level.CRITICAL),
        (8, Level.WARNING),
        (30, Level.WARNING),
    ]:
        # Each a new process of the daemon, which has forgotten what it told.
        place.alert(level, "outage", f"at {minute}", minute)
        place.step(minute)
        told += [text.rpartition("UTC ")[2] for _, text in place.mail()]
    assert told == ["WARNING at 0", "CRITICAL at 4", "WARNING at 30"]


def test_many_alerts_are_one_message(place: Place) -> None:
    for n in range(8):
        level = Level.CRITICAL if n == 5 else Level.WARNING
        place.alert(level, f"stale-{n}", f"stale {n}", n / 60)
    place.step(1)
    [(subject, text)] = place.mail()
    assert subject == "Magellan CRITICAL bear_trap: 8 alerts"
    assert [row.rpartition(" ")[2] for row in text.splitlines()] == [str(n) for n in range(8)]


def test_beyond_the_hourly_rate_only_critical_alerts_go_and_the_rest_waits(place: Place) -> None:
    policy = Policy(hourly=2)
    for minute in range(4):
        place.alert(Level.WARNING, f"w{minute}", f"warning {minute}", minute)
        place.step(minute, policy)
    assert len(place.mail()) == 2
    place.alert(Level.CRITICAL, "halt", "halted", 5)
    place.step(5, policy)
    assert [subject for subject, _ in place.mail()] == ["Magellan CRITICAL bear_trap: halted"]
    place.step(61, policy)
    place.step(66, policy)
    texts = "\n".join(text for _, text in place.mail())
    assert "warning 2" in texts
    assert "warning 3" in texts


def test_a_halt_whose_alert_was_lost_is_an_alert(place: Place) -> None:
    with SqliteJournal(place.journal) as journal:
        halt = line(NOW, Line.HALT, None, limit="drawdown", why="20 % below", policy="flatten")
        journal.append([halt])
    place.alert(Level.CRITICAL, halt_key("drawdown", NOW), "trading halted (drawdown): 20 % below")
    place.step()
    assert [subject for subject, _ in place.mail()] == [
        "Magellan CRITICAL bear_trap: trading halted: 20 % below"
    ]


def test_a_halt_soon_after_a_resume_is_told_again(place: Place) -> None:
    for minute in (0, 5):
        at = NOW + timedelta(minutes=minute)
        with SqliteJournal(place.journal) as journal:
            halt = line(at, Line.HALT, None, limit="daily_loss", why=f"no {minute}", policy="hold")
            journal.append([halt])
        place.step(minute)
    assert [subject[-4:] for subject, _ in place.mail()] == ["no 0", "no 5"]


def test_alerts_older_than_a_day_are_not_dug_out_by_a_first_look(place: Place) -> None:
    place.alert(Level.CRITICAL, "old", "long ago", -60 * 48)
    place.alert(Level.CRITICAL, "new", "just now")
    place.step()
    assert [text.rpartition(" ")[2] for _, text in place.mail()] == ["now"]


FAULTS: dict[str, Fault] = {
    "reset": on_the_way.resets,
    "throttled": refuse(400, "Throttling", "Rate exceeded"),
    "busy": refuse(503, "ServiceUnavailable"),
    "expired token": refuse(403, "ExpiredToken", "The security token is expired"),
    "clock skew": refuse(403, "SignatureDoesNotMatch", "Signature expired"),
    "hanging": on_the_way.hangs,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_sent_is_sent_later(
    place: Place, aws: str, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    place.alert(Level.WARNING, "outage", "no answer")
    place.seconds = 6.0
    with way_to(aws) as way:
        way.always = FAULTS[fault]
        monkeypatch.setenv("AWS_ENDPOINT_URL", way.url)
        place.step()
        assert place.mail() == []
        with closing(Outbox(place.folder / "alerts.sqlite3")) as outbox:
            [waiting] = outbox.waiting()
        assert waiting.tries == 1
        assert waiting.error.startswith("SNS: ")
        assert way.targets
        way.always = None
        place.seconds = 30.0
        place.step(1)
    assert len(place.mail()) == 1


def test_a_critical_alert_that_cannot_be_sent_is_cried_out(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    place.alert(Level.CRITICAL, "halt", "trading halted")
    place.alert(Level.WARNING, "loss", "lost 500")
    with caplog.at_level(logging.CRITICAL, "magellan"):
        assert place.step(1) == []
        late = place.step(6)
    assert [alert.key for alert in late] == ["halt"]
    assert "NOT SENT to anybody since 15:00 UTC" in caplog.text
    write_unsent(place.folder, late)
    [row] = json.loads((place.folder / UNSENT).read_text())
    assert (row["strategy"], row["message"]) == ("bear_trap", "trading halted")
    assert "Could not connect" in row["error"]
    [problem] = unsent(place.folder, "bear_trap", NOW)
    assert problem.text.startswith("an alert of 10:00 ET reached nobody (SNS: Could not connect")
    assert unsent(place.folder, "hourly_swing", NOW) == []
    write_unsent(place.folder, [])
    assert unsent(place.folder, "bear_trap", NOW) == []
    assert not (place.folder / UNSENT).exists()


def test_without_a_topic_alerts_stay_in_the_journal(place: Place) -> None:
    place.alert(Level.CRITICAL, "halt", "trading halted")
    desk = Desk("bear_trap", place.journal, [], Policy())
    with closing(Outbox(place.folder / "alerts.sqlite3")) as outbox:
        assert Sender(outbox, [desk]).step(NOW + timedelta(hours=1)) == []
        assert outbox.counts() == {"local": 1}


# -- the scripts as processes --------------------------------------------------------------------


def config_with(topic: str | None, folder: Path) -> Path:
    shipped = ROOT / "deployable_strategies/bear_trap/aws_deployment/config.json"
    config = json.loads(shipped.read_text())
    config["monitoring"]["alert_topic_arn"] = topic
    path = folder / "bear_trap.json"
    path.write_text(json.dumps(config))
    return path


def test_the_script_sends_and_a_second_run_has_nothing_to_send(place: Place) -> None:
    now = datetime.now(UTC)
    place.alert(Level.CRITICAL, "halt", "trading halted", (now - NOW).total_seconds() / 60)
    command = [sys.executable, "scripts/send_alerts.py", "--once", "--state-dir", str(place.folder)]
    command += ["--config", str(config_with(place.topic, place.folder))]
    for expected in (1, 0):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(place.mail()) == expected


def test_the_sender_itself_is_light(place: Place) -> None:
    code = (
        "import sys; sys.argv = ['send_alerts.py', '--once', '--state-dir', sys.argv[1]]\n"
        "import runpy\n"
        "try: runpy.run_path('scripts/send_alerts.py', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert not {'boto3', 'botocore', 'apprise', 'alpaca'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(place.folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)


def failure_alert(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """As magellan-alert@.service starts it."""
    return subprocess.run(
        [sys.executable, "-I", "deploy/failure_alert.py", "magellan-x.service", "x failed: why"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "MAGELLAN_CONFIG_DIR": str(folder), **ACCESS, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_units_failure_is_told_without_the_projects_code(place: Place, aws: str) -> None:
    config_with(place.topic, place.folder)
    done = failure_alert(place.folder, AWS_ENDPOINT_URL=aws)
    assert (done.returncode, done.stderr) == (0, "")
    assert place.mail() == [("Magellan CRITICAL magellan-x.service has failed", "x failed: why")]
    assert "magellan_core" not in (ROOT / "deploy/failure_alert.py").read_text()


@pytest.mark.parametrize(("topic", "code"), [(None, 2), ("arn:aws:sns:us-east-2:1:t", 1)])
def test_a_units_failure_that_cannot_be_told_says_so(
    place: Place, topic: str | None, code: int
) -> None:
    config_with(topic, place.folder)
    done = failure_alert(place.folder, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert done.returncode == code
    assert done.stdout.startswith("<2>" if code == 1 else "<4>")


def test_apprise_carries_an_alert_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "apprise.conf"
    with scripted(wire.answer({})) as service:
        path.write_text(service.url.replace("http", "json") + "/a-token\n")
        path.chmod(0o600)
        ChildChannel("Apprise", APPRISE, {"config": str(path)}).send("Magellan", "halted")
    [request] = service.requests
    assert (request.body["title"], request.body["message"]) == ("Magellan", "halted")


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("json://127.0.0.1:9/a-token", 0o600, "not every service"),
        ("json://127.0.0.1:9/a-token", 0o644, "chmod 600"),
        ("nonsense", 0o600, "no address that Apprise knows"),
    ],
)
def test_apprise_says_what_is_wrong_and_never_the_address(
    tmp_path: Path, text: str, mode: int, words: str
) -> None:
    path = tmp_path / "apprise.conf"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(Unavailable, match=words) as caught:
        ChildChannel("Apprise", APPRISE, {"config": str(path)}).send("Magellan", "halted")
    assert "a-token" not in str(caught.value)


def test_every_strategy_has_a_desk_with_its_own_topic(tmp_path: Path) -> None:
    topic = "arn:aws:sns:us-east-2:123456789012:magellan-bear"
    [desk] = desks_of(ROOT, tmp_path, [config_with(topic, tmp_path)], None)
    assert desk.journal == tmp_path / "bear_trap.sqlite3"
    [channel] = desk.channels
    assert isinstance(channel, ChildChannel)
    assert channel.head == {"topic": topic}
    names = [desk.strategy for desk in desks_of(ROOT, tmp_path, None, tmp_path / "apprise.conf")]
    assert names == ["bear_trap", "daily_trend", "hourly_swing"]
