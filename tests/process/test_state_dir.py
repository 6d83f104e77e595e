"""One option, one default: every script finds the daemons' state as the units lay it out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READS_STATE = sorted(
    path.stem
    for path in (ROOT / "scripts").glob("*.py")
    if any(word in path.read_text() for word in ("state_dir", "notice_script"))
)


def told(script: str, **environ: str) -> str:
    clean = {k: v for k, v in os.environ.items() if "STATE" not in k}
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / f"{script}.py"), "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**clean, "COLUMNS": "300", **environ},
    )
    return done.stdout


def test_the_scripts_are_found() -> None:
    assert {"explain", "ship_logs", "halt_trading", "emergency_stop"} <= set(READS_STATE)
    assert len(READS_STATE) >= 10


@pytest.mark.parametrize("script", READS_STATE)
def test_it_is_called_state_dir_and_the_unit_s_directory_is_the_default(script: str) -> None:
    shown = told(script, STATE_DIRECTORY="/srv/one:/srv/two", MAGELLAN_STATE_DIR="/srv/three")
    assert "--state-dir DIR" in shown
    assert "--state " not in shown
    # The dashboard's depends on where it is pointed at, and says so.
    if script != "monitor_dashboard":
        assert "where the journals are (default: /srv/one)" in shown
        assert "(default: /srv/three)" in told(script, MAGELLAN_STATE_DIR="/srv/three")
