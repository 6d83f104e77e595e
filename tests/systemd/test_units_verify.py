"""The units as text: systemd reads them without a complaint, and they say what errors.py means."""

import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode

ROOT = Path(__file__).parents[2]
DEPLOYED = ROOT / "deployable_strategies"
ALERT = ROOT / "deploy" / "magellan-alert@.service"
UNITS = {
    "bear_trap": "magellan-bear-trap",
    "daily_trend_hysteresis": "magellan-daily-trend",
    "hourly_swing": "magellan-hourly-swing",
}
# What run_strategy.py calls its strategy, hence the names of its config, journal and lock.
NAMES = {
    "bear_trap": "bear_trap",
    "daily_trend_hysteresis": "daily_trend",
    "hourly_swing": "hourly_swing",
}

# Every exit code is in exactly one of these: a new code must be placed by whoever adds it.
NEEDS_A_PERSON = {
    ExitCode.USAGE,
    ExitCode.CONFIG_MISSING,
    ExitCode.UNKNOWN_SYMBOL,
    ExitCode.PYTHON_TOO_OLD,
    ExitCode.JOURNAL,
    ExitCode.HALTED,
    ExitCode.CREDENTIALS,
    ExitCode.CONFIG,
}
MENDED_BY_RESTART = {ExitCode.CRASH, ExitCode.UNAVAILABLE, ExitCode.ALREADY_RUNNING, ExitCode.CLOCK}
NEVER_A_DAEMON = {
    ExitCode.OK,
    ExitCode.DATA,
    ExitCode.NOT_RECONCILED,
    ExitCode.PORT_IN_USE,
    ExitCode.NOT_FLAT,
    ExitCode.PREFLIGHT,
}

ANALYZE = shutil.which("systemd-analyze")
needs_systemd_analyze = pytest.mark.skipif(
    ANALYZE is None, reason="systemd-analyze is not installed"
)


def unit_path(folder: str) -> Path:
    return DEPLOYED / folder / "aws_deployment" / f"{UNITS[folder]}.service"


