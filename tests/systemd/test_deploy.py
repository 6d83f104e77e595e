"""scripts/deploy.sh on a real systemd: releases, bad ones among them, in and out of service."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from magellan_core.errors import ExitCode
from tests.systemd.host import Host, until
from tests.systemd.installation import (
    FOLDERS,
    PROJECT,
    PYTHON,
    RELEASES,
    UNITS,
    USER,
    Exchange,
    as_release,
    copy_project,
    lock_id,
    open_exchange,
    release_binds,
    shipped,
)

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(180)]
DEPLOY = f"{PROJECT}/scripts/deploy.sh"
BEAR = UNITS["bear_trap"]
WHEELS = "/opt/magellan-wheels"


@pytest.fixture(scope="session")
def release_layer(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return as_release(layer, tmp_path_factory.mktemp("release") / "layer")


@pytest.fixture
def host(release_layer: Path, tmp_path: Path, exchange: Exchange) -> Iterator[Host]:
    with Host(tmp_path / "host", release_layer, release_binds()) as booted:
        put_into_service(booted, exchange)
        yield booted


def put_into_service(host: Host, exchange: Exchange) -> None:
    """Release v1, all three daemons."""
    for strategy, unit in UNITS.items():
        host.write(
            f"/etc/magellan/{unit}.env",
            exchange.environment(strategy, MAGELLAN_PATROL_SECONDS="30"),
        )
    host.run(f"{PROJECT}/scripts/install_services.sh", "--root", PROJECT)
    host.environ = {"MAGELLAN_DEPLOY_PATIENCE": "8"}


def nothing(_: Path) -> None:
    """A release like the one before."""


def does_not_start(source: Path) -> None:
    path = source / "magellan_core" / "daemon.py"
    path.write_text(path.read_text() + "\nraise RuntimeError('seeded: cannot be imported')\n")


def crashes_in_its_first_tick(source: Path) -> None:
    path = source / "magellan_core" / "engine" / "engine.py"
    spoiled = "def _seeded(*_: object) -> None:\n    raise RuntimeError('seeded: no tick')\n"
    path.write_text(f"{path.read_text()}\n\n{spoiled}\n\nEngine.tick = _seeded\n")


def is_ready_and_never_ticks_well(source: Path) -> None:
    path = source / "magellan_core" / "engine" / "words.py"
    text = path.read_text()
    assert 'f"trading ' in text
    path.write_text(text.replace('f"trading ', 'f"seeded: idle '))


def refuses_the_settings(source: Path) -> None:
    path = source / "magellan_core" / "config_model.py"
    text = path.read_text()
    assert "symbols: " in text
    path.write_text(text.replace("    symbols: ", "    tickers: ", 1))


def ship(host: Host, tmp_path: Path, name: str, change: Callable[[Path], None]) -> str:
    """A release's archive inside the host."""
    source = tmp_path / name
    copy_project(source)
    change(source)
    archive = tmp_path / f"{name}.tar.gz"
    subprocess.run(["tar", "-czf", str(archive), "-C", str(source), "."], check=True)
    inside = f"/opt/{name}.tar.gz"
    shutil.copy(archive, host.path(inside))
    shutil.rmtree(source)
    return inside


def tag(host: Host, tmp_path: Path, name: str) -> str:
    """A git repository inside the host, with a tag."""
    archive = ship(host, tmp_path, name, nothing)
    folder = "/opt/repository"
    git = f"git -C {folder} -c user.name=x -c user.email=x@example.com"
    for command in (
        f"install -d -o {USER} {folder}",
        f"runuser -u {USER} -- tar -xzf {archive} -C {folder}",
        f"runuser -u {USER} -- git init -q {folder}",
        f"runuser -u {USER} -- {git} add magellan_core deployable_strategies scripts deploy"
        " pyproject.toml requirements.txt",
        f"runuser -u {USER} -- {git} commit -q -m release",
        f"runuser -u {USER} -- {git} tag {name}",
    ):
        host.run(*command.split())
    return folder


def in_service(host: Host) -> str:
    return host.run("readlink", "-f", PROJECT).stdout.strip().removeprefix(f"{RELEASES}/")


def running(host: Host) -> set[str]:
    """From which release each daemon really runs, by its open working folder."""
    found = set()
    for unit in UNITS.values():
        told = host.show(unit, "MainPID", "ActiveState")
        assert told["ActiveState"] == "active", host.journal("-u", unit)[-2000:]
        # The bind mount's source is in the root field of its line.
        for row in host.path(f"/proc/{told['MainPID']}/mountinfo").read_text().splitlines():
            fields = row.split()
            if fields[4] == PROJECT:
                found.add(fields[3].rpartition("/")[2])
    return found


