"""The report's units: systemd takes them, their calendar means what they say, sandboxed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
ANALYZE = shutil.which("systemd-analyze")
pytestmark = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run([ANALYZE, *words], capture_output=True, text=True, check=False)


def test_systemd_has_nothing_to_say_about_them(tmp_path: Path) -> None:
    python = "/home/ec2-user/magellan/.venv/bin/python"
    for path in (*DEPLOY.glob("magellan-report*"), DEPLOY / "magellan-alert@.service"):
        (tmp_path / path.name).write_text(path.read_text().replace(python, sys.executable))
    for name in ("day", "week"):
        shutil.copy(
            tmp_path / "magellan-report@.service", tmp_path / f"magellan-report@{name}.service"
        )
        told = analyze("verify", "--man=no", str(tmp_path / f"magellan-report-{name}.timer"))
        assert (told.stderr, told.returncode) == ("", 0)


def test_the_sandbox_is_tight() -> None:
    told = analyze(
        "security", "--offline=true", "--threshold=15", str(DEPLOY / "magellan-report@.service")
    )
    assert told.returncode == 0, told.stdout[-200:]


@pytest.mark.parametrize(
    ("timer", "base", "due"),
    [
        ("day", "2025-11-26 12:00:00 UTC", "Wed 2025-11-26 21:30:00 UTC"),
        ("day", "2025-07-03 12:00:00 UTC", "Thu 2025-07-03 20:30:00 UTC"),
        ("week", "2025-11-26 12:00:00 UTC", "Fri 2025-11-28 21:45:00 UTC"),
    ],
)
def test_they_are_due_in_new_york_whatever_the_hosts_zone(timer: str, base: str, due: str) -> None:
    text = (DEPLOY / f"magellan-report-{timer}.timer").read_text()
    [when] = [row.partition("=")[2] for row in text.splitlines() if row.startswith("OnCalendar=")]
    told = analyze("calendar", f"--base-time={base}", when)
    assert due in told.stdout, told.stdout + told.stderr
