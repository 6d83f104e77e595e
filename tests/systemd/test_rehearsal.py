"""From an empty instance to three trading daemons, as the user data does it, timed by its log."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode
from tests.systemd.host import Host
from tests.systemd.installation import (
    HOME,
    PROJECT,
    RELEASES,
    UID,
    UNITS,
    Exchange,
    copy_project,
    lock_id,
    release_binds,
)

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(180)]


@pytest.fixture
def empty(layer: Path, tmp_path: Path) -> Path:
    """User and interpreter; of Magellan only the packages, which a test cannot fetch again."""
    own = tmp_path / "layer"
    subprocess.run(["cp", "-a", str(layer), str(own)], check=True)
    shutil.rmtree(own / PROJECT[1:])
    venv = own / RELEASES[1:] / "venvs" / lock_id()
    venv.parent.mkdir(parents=True)
    subprocess.run(["cp", "-a", str(layer / PROJECT[1:] / ".venv"), str(venv)], check=True)
    (venv / ".complete").touch()
    subprocess.run(["chown", "-R", f"{UID}:{UID}", str(own / HOME[1:])], check=True)
    return own


def test_from_an_empty_instance_to_three_trading_daemons(
    empty: Path, tmp_path: Path, exchange: Exchange
) -> None:
    source, archive = tmp_path / "source", tmp_path / "release.tar.gz"
    copy_project(source)
    subprocess.run(["tar", "-czf", str(archive), "-C", str(source), "."], check=True)
    with Host(tmp_path / "host", empty, release_binds()) as host:
        for strategy, unit in UNITS.items():
            host.write(f"/etc/magellan/{unit}.env", exchange.environment(strategy))
        where = f"{tempfile.gettempdir()}/release"
        host.run("mkdir", where)
        shutil.copy(archive, host.path("/opt/release.tar.gz"))
        host.run("tar", "-xzf", "/opt/release.tar.gz", "-C", where)
        done = host.run(f"{where}/deploy/bootstrap.sh", "v1", "/opt/release.tar.gz")
        steps = re.findall(r"\[ *([0-9.]+) s\] (.*)", done.stdout)
        assert [words.split(":")[0] for _, words in steps] == [
            *("packages", "user ec2-user", "release v1", "settings and services"),
            *UNITS.values(),
        ]
        # The checklist promises forty minutes; packages from a network are not in this figure.
        assert float(steps[-1][0]) < 120
        for unit in UNITS.values():
            told = host.show(unit, "ActiveState", "UnitFileState")
            assert told == {"ActiveState": "active", "UnitFileState": "enabled"}
        assert host.run("readlink", PROJECT).stdout.strip() == f"{RELEASES}/v1"
        again = host.run(f"{where}/deploy/bootstrap.sh", "v1", "/opt/release.tar.gz")
        assert "v1 is built already" in again.stdout


FAKE_AWS = """#!/bin/bash
echo "$*" >> "$FAKE_AWS_LOG"
case "$*" in
  *send-command*) echo 11112222 ;;
  *"--query Status "*)
    if [[ -e $FAKE_AWS_LOG.asked ]]; then echo Failed; else echo InProgress; fi
    touch "$FAKE_AWS_LOG.asked" ;;
  *ResponseCode*) echo 79 ;;
  *StandardOutput*) echo "FAIL  bear_trap" ;;
  *StandardError*) echo "deploy: v2 is not put into service" ;;
