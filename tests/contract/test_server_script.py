"""scripts/paper_exchange.py as an operator runs it: process, exit codes, last words."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from magellan_core.errors import ExitCode

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "paper_exchange.py"
ACCOUNTS = [
    {"strategy": "ann", "number": "PAANN", "timeframe": "1Min"},
    {"strategy": "bob", "number": "PABOB", "timeframe": "1Hour"},
]


@contextmanager
def exchange(folder: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", Any]]:
    """The process and its ready file, once it listens."""
    accounts, ready = folder / "accounts.json", folder / "ready.json"
    accounts.write_text(json.dumps(ACCOUNTS))
    ready.unlink(missing_ok=True)
    command = [sys.executable, str(SCRIPT), "--synthetic", "--accounts", str(accounts)]
    process = subprocess.Popen(
        [*command, "--ready-file", str(ready), *arguments], stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 30
        while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        yield process, json.loads(ready.read_text()) if ready.exists() else None
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def end(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, said = process.communicate(timeout=20)
    return process.returncode, said


def test_it_says_where_it_listens_serves_its_keys_and_stops_on_sigterm(tmp_path: Path) -> None:
    with exchange(tmp_path, "--step") as (process, ready):
        assert [account["number"] for account in ready["accounts"]] == ["PAANN", "PABOB"]
        keys = ready["accounts"][1]
        answer = requests.get(
            f"http://127.0.0.1:{ready['port']}/v2/account",
            headers={"APCA-API-KEY-ID": keys["key"], "APCA-API-SECRET-KEY": keys["secret"]},
            timeout=10,
        )
        assert answer.json()["account_number"] == "PABOB"
        state = requests.get(f"http://127.0.0.1:{ready['port']}/sim/state", timeout=10).json()
        assert state["now"] == "2025-11-25T09:00:00Z"  # 04:00 in New York
        assert [member["name"] for member in state["members"]] == ["conductor", "ann", "bob"]
        process.send_signal(signal.SIGTERM)
        code, said = end(process)
    assert code == ExitCode.OK
    assert "PK-ann" in said
    assert "curl -H" in said


def test_a_taken_port_is_one_line_and_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    with (
        exchange(tmp_path, "--quiet") as (_, ready),
        exchange(tmp_path / "second", "--port", str(ready["port"])) as (process, nothing),
    ):
        assert nothing is None
        code, said = end(process)
    assert code == ExitCode.PORT_IN_USE
    assert said.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{ready['port']}" in said


def test_a_member_that_never_comes_ends_the_run_with_its_name(tmp_path: Path) -> None:
    with exchange(tmp_path, "--step", "--watchdog", "0.5", "--quiet") as (process, ready):
        url = f"http://127.0.0.1:{ready['port']}/sim/wait?member=conductor&until="
        assert requests.get(url, timeout=10).json()["reason"] == "time"
        assert requests.get(url, timeout=10).status_code == 503
        code, said = end(process)
    assert code == ExitCode.CLOCK
    assert said.startswith("paper_exchange: ann (absent) has held time")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], ExitCode.USAGE, "--data --synthetic is required"),
        (["--synthetic", "--sped", "3"], ExitCode.USAGE, "unrecognized arguments"),
        (["--synthetic", "--speed", "0"], ExitCode.USAGE, "is no number above 0"),
        (["--synthetic", "--roster", "me,eve"], ExitCode.USAGE, "no account for eve"),
        (["--data", "."], ExitCode.USAGE, "needs --from and --to"),
        (
            ["--data", "no-such-folder", "--from", "2024-11-04", "--to", "2024-11-05"],
            ExitCode.DATA,
            "no-such-folder",
        ),
        (
            ["--synthetic", "--from", "2025-11-29", "--to", "2025-11-30"],
            ExitCode.DATA,
            "no session",
        ),
        (["--synthetic", "--configs", "none.json"], ExitCode.CONFIG_MISSING, "none.json"),
    ],
)
def test_wrong_arguments_are_one_line_without_a_traceback(
    arguments: list[str], code: ExitCode, words: str
) -> None:
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == code
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