def test_a_good_release_goes_into_service_and_can_be_taken_back(host: Host, tmp_path: Path) -> None:
    repository = tag(host, tmp_path, "v2")
    done = host.run(DEPLOY, "v2", "--repo", repository, "--now")
    assert in_service(host) == "v2", done.stdout
    assert running(host) == {"v2"}
    assert "3 daemons restarted" in done.stdout
    # The manifest knows every file.
    host.run("sh", "-c", f"cd {RELEASES}/v2 && sha256sum --quiet --check MANIFEST.sha256")
    listed = host.path(f"{RELEASES}/v2/MANIFEST.sha256").read_text()
    assert "magellan_core/daemon.py" in listed

    host.run(DEPLOY, "--rollback", "--now")
    assert in_service(host) == "v1"
    assert running(host) == {"v1"}


@pytest.mark.parametrize(
    "spoil",
    [does_not_start, crashes_in_its_first_tick, is_ready_and_never_ticks_well],
    ids=lambda spoil: spoil.__name__,
)
def test_a_release_that_does_not_trade_is_taken_back_by_itself(
    host: Host, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    archive = ship(host, tmp_path, "v2", spoil)
    done = host.run(DEPLOY, "v2", "--from", archive, "--now", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "v2 was rolled back, v1 trades" in done.stderr
    assert in_service(host) == "v1"
    assert running(host) == {"v1"}


def starter(strategy: str) -> str:
    return f"deployable_strategies/{FOLDERS[strategy]}/aws_deployment/run_strategy.py"


GIVES_UP = f"raise SystemExit({ExitCode.CONFIG:d})\n"  # and systemd does not try again


def test_on_the_way_back_a_daemon_that_fails_holds_up_no_other(host: Host, tmp_path: Path) -> None:
    def spoil(source: Path) -> None:
        (source / starter("daily_trend")).write_text(GIVES_UP)

    archive = ship(host, tmp_path, "v2", spoil)
    # The first daemon would not start again on the release that it runs on, either.
    host.write(f"{RELEASES}/v1/{starter('bear_trap')}", GIVES_UP)
    done = host.run(DEPLOY, "v2", "--from", archive, "--now", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"v1 does not trade either: {BEAR}: journalctl" in done.stderr
    assert in_service(host) == "v1"
    found = {unit: host.show(unit, "ActiveState")["ActiveState"] for unit in UNITS.values()}
    assert found == {**dict.fromkeys(UNITS.values(), "active"), BEAR: "failed"}


def test_a_strategy_that_is_halted_and_flat_keeps_no_release_back(
    release_layer: Path, tmp_path: Path
) -> None:
    # Before Hourly Swing's first decision, so that it holds nothing.
    unit, morning = UNITS["hourly_swing"], ("--speed", "5", "--start", "2025-11-25T09:40-05:00")
    with (
        open_exchange(tmp_path / "exchange", *morning) as exchange,
        Host(tmp_path / "host", release_layer, release_binds()) as host,
    ):
        raw = shipped("hourly_swing")
        raw["risk_management"]["halt_policies"] = {"manual": "hold"}
        host.write("/etc/magellan/hourly_swing.json", json.dumps(raw))
        put_into_service(host, exchange)
        reason = ("--strategy", "hourly_swing", "--reason", "looking into it")
        halt = (f"{PROJECT}/.venv/bin/python", f"{PROJECT}/scripts/halt_trading.py")
        host.run(*halt, *reason, user=USER)
        until(
            lambda: host.show(unit, "StatusText")["StatusText"].startswith("HALTED"),
            60,
            lambda: host.journal("-u", unit)[-2000:],
        )

        archive = ship(host, tmp_path, "v2", nothing)
        done = host.run(DEPLOY, "v2", "--from", archive, "--now", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{unit}: halted and flat" in done.stdout
        assert in_service(host) == "v2"
        told = host.show(unit, "ActiveState", "ExecMainStatus")
        assert told == {"ActiveState": "failed", "ExecMainStatus": f"{ExitCode.HALTED:d}"}

        resume = (f"{PROJECT}/.venv/bin/python", f"{PROJECT}/scripts/resume_trading.py")
        host.run(*resume, *reason, user=USER)
        host.run("systemctl", "start", unit)
        assert running(host) == {"v2"}


def test_a_release_that_refuses_the_settings_is_never_switched_to(
    host: Host, tmp_path: Path
) -> None:
    pid = host.show(BEAR, "MainPID")
    archive = ship(host, tmp_path, "v2", refuses_the_settings)
    done = host.run(DEPLOY, "v2", "--from", archive, "--now", check=False)
    assert done.returncode == ExitCode.PREFLIGHT, done.stdout + done.stderr
    assert in_service(host) == "v1"
    assert host.show(BEAR, "MainPID") == pid


def make_wheel(folder: Path) -> Path:
    """A real wheel for pip; what it installs is a path to the packages that the host has anyway."""
    wheel = folder / "packages-1.0-py3-none-any.whl"
    mounted = f"{RELEASES}/venvs/{lock_id()}/lib/python3.12/site-packages"
    about = "packages-1.0.dist-info"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("packages.pth", f"{mounted}\n")
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: packages\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        rows = "".join(f"{name},,\n" for name in [*archive.namelist(), f"{about}/RECORD"])
        archive.writestr(f"{about}/RECORD", rows)
    return wheel


def test_packages_that_could_not_be_installed_are_installed_the_next_time(
    host: Host, tmp_path: Path
) -> None:
    # Only one daemon, so that it is quickly through.
    host.run("systemctl", "disable", "--now", UNITS["daily_trend"], UNITS["hourly_swing"])
    wheel = make_wheel(tmp_path)
    lock = f"packages==1.0 --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}\n"
    archive = ship(host, tmp_path, "v2", lambda source: write_lock(source, lock))
    host.run("mkdir", WHEELS)
    pid = host.show(BEAR, "MainPID")
    # Not the link in /usr/local: a virtual environment made from there does not find its library.
    python = ("--python", f"{PYTHON}/bin/python3.12")
    command = (DEPLOY, "v2", "--from", archive, "--wheels", WHEELS, *python, "--now")

    done = host.run(*command, check=False)
    assert done.returncode == ExitCode.UNAVAILABLE, done.stdout + done.stderr
    assert "packages cannot be installed" in done.stderr
    complete = {p.parent.name for p in host.path(f"{RELEASES}/venvs").glob("*/.complete")}
    assert complete == {lock_id()}
    assert not host.path(f"{RELEASES}/v2").exists()
    assert in_service(host) == "v1"
    assert host.show(BEAR, "MainPID") == pid

    shutil.copy(wheel, host.path(WHEELS))
    done = host.run(*command)
    assert in_service(host) == "v2"
    assert f"{BEAR}: trading" in done.stdout


def write_lock(source: Path, lock: str) -> None:
    (source / "requirements.txt").write_text(lock)


def test_five_releases_are_kept_and_a_changed_one_is_refused(host: Host, tmp_path: Path) -> None:
    # Only one daemon, so that it is quickly through.
    host.run("systemctl", "disable", "--now", UNITS["daily_trend"], UNITS["hourly_swing"])
    for age in range(1, 8):
        old = f"{RELEASES}/old{age}"
        host.run("mkdir", old)
        host.run("touch", "-d", f"-{age} days", old)
    archive = ship(host, tmp_path, "v2", nothing)
    host.run(DEPLOY, "v2", "--from", archive, "--now")
    kept = {p.name for p in host.path(RELEASES).iterdir() if p.is_dir() and p.name != "venvs"}
    assert {"v1", "v2"} <= kept
    assert len(kept - {"v1"}) in (4, 5)
    assert not {"old5", "old6", "old7"} & kept
    assert len(list(host.path(f"{RELEASES}/venvs").iterdir())) == 1
    host.run("sh", "-c", f"echo >> {RELEASES}/v2/magellan_core/daemon.py")
    done = host.run(DEPLOY, "v2", "--from", archive, "--now", check=False)
    assert done.returncode == ExitCode.CONFIG
    assert "was changed by hand" in done.stderr


def test_wrong_arguments_are_told(boot: Callable[..., Host]) -> None:
    host = boot(units=False)
    cases = {
        "": "name a release",
        "../evil --from /opt/x.tar.gz": "name a release",
        "--rollback": "no release to go back to",
        "v2 --frobnicate": "unknown argument",
        "v9": "has no release v9",
    }
    for arguments, words in cases.items():
        done = host.run(DEPLOY, *arguments.split(), check=False)
        assert done.returncode == ExitCode.USAGE, arguments
        assert words in done.stderr