esac
"""


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (
            ["i-0abc", "v2", "s3://releases/v2.tar.gz", "--now"],
            "aws s3 cp --quiet s3://releases/v2.tar.gz /var/tmp/magellan-release.tar.gz && "
            f"{PROJECT}/scripts/deploy.sh v2 --from /var/tmp/magellan-release.tar.gz --now",
        ),
        (["i-0abc", "--rollback"], f"{PROJECT}/scripts/deploy.sh --rollback "),
    ],
)
def test_a_deployment_over_ssm_waits_and_passes_the_exit_code_on(
    tmp_path: Path, arguments: list[str], command: str
) -> None:
    log = tmp_path / "log"
    put_aws(tmp_path, FAKE_AWS)
    done = over_ssm(tmp_path, arguments, log)
    assert done.returncode == 79
    assert "FAIL  bear_trap" in done.stdout
    assert "not put into service" in done.stderr
    assert f'"commands":["{command}"]' in log.read_text()
    assert "--instance-ids i-0abc" in log.read_text()


DENIED = "An error occurred (AccessDeniedException): not authorized: ssm:GetCommandInvocation"
UNKNOWN_YET = "An error occurred (InvocationDoesNotExist) when calling GetCommandInvocation: "
NEVER_KNOWN = """#!/bin/bash
echo "$*" >> "$FAKE_AWS_LOG"
case "$*" in
  *send-command*) echo 11112222 ;;
  *) echo; echo "$FAKE_AWS_FAULT" >&2; exit 254 ;;
esac
"""
KNOWN_AT_THE_THIRD_POLL = """#!/bin/bash
echo "$*" >> "$FAKE_AWS_LOG"
case "$*" in
  *send-command*) echo 11112222 ;;
  *"--query Status "*)
    polls=$(grep -c "query Status" "$FAKE_AWS_LOG")
    if (( polls < 3 )); then echo "$FAKE_AWS_FAULT" >&2; exit 254; fi
    echo "a warning of the command line" >&2; echo Success ;;
  *ResponseCode*) echo 0 ;;
esac
"""


@pytest.mark.parametrize(
    ("fault", "limit", "words", "polls"),
    [
        (DENIED, "3000", "not authorized: ssm:GetCommandInvocation", {1}),
        (UNKNOWN_YET, "1", "no end within", set(range(2, 40))),
    ],
)
def test_a_deployment_over_ssm_whose_end_cannot_be_seen_says_so(
    tmp_path: Path, fault: str, limit: str, words: str, polls: set[int]
) -> None:
    log = tmp_path / "log"
    put_aws(tmp_path, NEVER_KNOWN)
    done = over_ssm(tmp_path, ["i-0abc", "--rollback"], log, fault=fault, limit=limit)
    assert done.returncode == ExitCode.UNAVAILABLE
    assert words in done.stderr
    assert "command 11112222 on i-0abc may be running yet" in done.stderr
    assert log.read_text().count("query Status") in polls


def test_a_command_is_known_a_moment_after_it_was_sent(tmp_path: Path) -> None:
    put_aws(tmp_path, KNOWN_AT_THE_THIRD_POLL)
    done = over_ssm(tmp_path, ["i-0abc", "--rollback"], tmp_path / "log", fault=UNKNOWN_YET)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Success, exit code 0" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["web-server", "v2", "s3://releases/v2.tar.gz"],
        ["i-0abc", "v2; reboot", "s3://releases/v2.tar.gz"],
        ["i-0abc", "v2", 's3://releases/$(reboot)"'],
        ["i-0abc", "v2", "s3://releases/v2.tar.gz", "--force"],
        ["i-0abc"],
    ],
)
def test_nothing_strange_is_sent_over_ssm(tmp_path: Path, arguments: list[str]) -> None:
    log = tmp_path / "log"
    assert over_ssm(tmp_path, arguments, log).returncode == 64
    assert not log.exists()


def put_aws(folder: Path, script: str) -> None:
    (folder / "aws").write_text(script)
    (folder / "aws").chmod(0o755)


def over_ssm(
    tmp_path: Path, arguments: list[str], log: Path, *, fault: str = "", limit: str = "3000"
) -> "subprocess.CompletedProcess[str]":
    script = Path(__file__).parents[2] / "deploy" / "deploy_over_ssm.sh"
    return subprocess.run(
        [str(script), *arguments],
        env={
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "FAKE_AWS_LOG": str(log),
            "FAKE_AWS_FAULT": fault,
            "MAGELLAN_POLL_SECONDS": "0.1",
            "MAGELLAN_SSM_LIMIT": limit,
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
