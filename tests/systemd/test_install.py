"""scripts/install_services.sh on a real systemd: installs once, and takes all back."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode
from tests.systemd.host import Host
from tests.systemd.installation import (
    PROJECT,
    UNITS,
    Exchange,
    add_account,
    binds,
)

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(120)]
Boot = Callable[..., Host]
INSTALL = f"{PROJECT}/scripts/install_services.sh"


def settle(host: Host, exchange: Exchange) -> None:
    for strategy, unit in UNITS.items():
        host.write(f"/etc/magellan/{unit}.env", exchange.environment(strategy))


def states(host: Host) -> dict[str, str]:
    return {unit: host.show(unit, "ActiveState")["ActiveState"] for unit in UNITS.values()}


def everywhere(state: str) -> dict[str, str]:
    return dict.fromkeys(UNITS.values(), state)


def pids(host: Host) -> list[str]:
    return [host.show(unit, "MainPID")["MainPID"] for unit in UNITS.values()]


def test_it_installs_once_and_changes_nothing_the_second_time(
    boot: Boot, exchange: Exchange
) -> None:
    host = boot(units=False)
    settle(host, exchange)
    first = host.run(INSTALL)
    assert states(host) == everywhere("active"), first.stdout
    for strategy, unit in UNITS.items():
        assert host.run("systemctl", "is-enabled", unit).stdout.strip() == "enabled"
        assert host.path(f"/etc/magellan/{strategy}.json").exists()
    before = pids(host)
    host.write(
        "/etc/magellan/bear_trap.json", host.path("/etc/magellan/bear_trap.json").read_text() + "\n"
    )
    second = host.run(INSTALL)
    assert "wrote" not in second.stdout
    assert "kept /etc/magellan/bear_trap.json" in second.stdout
    assert host.path("/etc/magellan/bear_trap.json").read_text().endswith("\n\n")
    assert pids(host) == before

    host.run(INSTALL, "--uninstall")
    assert states(host) == everywhere("inactive")
    assert list(host.path("/etc/systemd/system").glob("magellan-*.service")) == []
    assert host.path("/etc/magellan/bear_trap.json").exists()
    assert host.path("/var/lib/magellan").exists()


def test_what_serves_all_strategies_goes_with_the_last_one(boot: Boot, exchange: Exchange) -> None:
    host = boot(units=False)
    settle(host, exchange)
    host.run(INSTALL, "--telemetry", "--no-check")
    shared = ("magellan-logs.service", "magellan-alerts.service", "magellan-alert@.service")
    system = host.path("/etc/systemd/system")

    said = host.run(INSTALL, "--uninstall", "--strategy", "bear_trap").stdout
    assert "magellan-daily-trend magellan-hourly-swing" in said
    assert all((system / name).exists() for name in shared)
    for unit in shared[:2]:
        assert host.run("systemctl", "is-enabled", unit).stdout.strip() == "enabled"
    assert states(host) == {**everywhere("active"), UNITS["bear_trap"]: "inactive"}

    for strategy in ("daily_trend", "hourly_swing"):
        host.run(INSTALL, "--uninstall", "--strategy", strategy)
    assert list(system.glob("magellan-*.service")) == []


def test_a_dry_run_says_all_and_does_nothing(boot: Boot, exchange: Exchange) -> None:
    host = boot(units=False)
    settle(host, exchange)
    said = host.run(INSTALL, "--dry-run").stdout
    for unit in UNITS.values():
        assert f"would: write /etc/systemd/system/{unit}.service" in said
        assert f"would: systemctl enable --quiet {unit}" in said
    assert list(host.path("/etc/systemd/system").glob("magellan-*.service")) == []
    assert not host.path("/etc/magellan/bear_trap.json").exists()


def test_what_is_red_is_not_started_and_the_rest_is(boot: Boot, exchange: Exchange) -> None:
    host = boot(units=False)
    settle(host, exchange)
    host.write("/etc/magellan/magellan-daily-trend.env", "")
    done = host.run(INSTALL, check=False)
    assert done.returncode == ExitCode.PREFLIGHT
    assert "not started: daily_trend" in done.stderr
    assert "PENDING_CREATION" in done.stderr
    assert states(host) == {**everywhere("active"), UNITS["daily_trend"]: "inactive"}


def test_a_faulty_config_is_told_and_its_daemon_not_started(boot: Boot, exchange: Exchange) -> None:
    host = boot(units=False)
    settle(host, exchange)
    host.write("/etc/magellan/bear_trap.json", "{}")
    done = host.run(INSTALL, "--strategy", "bear_trap", check=False)
    assert done.returncode == ExitCode.PREFLIGHT
    assert "/etc/magellan/bear_trap.json: 1 fault" in done.stderr
    assert states(host) == everywhere("inactive")


def test_without_an_environment_it_says_how_to_make_one(boot: Boot) -> None:
    host = boot(units=False)
    host.run("rm", f"{PROJECT}/.venv/bin/python")
    done = host.run(INSTALL, check=False)
    assert done.returncode == ExitCode.PYTHON_TOO_OLD
    assert "python3.12 -m venv .venv" in done.stderr


def test_wrong_arguments_are_told(boot: Boot) -> None:
    host = boot(units=False)
    cases = {
        "--user nobody-at-all": "no such user",
        "--root /nowhere": "Magellan is not there",
        "--root relative": "absolute path",
        "--strategy mean_reversion": "there is",
        "--frobnicate": "unknown argument",
    }
    for arguments, words in cases.items():
        done = host.run(INSTALL, *arguments.split(), check=False)
        assert done.returncode == ExitCode.USAGE, arguments
        assert words in done.stderr


def test_another_user_and_folder(layer: Path, tmp_path: Path, exchange: Exchange) -> None:
    own, root = tmp_path / "layer", "/srv/trading/magellan"
    subprocess.run(["cp", "-a", str(layer), str(own)], check=True)
    add_account(own, "trader", 1301, "/srv/trading")
    (own / "srv" / "trading").mkdir(parents=True)
    shutil.move(own / PROJECT[1:], own / root[1:])
    subprocess.run(["chown", "-R", "1301:1301", str(own / "srv/trading")], check=True)
    with Host(tmp_path / "host", own, binds(f"{root}/.venv")) as host:
        settle(host, exchange)
        host.run(f"{root}/scripts/install_services.sh", "--root", root, "--user", "trader")
        assert states(host) == everywhere("active")
        pid = pids(host)[0]
        assert host.path(f"/proc/{pid}").stat().st_uid == 1301
        assert "ec2-user" not in "".join(
            row
            for path in host.path("/etc/systemd/system").glob("magellan-*-*.service")
            for row in path.read_text().splitlines()
            if not row.startswith("#")
        )
