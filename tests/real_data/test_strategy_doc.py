"""The published tables are what the engine measures on the stored bars."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BARS = Path(os.environ.get("MAGELLAN_MARKETDATA", ROOT.parent / "shared" / "marketdata"))

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not BARS.is_dir(), reason=f"no market data folder {BARS}"),
]


@pytest.mark.timeout(900)
def test_every_table_is_as_measured() -> None:
    checked = subprocess.run(
        [sys.executable, "scripts/strategy_doc.py", "--check", "--data", str(BARS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
    )
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr
