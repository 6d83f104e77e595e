"""sd_notify against a real datagram socket in systemd's place."""

import os
import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from magellan_core.process.notify import Notifier


class Manager:
    """The receiving end."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        self.socket.settimeout(2)
        self.notifier = Notifier.from_env({"NOTIFY_SOCKET": address})

    def heard(self) -> str:
        return self.socket.recv(4096).decode()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    abstract = f"@magellan-test-{os.getpid()}"
    manager = Manager(abstract if request.param == "abstract" else str(tmp_path / "notify"))
    yield manager
    manager.socket.close()


def test_a_life_in_messages(manager: Manager) -> None:
    notifier = manager.notifier
    assert notifier.extend_timeout(timedelta(seconds=30))
    assert manager.heard() == "EXTEND_TIMEOUT_USEC=30000000"
    assert notifier.ready("flat, waiting for 09:30 ET")
    assert manager.heard() == "READY=1\nSTATUS=flat, waiting for 09:30 ET"
    assert notifier.alive()
    assert manager.heard() == "WATCHDOG=1"
    assert notifier.alive("holding MULN")
    assert manager.heard() == "WATCHDOG=1\nSTATUS=holding MULN"
    assert notifier.status("halted")
    assert manager.heard() == "STATUS=halted"
    assert notifier.reloading()
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=[0-9]+", manager.heard())
    assert notifier.stopping()
    assert manager.heard() == "STOPPING=1"


def test_a_status_cannot_smuggle_in_another_assignment(manager: Manager) -> None:
    manager.notifier.status("broker says:\nWATCHDOG=trigger\r\n\tbye")
    assert manager.heard() == "STATUS=broker says: WATCHDOG=trigger bye"


def test_a_status_that_is_no_unicode_does_not_raise(manager: Manager) -> None:
    manager.notifier.status("odd \udcff byte")
    assert manager.heard() == "STATUS=odd ? byte"


@pytest.mark.parametrize("address", [None, "", "@", "relative/path", "vsock:2:1"])
def test_without_a_socket_that_we_know_nothing_happens(address: str | None) -> None:
    notifier = Notifier.from_env({} if address is None else {"NOTIFY_SOCKET": address})
    assert not notifier.ready()
    assert not notifier.alive()
    assert not notifier.stopping()


@pytest.mark.parametrize("length", [20, 300])
def test_a_socket_that_is_gone_or_absurd_does_not_raise(tmp_path: Path, length: int) -> None:
    address = str(tmp_path / ("x" * length))
    assert not Notifier.from_env({"NOTIFY_SOCKET": address}).ready()


def test_a_manager_that_went_away_does_not_raise(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    assert manager.notifier.alive()
    manager.socket.close()
    assert not manager.notifier.alive()


def test_a_manager_that_does_not_read_costs_a_second_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("magellan_core.process.notify.PATIENCE", 0.05)
    manager = Manager(str(tmp_path / "notify"))
    # The kernel queues net.unix.max_dgram_qlen messages (10 by default, 512 under systemd).
    assert not all(manager.notifier.alive() for _ in range(5000))
    manager.socket.close()


@pytest.mark.parametrize(
    ("environ", "watchdog"),
    [
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "41"}, timedelta(minutes=2)),
        ({"WATCHDOG_USEC": "120000000"}, timedelta(minutes=2)),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "40"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_only_if_it_names_us(
    environ: dict[str, str], watchdog: timedelta | None
) -> None:
    assert Notifier.from_env(environ, pid=41).watchdog == watchdog
