"""Wrong arguments end with 64, which no unit restarts, in one line, whatever was called."""

import subprocess
import sys
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
RUNNABLE = [
    *sorted(ROOT.glob("scripts/*.py")),
    *sorted(ROOT.glob("deployable_strategies/*/aws_deployment/run_strategy.py")),
]


@pytest.mark.parametrize("script", RUNNABLE, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_unknown_option_is_a_usage_error(script: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script), "--bogus"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == ExitCode.USAGE
    assert done.stdout == ""
    [told] = done.stderr.splitlines()
    assert "--help" in told
