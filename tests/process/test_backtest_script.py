"""scripts/backtest.py: what cannot be asked is told in one line, with an exit code of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode
from scripts.backtest import main

DAYS = "--from 2025-11-25 --to 2025-11-26"
OTHER = "deployable_strategies/hourly_swing/aws_deployment/config.json"

# Strategy, further words, exit code, and what is said.
CASES: list[tuple[str, str, int, str]] = [
    ("bear_trap", "--from 2025-11-26 --to 2025-11-25", 64, "lies after --to"),
    ("daily_trend", f"--fill rth_open {DAYS}", 64, "next_open or close"),
    ("bear_trap", f"--accounts shared --fill close {DAYS}", 64, "ask for those"),
    ("bear_trap", f"--accounts shared --no-history {DAYS}", 64, "by all history"),
    ("bear_trap", f"--capital 0 {DAYS}", 64, "--capital"),
    ("bear_trap", f"--set luck=7 {DAYS}", 64, "no parameter luck"),
    ("daily_trend", f"--symbols GME {DAYS}", 64, "GME: no band"),
    ("bear_trap", DAYS, 65, "no market data folder"),
    ("bear_trap", f"--config {OTHER} {DAYS}", 64, "is the config of hourly_swing"),
    ("bear_trap", f"--data alpaca {DAYS}", 77, "APCA_API_KEY_ID"),
]


@pytest.mark.parametrize(("strategy", "words", "code", "said"), CASES)
def test_what_cannot_be_asked(
    strategy: str,
    words: str,
    code: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("APCA_API_KEY_ID", raising=False)
    monkeypatch.chdir(Path(__file__).resolve().parents[2])
    data = [] if "--data" in words else ["--data", str(tmp_path / "nowhere")]
    rest = [*words.split(), *data, "--cache", str(tmp_path / "cache")]
    assert main(["--strategy", strategy, *rest]) == code
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_a_short_run_imports_neither_pandas_nor_the_sdk() -> None:
    code = (
        "import sys; from scripts.backtest import main; import magellan_core.backtest.run;"
        "print(sorted({'pandas', 'alpaca', 'boto3', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == ExitCode.OK, done.stderr
    assert done.stdout.strip() == "[]"
