"""When deploy.sh restarts a daemon: away from the instants at which one decides."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "deploy.sh"


FULL, HALF, HOLIDAY, SATURDAY = "2026-11-25", "2026-11-27", "2026-11-26", "2026-11-28"
UNKNOWN = "2150-01-05"  # beyond the session table


def function(name: str) -> str:
    found = re.search(rf"^{name}\(\) \{{.*?^\}}", SCRIPT.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[0]


def is_quiet(day: str, clock: str) -> bool:
    """The script's own functions, told that this is New York's date and time."""
    command = f"""
        set -euo pipefail
        date() {{ echo {day} {clock.replace(":", "")}; }}
        as_user() {{ shift; {sys.executable} "$@"; }}
        target={SCRIPT.parents[1]} day="" instants=()
        {function("session_on")}
        {function("quiet")}
        if quiet; then echo quiet; else echo busy; fi
    """
    command = textwrap.dedent(command)
    done = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True)
    assert done.stdout.strip() in ("quiet", "busy")
    assert ("Error" in done.stderr) == (day == UNKNOWN)
    return done.stdout.strip() == "quiet"


@pytest.mark.parametrize(
    ("clock", "quiet"),
    [
        ("11:15:10", True),
        ("11:15:39", True),
        ("11:15:09", False),  # bars of the minute before are still coming in
        ("11:15:40", False),  # the next minute's close is near
        ("10:58:20", False),  # Hourly Swing decides at the full hour
        ("11:01:20", False),
        ("11:02:20", True),
        ("09:24:20", True),
        ("09:25:20", False),  # before the open until Daily Trend has bought
        ("09:36:20", False),
        ("09:37:20", True),
        ("15:49:20", True),
        ("15:50:20", False),  # Bear Trap's exits, the close, Daily Trend's signals
        ("16:10:20", False),
        ("16:11:20", True),
        ("08:08:20", True),  # no octal numbers
        ("03:09:20", True),
    ],
)
def test_a_quiet_moment(clock: str, quiet: bool) -> None:
    assert is_quiet(FULL, clock) is quiet


@pytest.mark.parametrize(
    ("day", "clock", "quiet"),
    [
        (HALF, "12:49:20", True),
        (HALF, "12:55:20", False),  # Bear Trap's exits
        (HALF, "13:05:20", False),  # Daily Trend's signals
        (HALF, "13:10:20", False),
        (HALF, "13:11:20", True),
        (HALF, "15:55:20", True),
        (HALF, "09:30:20", False),
        (FULL, "12:55:20", True),
        (FULL, "15:55:20", False),
        (HOLIDAY, "15:55:20", True),
        (HOLIDAY, "09:30:20", True),
        (HOLIDAY, "11:00:00", True),
        (SATURDAY, "16:00:00", True),
        (UNKNOWN, "09:30:20", False),
        (UNKNOWN, "12:55:20", False),
        (UNKNOWN, "15:55:20", False),
        (UNKNOWN, "11:15:20", True),
    ],
)
def test_a_quiet_moment_of_the_days_own_session(day: str, clock: str, quiet: bool) -> None:
    assert is_quiet(day, clock) is quiet
