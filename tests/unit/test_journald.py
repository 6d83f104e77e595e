"""The journal's native protocol, against a socket that records what arrives."""

import logging
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from magellan_core.process.journald import Journald, JournaldHandler, datagram, field_name
from magellan_core.process.logs import LineFormatter


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.settimeout(5)
        yield listener


@contextmanager
def handler(tmp_path: Path, secrets: tuple[str, ...] = ()) -> Iterator[JournaldHandler]:
    pipe = logging.FileHandler(tmp_path / "pipe")
    pipe.setFormatter(LineFormatter("bear_trap", journald=True, secrets=secrets))
    made = JournaldHandler(Journald(tmp_path / "socket"), "magellan-bear-trap", pipe)
    yield made
    made.close()
    pipe.close()


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("magellan", logging.WARNING, "x.py", 1, message, None, None)
    made.event, made.fields = "fill", fields
    return made


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"A": "x", "B": "y=z"}, b"A=x\nB=y=z\n"),
        ({"A": "x\ny"}, b"A\n" + struct.pack("<Q", 3) + b"x\ny\n"),
        ({"A": "\udc80"}, b"A=?\n"),
    ],
)
def test_the_form_of_an_entry(fields: dict[str, str], expected: bytes) -> None:
    assert datagram(fields) == expected


def test_names_are_what_journald_accepts() -> None:
    assert field_name("order_id") == "MAGELLAN_ORDER_ID"
    assert field_name("late-fée 1") == "MAGELLAN_LATE_F_E_1"


def test_an_entry_has_message_severity_and_every_field(
    tmp_path: Path, heard: socket.socket
) -> None:
    with handler(tmp_path) as told:
        told.emit(record("bought 40", symbol="MULN", order_id="bt-1"))
    rows = heard.recv(4096).decode().splitlines()
    assert rows == [
        "MESSAGE=fill: bought 40 symbol=MULN order_id=bt-1",
        "PRIORITY=4",
        "SYSLOG_IDENTIFIER=magellan-bear-trap",
        "MAGELLAN_EVENT=fill",
        "MAGELLAN_SYMBOL=MULN",
        "MAGELLAN_ORDER_ID=bt-1",
    ]


def test_secrets_are_hidden_in_the_fields_too(tmp_path: Path, heard: socket.socket) -> None:
    with handler(tmp_path, ("hush",)) as told:
        told.emit(record("the key is hush", key="hush"))
    assert b"hush" not in heard.recv(4096)


def test_what_is_too_big_for_a_datagram_travels_as_a_file(
    tmp_path: Path, heard: socket.socket
) -> None:
    with handler(tmp_path) as told:
        told.emit(record("x" * 400_000))
    _, descriptors, _, _ = socket.recv_fds(heard, 16, 1)
    with os.fdopen(descriptors[0], "rb") as file:
        file.seek(0)
        assert file.read().count(b"x") == 400_000


def test_without_journald_the_line_goes_where_it_went_before(
    tmp_path: Path, heard: socket.socket
) -> None:
    with handler(tmp_path) as told:
        heard.close()
        told.emit(record("journald is gone", symbol="MULN"))
    assert (tmp_path / "pipe").read_text() == "<4>fill: journald is gone symbol=MULN\n"
