"""When deploy.sh restarts a daemon: away from the instants at which one decides."""

import re
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "deploy.sh"


def is_quiet(clock: str) -> bool:
    """The script's own function, told that this is New York's time."""
    found = re.search(r"^quiet\(\) \{.*?^\}", SCRIPT.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    command = f"set -euo pipefail\ndate() {{ echo {clock.replace(':', '')}; }}\n{found[0]}\nquiet"
    return subprocess.run(["bash", "-c", command], check=False).returncode == 0


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
    assert is_quiet(clock) is quiet
