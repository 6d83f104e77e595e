"""Reading a real journal: a journald of our own, in a namespace beside the system's."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from magellan_core.errors import Unavailable
from magellan_core.process.records import JournalSource, Record

JOURNALD = Path("/usr/lib/systemd/systemd-journald")
pytestmark = [
    pytest.mark.systemd,
    pytest.mark.skipif(
        os.geteuid() != 0 or not JOURNALD.exists() or shutil.which("journalctl") is None,
        reason="needs root and systemd-journald",
    ),
]


class Journal:
    """A running journald; `say` writes as a daemon's native message does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.home = Path(f"/run/systemd/journal.{name}")
        self.home.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen([JOURNALD, name], stderr=subprocess.DEVNULL)
        self.wait_for(lambda: (self.home / "socket").exists())

    def say(self, message: str, identifier: str = "magellan-bear-trap", priority: int = 6) -> None:
        text = f"MESSAGE={message}\nSYSLOG_IDENTIFIER={identifier}\nPRIORITY={priority}\n"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(text.encode(), str(self.home / "socket"))

    def source(self, *identifiers: str) -> JournalSource:
        return JournalSource(identifiers or ("magellan-bear-trap",), (f"--namespace={self.name}",))

    def read(self, count: int, cursor: str | None = None, limit: int = 100) -> list[Record]:
        """What the source tells, once journald has taken in that much."""
        self.wait_for(lambda: len(self.source().read(cursor, limit)) >= count)
        return list(self.source().read(cursor, limit))

    def wait_for(self, done: "Done") -> None:
        deadline = time.monotonic() + 10
        while not done():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        machine = Path("/etc/machine-id").read_text().strip()
        for folder in ("/var/log/journal", "/run/log/journal"):
            shutil.rmtree(Path(folder) / f"{machine}.{self.name}", ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)


class Done(Protocol):
    def __call__(self) -> bool: ...


@pytest.fixture
def journal() -> Iterator[Journal]:
    found = Journal(f"magellan{os.getpid()}")
    yield found
    found.end()


def test_lines_are_read_in_order_from_a_cursor_on(journal: Journal) -> None:
    for n in range(10):
        journal.say(f"fill: buy {n} symbol=MULN", priority=4)
    journal.say("not ours", identifier="cron")
    first = journal.read(10)
    assert [record.message for record in first] == [f"fill: buy {n} symbol=MULN" for n in range(10)]
    assert {(r.identifier, r.priority) for r in first} == {("magellan-bear-trap", 4)}
    assert abs(first[0].at.timestamp() - time.time()) < 60
    assert [r.message for r in journal.read(6, cursor=first[3].cursor)] == [
        r.message for r in first[4:]
    ]
    assert journal.source().read(first[-1].cursor, 100) == []


def test_no_more_is_read_than_asked_for(journal: Journal) -> None:
    for n in range(50):
        journal.say(f"line {n}")
    assert [r.message for r in journal.read(5, limit=5)] == [f"line {n}" for n in range(5)]


def test_a_long_message_is_not_left_out(journal: Journal) -> None:
    journal.say("x" * 20_000)
    assert len(journal.read(1)[0].message) == 20_000


def test_a_cursor_that_is_none_is_unavailable_with_journalctls_words(journal: Journal) -> None:
    with pytest.raises(Unavailable, match=r"journalctl failed .*cursor"):
        journal.source().read("no such thing", 10)


def test_several_identifiers_are_one_lane(journal: Journal) -> None:
    journal.say("a", identifier="magellan-alerts")
    journal.say("b", identifier="magellan-logs")
    journal.say("c")
    source = journal.source("magellan-alerts", "magellan-logs")
    journal.read(1)
    assert [record.message for record in source.read(None, 10)] == ["a", "b"]