def directives(text: str) -> dict[str, list[str]]:
    """Every assignment of a unit, in order; an option may be given several times."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in text.replace("\\\n", " ").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found[key].append(value)
    return found


def copies(folder: Path, *, spoil: tuple[str, str] | None = None) -> list[str]:
    """The units as installed, with an interpreter that exists on this machine."""
    for name in UNITS:
        text = unit_path(name).read_text()
        text = text.replace("/home/ec2-user/magellan/.venv/bin/python", sys.executable)
        if spoil:
            assert spoil[0] in text
            text = text.replace(*spoil)
        (folder / unit_path(name).name).write_text(text)
    shutil.copy(ALERT, folder)
    return [str(folder / unit_path(name).name) for name in UNITS]


def verify(paths: list[str]) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run(
        [ANALYZE, "verify", "--man=no", *paths], capture_output=True, text=True, check=False
    )


@needs_systemd_analyze
def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    answer = verify(copies(tmp_path))
    assert (answer.stderr, answer.returncode) == ("", 0)


@needs_systemd_analyze
@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("WatchdogSec=180", "WatchDogSec=180"),
        ("KillMode=mixed", "KillMode=gently"),
        ("RestartPreventExitStatus=64", "RestartPreventExitStatus=HALTED"),
        ("SystemCallFilter=@system-service", "SystemCallFilter=@no-such-group"),
    ],
)
def test_systemd_would_complain_about_a_mistake(tmp_path: Path, good: str, bad: str) -> None:
    assert verify(copies(tmp_path, spoil=(good, bad))).stderr != ""


@needs_systemd_analyze
@pytest.mark.parametrize("folder", UNITS)
def test_the_sandbox_stays_as_tight_as_a_networked_daemon_allows(folder: str) -> None:
    assert ANALYZE is not None
    # The score runs from 0 (tight) to 100 (open); what remains is the network and a fixed user.
    answer = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--threshold=15", str(unit_path(folder))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-200:]


@pytest.mark.parametrize("folder", UNITS)
@pytest.mark.parametrize(
    ("directive", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("User", "ec2-user"),
        ("WorkingDirectory", "/home/ec2-user/magellan"),
        ("Restart", "on-failure"),
        ("KillMode", "mixed"),
        ("StateDirectory", "magellan"),
        ("StateDirectoryMode", "0700"),
        ("UMask", "0077"),
        ("OnFailure", "magellan-alert@%n.service"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "tmpfs"),
        (
            "BindReadOnlyPaths",
            "/home/ec2-user/magellan -/home/ec2-user/magellan-releases/venvs",
        ),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("WantedBy", "multi-user.target"),
    ],
)
def test_each_unit_says(folder: str, directive: str, value: str) -> None:
    assert directives(unit_path(folder).read_text())[directive] == [value]


@pytest.mark.parametrize("folder", UNITS)
def test_each_unit_starts_the_script_of_its_own_strategy(folder: str) -> None:
    unit = directives(unit_path(folder).read_text())
    python, script = unit["ExecStart"][0].split(" ")
    assert python == "/home/ec2-user/magellan/.venv/bin/python"
    assert script == f"deployable_strategies/{folder}/aws_deployment/run_strategy.py"
    assert unit["SyslogIdentifier"] == [UNITS[folder]]


@pytest.mark.parametrize("folder", UNITS)
def test_a_reload_checks_the_file_before_the_daemon_is_told(folder: str) -> None:
    unit = directives(unit_path(folder).read_text())
    assert unit["ExecReload"] == [f"{unit['ExecStart'][0]} --check", "/bin/kill -HUP $MAINPID"]


@pytest.mark.parametrize("folder", UNITS)
def test_no_restart_after_what_only_a_person_can_mend(folder: str) -> None:
    listed = directives(unit_path(folder).read_text())["RestartPreventExitStatus"]
    assert {int(code) for code in listed[0].split()} == {int(code) for code in NEEDS_A_PERSON}


def test_every_exit_code_is_either_mended_by_a_restart_or_by_a_person() -> None:
    groups = (NEEDS_A_PERSON, MENDED_BY_RESTART, NEVER_A_DAEMON)
    assert sorted(code for group in groups for code in group) == sorted(ExitCode)


@pytest.mark.parametrize("folder", UNITS)
def test_each_unit_names_the_config_that_its_daemon_looks_for(folder: str) -> None:
    name = NAMES[folder]
    assert f" /etc/magellan/{name}.json " in unit_path(folder).read_text()
    script = (DEPLOYED / folder / "aws_deployment" / "run_strategy.py").read_text()
    assert f'main("{name}"' in script


@pytest.mark.parametrize("folder", UNITS)
def test_a_halt_is_never_taken_for_success(folder: str) -> None:
    assert "SuccessExitStatus" not in directives(unit_path(folder).read_text())


def test_the_units_differ_in_names_only() -> None:
    titles = {
        "bear_trap": "Bear Trap",
        "daily_trend_hysteresis": "Daily Trend Hysteresis",
        "hourly_swing": "Hourly Swing",
    }
    texts = set()
    for folder, title in titles.items():
        text = unit_path(folder).read_text()
        text = text.replace(UNITS[folder], "UNIT").replace(title, "TITLE")
        config = f"{NAMES[folder]}.json"
        texts.add(text.replace(config, "NAME.json").replace(folder, "FOLDER"))
    assert len(texts) == 1


def alert_line(exit_status: str) -> str:
    """What the alert unit's shell command prints, with systemd's part of the work done here."""
    (command,) = directives(ALERT.read_text())["ExecStart"]
    shell, flag, script = command.split(" ", 2)
    # Every variable must be left to the shell: systemd would expand ${NAME} and lone words.
    assert "${" not in script
    script = script.strip("'").replace("%i", "magellan-x.service")
    answer = subprocess.run(
        [shell, flag, script],
        env={
            "MONITOR_SERVICE_RESULT": "exit-code",
            "MONITOR_EXIT_CODE": "exited",
            "MONITOR_EXIT_STATUS": exit_status,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stderr == ""
    return answer.stdout


@pytest.mark.parametrize("code", sorted(NEEDS_A_PERSON))
def test_the_alert_has_a_remedy_for_every_code_that_needs_a_person(code: ExitCode) -> None:
    line = alert_line(str(int(code)))
    assert line.startswith(f"<2>magellan-x.service failed (exit-code, exited {int(code)}): ")
    assert line.count("\n") == 1
    assert "crashed too often" not in line
    assert ("nobody attends its positions" in line) == (code is not ExitCode.HALTED)


def test_the_alert_for_a_crash_loop_points_to_the_log() -> None:
    assert "it crashed too often or hung: see the log" in alert_line("1")
