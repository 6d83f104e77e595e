"""scripts/paper_exchange.py with arguments that make no sense: one line, 64, no server."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> tuple[int, str]:
    """Started with these; a server that comes up would not end, which is the test's failure."""
    done = subprocess.run(
        [sys.executable, "scripts/paper_exchange.py", "--synthetic", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = done.stdout + done.stderr
    assert "Traceback" not in told, told
    return done.returncode, " ".join(told.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--port 99999", "--port: '99999' is no whole number from 0 to 65535"),
        ("--port -1", "no whole number from 0"),
        ("--spread-bps abc", "--spread-bps: 'abc' is no number from 0 to 10000"),
        ("--spread-bps nan", "is no number"),
        ("--partial-fills 7", "no number from 0 to 1"),
        ("--speed nan", "--speed: 'nan' is no number above 0"),
        ("--speed inf", "is no number above 0"),
        ("--speed 0", "is no number above 0"),
        ("--step --watchdog -1", "--watchdog: '-1' is no number above 0"),
        ("--rate-limit 0", "no whole number from 1"),
        ("--rule spread_bps=-1", "--rule spread_bps: '-1' is not from 0"),
        ("--host 300.1.1.1", "--host 300.1.1.1: is no address of this machine"),
        ("--host 192.0.2.1", "--host 192.0.2.1: is no address of this machine"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(arguments: str, words: str) -> None:
    code, told = run(*arguments.split())
    assert (code, words in told) == (ExitCode.USAGE, True), told


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfe", ExitCode.CONFIG_MISSING),
        (b"[" * 100_000, ExitCode.CONFIG),
        (
            json.dumps(
                [{"strategy": "a", "number": "PA1", "timeframe": "1Min", "cash": "NaN"}]
            ).encode(),
            ExitCode.CONFIG,
        ),
    ],
    ids=["not UTF-8", "too deep", "no cash"],
)
def test_a_file_of_accounts_that_is_none_is_named(
    tmp_path: Path, content: bytes, code: ExitCode
) -> None:
    path = tmp_path / "accounts.json"
    path.write_bytes(content)
    found, told = run("--accounts", str(path))
    assert (found, "accounts.json" in told or "cash" in told) == (code, True), told


def test_a_port_in_use_is_still_told_as_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, told = run("--port", str(taken.getsockname()[1]))
    assert code == ExitCode.PORT_IN_USE, told
