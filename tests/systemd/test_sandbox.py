"""The units' sandbox by its effect: a probe in a daemon's place tries what it must not do."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.systemd.host import Host
from tests.systemd.installation import PROJECT, UNITS

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(120)]
TEMPORARY = tempfile.gettempdir()
DENIED = "Operation not permitted"
READ_ONLY = "Read-only file system"
EXPECTED: dict[str, object] = {
    "write /etc": READ_ONLY,
    "write /usr": READ_ONLY,
    "write /var": READ_ONLY,
    "write the code": READ_ONLY,
    "write the state": "done",
    "homes": ["ec2-user"],
    "home": ["magellan"],
    "/root": [],
    "temporary files": [],
    "processes of others": [],
    "/proc/meminfo": False,
    "capabilities": True,
    "new privileges": "1",
    "set clock": DENIED,
    "set host name": DENIED,
    "kernel log": DENIED,
    "new namespace": DENIED,
    "personality": DENIED,
    "real-time": DENIED,
    "set-user-id bit": DENIED,
    "writable code pages": DENIED,
    "packet socket": "Address family not supported by protocol",
    "netlink socket": "Address family not supported by protocol",
    "internet socket": "done",
    "mount": DENIED,
    "kernel settings": "No such file or directory",
    "control groups": READ_ONLY,
    "core size": 0,
    "files": 4096,
    "umask": 0o77,
}


@pytest.mark.parametrize("unit", UNITS.values())
def test_a_daemon_can_do_what_it_must_and_nothing_else(
    boot: Callable[..., Host], unit: str
) -> None:
    host = boot()
    host.run("touch", "/root/of-others", f"{TEMPORARY}/of-others")
    host.write("/opt/probe.py", Path(__file__).with_name("probe.py").read_text())
    host.write(
        f"/etc/systemd/system/{unit}.service.d/probe.conf",
        "[Service]\nType=oneshot\nRestart=no\nExecStart=\n"
        f"ExecStart={PROJECT}/.venv/bin/python /opt/probe.py {PROJECT}\n",
    )
    host.run("systemctl", "daemon-reload")
    done = host.run("systemctl", "start", unit, check=False)
    assert done.returncode == 0, host.journal("-u", unit)
    told: dict[str, Any] = json.loads(host.path("/var/lib/magellan/probe.json").read_text())
    assert {name: told[name] for name in EXPECTED} == EXPECTED
    assert told["raise priority"] in (DENIED, "Permission denied")
    assert told["kill a stranger"] in (DENIED, "No such process")
    assert not {"sda", "vda", "kmsg", "mem", "console"} & set(told["devices"])
    # The same attempts outside the sandbox succeed, so that refusals prove the directives.
    free = host.run(
        "env", "STATE_DIRECTORY=/opt", f"{PROJECT}/.venv/bin/python", "/opt/probe.py", PROJECT
    )
    assert free.returncode == 0
    outside = json.loads(host.path("/opt/probe.json").read_text())
    for name in ("write /etc", "write /usr", "write /var", "write the code", "new namespace"):
        assert outside[name] == "done", name
    assert "of-others" in outside["temporary files"]
    assert "of-others" in outside["/root"]
    for name in ("set-user-id bit", "writable code pages", "netlink socket", "personality"):
        assert outside[name] == "done", name


@pytest.mark.parametrize("unit", UNITS.values())
def test_the_running_system_scores_the_exposure(boot: Callable[..., Host], unit: str) -> None:
    host = boot()
    told = host.run("systemd-analyze", "security", "--no-pager", "--threshold=15", unit)
    score = float(told.stdout.split("Overall exposure level for")[1].split(":")[1].split()[0])
    assert score <= 1.5
