"""A journal on disk replayed by the script, as an operator would."""

import subprocess
import sys
from pathlib import Path

from magellan_core.errors import ExitCode
from magellan_core.paper.market_writer import write_folder
from magellan_core.paper.synthetic import DEMO_FIRST, DEMO_LAST, DEMO_SEED, generate
from magellan_core.store.journal import SqliteJournal
from tests.unit.backtest.test_replay import journaled

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/replay_day.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_day_comes_out_again_where_its_indicators_can_be_warmed(tmp_path: Path) -> None:
    path = tmp_path / "hourly_swing.sqlite3"
    journal = SqliteJournal(path)
    journal.append(journaled("hourly_swing"))
    journal.close()
    bars = tmp_path / "bars"
    bars.mkdir()
    write_folder(bars, generate(seed=DEMO_SEED, first=DEMO_FIRST, last=DEMO_LAST))
    done = run("--journal", str(path), "--data", str(bars), "--day", "2025-12-01")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "hourly_swing 2025-12-01" in done.stdout
    assert done.stdout.strip().endswith("all as journaled")
    # Without the earlier bars RSI starts from nothing: a difference, and it is named.
    cold = run("--journal", str(path), "--day", "2025-12-01")
    assert cold.returncode == ExitCode.NOT_RECONCILED
    assert "first difference" in cold.stdout
    assert "numbers" in cold.stdout


def test_a_journal_of_nobody_knows_whom_asks_for_the_strategy(tmp_path: Path) -> None:
    done = run("--journal", str(tmp_path / "x.sqlite3"))
    assert done.returncode == ExitCode.CONFIG_MISSING
    assert "give --strategy" in done.stderr
