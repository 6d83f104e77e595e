"""The log shipper's and the alert sender's units: systemd takes them, and they are kept small."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ("magellan-logs", "magellan-alerts", "magellan-alert@")
SERVICES = UNITS[:2]
ANALYZE = shutil.which("systemd-analyze")
needs_systemd_analyze = pytest.mark.skipif(
    ANALYZE is None, reason="systemd-analyze is not installed"
)


def text_of(name: str) -> str:
    return (ROOT / "deploy" / f"{name}.service").read_text()


@needs_systemd_analyze
def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    assert ANALYZE is not None
    for name in UNITS:
        text = text_of(name).replace("/home/ec2-user/magellan/.venv/bin/python", sys.executable)
        (tmp_path / f"{name}.service").write_text(text)
    paths = [str(tmp_path / f"{name}.service") for name in SERVICES]
    answer = subprocess.run(
        [ANALYZE, "verify", "--man=no", *paths], capture_output=True, text=True, check=False
    )
    assert (answer.stderr, answer.returncode) == ("", 0)


@needs_systemd_analyze
@pytest.mark.parametrize("name", SERVICES)
def test_the_sandbox_is_tight(name: str) -> None:
    assert ANALYZE is not None
    path = ROOT / "deploy" / f"{name}.service"
    answer = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--threshold=20", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-200:]


@pytest.mark.parametrize("name", SERVICES)
def test_no_daemon_waits_for_them_and_they_wait_for_no_daemon(name: str) -> None:
    trading = [p.read_text() for p in ROOT.glob("deployable_strategies/*/aws_deployment/*.service")]
    assert len(trading) == 3
    assert all(name not in text for text in trading)
    assert "magellan-bear-trap" not in text_of(name)


@pytest.mark.parametrize(
    ("name", "script"), [("magellan-logs", "ship_logs"), ("magellan-alerts", "send_alerts")]
)
def test_each_runs_a_script_that_is_there(name: str, script: str) -> None:
    assert f"python scripts/{script}.py\n" in text_of(name)
    assert (ROOT / "scripts" / f"{script}.py").exists()
