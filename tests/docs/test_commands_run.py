"""Every command of the documents that a laptop without accounts can run is run, as it stands there.

Each ends with a code that has a name, without a traceback; those that need no broker end well.
"""

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode
from magellan_core.lines import Line, bar_data, line
from magellan_core.market_hours import at_new_york
from magellan_core.model import Bar
from tests.docs.pages import ROOT, Command, commands, pages
from tests.unit.operations.dashboard_support import write

DAY = date(2025, 11, 25)
MORNING = at_new_york(DAY, 11)
# By script: how it may end here, where there are neither accounts nor credentials nor services.
WELL = {ExitCode.OK}
ALONE = {ExitCode.OK, ExitCode.CREDENTIALS, ExitCode.UNAVAILABLE}
ENDS: dict[str, set[ExitCode]] = {
    "scripts/daily_report.py": WELL,
    "scripts/explain.py": WELL,
    "scripts/halt_trading.py": WELL,
    "scripts/resume_trading.py": WELL,
    "scripts/backup_state.py": WELL,
    "scripts/config_schema.py": WELL,
    "scripts/monitor_dashboard.py": ALONE,
    # No account can be reached here: what cannot be known is neither green nor flat.
    "scripts/preflight.py": {ExitCode.PREFLIGHT},
    "scripts/emergency_stop.py": {ExitCode.NOT_FLAT},
    "scripts/send_alerts.py": WELL,
}
# Without one of these it draws until it is stopped.
ONE_LOOK = {"--once", "--json", "--svg", "--html", "--help"}


def script_of(command: Command) -> str | None:
    """The script that a command runs with our Python, if any."""
    words = command.words
    return words[1] if len(words) > 1 and words[0] == ".venv/bin/python" else None


def can_run(command: Command) -> bool:
    script = script_of(command)
    if script is None:
        return False
    if script.endswith("run_strategy.py"):
        return "--check" in command.words and "--config" not in command.words
    if script == "scripts/emergency_stop.py":
        return "--dry-run" in command.words
    if script == "scripts/send_alerts.py":
        return "--once" in command.words
    if script == "scripts/monitor_dashboard.py":
        return bool(ONE_LOOK & set(command.words)) and "--exchange-file" not in command.words
    return script in ENDS


RUNNABLE = {
    command.words: command for page in pages() for command in commands(page) if can_run(command)
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like the code's, so that what a command writes stays in it."""
    for name in ("scripts", "deployable_strategies", "deploy", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    state = tmp_path / "state"
    state.mkdir()
    for strategy, symbol in (
        ("bear_trap", "MULN"),
        ("bear_trap", "AMC"),
        ("daily_trend", "SPY"),
        ("hourly_swing", "TSLA"),
    ):
        bar = Bar(symbol, MORNING, MORNING + timedelta(minutes=1), 5.0, 5.1, 4.9, 5.0, 1000.0)
        numbers = {"day change": "-3.00 %", "waits for": "day change <= -15 %"}
        events = [
            line(MORNING, Line.START, None, version="0.1.0"),
            line(MORNING, Line.DAY, None, session=DAY.isoformat(), day_start="100000"),
            line(bar.end, Line.BAR, symbol, **bar_data(bar), numbers=numbers, memory={}),
        ]
        write(state / f"{strategy}.sqlite3", events)
    backup = tmp_path / "backup"
    backup.mkdir()
    write(backup / "bear_trap.sqlite3", [line(MORNING, Line.START, None, version="0.1.0")])
    return tmp_path


@pytest.mark.parametrize("command", RUNNABLE.values(), ids=str)
def test_it_runs_as_it_stands(command: Command, folder: Path) -> None:
    script = script_of(command)
    assert script is not None
    ended = subprocess.run(
        [sys.executable, *command.words[1:]],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "USER": "operator",
            "MAGELLAN_STATE_DIR": str(folder / "state"),
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    assert ended.returncode in ENDS.get(script, WELL), ended.stdout + ended.stderr


MAKE = {c.words: c for page in pages() for c in commands(page) if c.words[0] == "make"}


@pytest.mark.parametrize("command", MAKE.values(), ids=str)
def test_make_knows_what_it_would_do(command: Command) -> None:
    """Every line of the recipe is expanded, and none of them carried out."""
    ended = subprocess.run(
        ["make", "--dry-run", *command.words[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout


def test_the_documents_name_commands_that_can_be_run() -> None:
    scripts = {script_of(command) for command in RUNNABLE.values()}
    assert scripts >= set(ENDS) - {"scripts/config_schema.py", "scripts/send_alerts.py"}
