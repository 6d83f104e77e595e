"""How long the services take under a real systemd: start, crash, hang, deployment, rollback.

    sudo python benchmarks/services.py      JSON on standard output; needs root, see tests/systemd

Three daemons with the units as shipped, except for the watchdog's patience (3 s instead of 180 s).
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.systemd.host import Host, obstacle, until
from tests.systemd.installation import (
    PROJECT,
    UNITS,
    Exchange,
    as_release,
    copy_project,
    drop_in,
    make_layer,
    open_exchange,
    release_binds,
)

BEAR = UNITS["bear_trap"]
WATCHDOG = 3.0


def seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return round(time.monotonic() - began, 2)


def back(host: Host, pid: str) -> None:
    """Until another process than that is ready."""
    until(lambda: new_process(host, pid), 60, host.journal)


def new_process(host: Host, pid: str) -> bool:
    told = host.show(BEAR, "MainPID", "ActiveState")
    return told["ActiveState"] == "active" and told["MainPID"] != pid


def kill(host: Host, signal: str) -> float:
    pid = host.show(BEAR, "MainPID")["MainPID"]
    host.run("kill", f"-{signal}", pid)
    return seconds(lambda: back(host, pid))


def pss(host: Host, unit: str) -> float:
    pid = host.show(unit, "MainPID")["MainPID"]
    found = re.search(r"^Pss: +(\d+)", host.path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    return round(int(found[1]) / 1024, 1) if found else 0.0


def exposure(host: Host, unit: str) -> float:
    told = host.run("systemd-analyze", "security", "--no-pager", unit).stdout
    return float(told.split("Overall exposure level for")[1].split(":")[1].split()[0])


def measure(host: Host, exchange: Exchange, archive: Path) -> dict[str, object]:
    for strategy, unit in UNITS.items():
        host.write(
            f"/etc/magellan/{unit}.env",
            exchange.environment(strategy, MAGELLAN_PATROL_SECONDS="30"),
        )
    install = f"{PROJECT}/scripts/install_services.sh"
    told: dict[str, object] = {"boot": round(host.booted_in, 2)}
    told["install"] = seconds(lambda: host.run(install, "--root", PROJECT))
    told["exposure"] = {unit: exposure(host, unit) for unit in UNITS.values()}
    host.run("systemctl", "stop", *UNITS.values())
    told["start_to_ready"] = seconds(lambda: host.run("systemctl", "start", BEAR))
    told["three_started_at_once"] = seconds(lambda: host.run("systemctl", "start", *UNITS.values()))
    told["pss_mb"] = {unit: pss(host, unit) for unit in UNITS.values()}
    told["kill_9_to_ready"] = kill(host, "KILL")
    drop_in(host, BEAR, WatchdogSec=f"{WATCHDOG:g}s")
    host.run("systemctl", "restart", BEAR)
    told["hang_to_ready"] = kill(host, "STOP")
    host.run("cp", str(archive), "/opt/v2.tar.gz")
    deploy = f"{PROJECT}/scripts/deploy.sh"
    told["deploy"] = seconds(
        lambda: host.run(deploy, "v2", "--from", "/opt/v2.tar.gz", "--now", seconds=300)
    )
    told["rollback"] = seconds(lambda: host.run(deploy, "--rollback", "--now", seconds=300))
    told["stop"] = seconds(lambda: host.run("systemctl", "stop", *UNITS.values()))
    return told


def main() -> None:
    why = obstacle()
    if why is not None:
        sys.exit(f"no systemd host: {why}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        layer = as_release(make_layer(folder / "layer"), folder / "release")
        copy_project(folder / "v2")
        archive = layer / "opt" / "release.tar.gz"
        archive.parent.mkdir(exist_ok=True)
        subprocess.run(["tar", "-czf", str(archive), "-C", str(folder / "v2"), "."], check=True)
        pace = ("--speed", "60", "--start", "2025-11-25T09:40-05:00")
        with (
            open_exchange(folder / "exchange", *pace) as exchange,
            Host(folder / "host", layer, release_binds()) as host,
        ):
            told = measure(host, exchange, Path("/opt/release.tar.gz"))
    sys.stdout.write(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
