"""What three daemons cost a small machine: memory, start, idle processor time, leaks, and days.

    python benchmarks/footprint.py [--days 20] [--out footprint.json]

Memory is the resident set size (RSS) and the proportional one (PSS): pages that processes share are
divided among them. The daemons trade the made-up market in stepped time over HTTP; "idle" is
measured in the exchange's real time. The floor of imports is an interpreter that imports nothing.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.floor import tell
from magellan_core.market_hours import sessions_between
from magellan_core.operations.children import Children, Unit, read_unit
from magellan_core.operations.demo import UNITS
from magellan_core.paper.clock import ExchangeClock

FIRST = date(2025, 11, 25)
IMPORT = """
import time
began, busy = time.perf_counter(), time.process_time()
import magellan_core.daemon
print(time.perf_counter() - began, time.process_time() - busy)
"""
TICKS = os.sysconf("SC_CLK_TCK")
AFTER_CLOSE = timedelta(minutes=30)
# Days until caches are warm: what grows after them is a leak.
WARM = 3


@dataclass(frozen=True)
class Place:
    """An exchange with three accounts, and the units of those who trade there."""

    url: str
    accounts: dict[str, dict[str, str]]
    children: Children
    folder: Path

    def start(self, unit: Unit, notify: str = "", **more: str) -> subprocess.Popen[bytes]:
        account = self.accounts[unit.strategy]
        environ = {
            "APCA_API_BASE_URL": self.url,
            "APCA_API_KEY_ID": account["key"],
            "APCA_API_SECRET_KEY": account["secret"],
            "MAGELLAN_CLOCK": "exchange",
            "MAGELLAN_CONFIG": str(unit.config),
            "MAGELLAN_STATE_DIR": str(self.folder / "state"),
            "MALLOC_ARENA_MAX": "2",
            "NOTIFY_SOCKET": notify,
            **more,
        }
        return self.children.start(unit.strategy, unit.arguments, environ, self.folder / "log")


@contextmanager
def exchange(folder: Path, last: date, *pace: str) -> Iterator[Place]:
    """Open it; whatever was started there has ended afterwards."""
    folder.mkdir()
    ready = folder / "exchange.json"
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("APCA", "MAGELLAN"))}
    with Children(ROOT, clean) as children:
        children.start(
            "exchange",
            [
                *(
                    "scripts/paper_exchange.py",
                    "--synthetic",
                    "--quiet",
                    "--ready-file",
                    str(ready),
                ),
                *("--from", FIRST.isoformat(), "--to", last.isoformat(), "--port", "0", *pace),
            ],
            {},
            folder / "exchange.log",
        )
        while not ready.exists():
            time.sleep(0.05)
        told = json.loads(ready.read_text())
        accounts = {account["strategy"]: account for account in told["accounts"]}
        yield Place(f"http://127.0.0.1:{told['port']}", accounts, children, folder)


def units() -> list[Unit]:
    deployed = ROOT / "deployable_strategies"
    return [
        read_unit(deployed / folder / "aws_deployment" / unit, name)
        for name, (folder, unit) in UNITS.items()
    ]


def memory(pid: int, kind: str) -> float:
    """Megabytes of that kind: "Pss" or "Rss"."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(rf"^{kind}: +(\d+) kB", told, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def pss(pid: int) -> float:
    """Megabytes."""
    return memory(pid, "Pss")


def cpu(pid: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def import_seconds(times: int) -> tuple[float, float]:
    """Medians of importing a daemon's modules in a fresh interpreter: wall and processor time.

    On a machine with other work only the second means something.
    """
    taken = [
        subprocess.run(
            [sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(times)
    ]
    walls, busy = zip(*taken, strict=True)
    return statistics.median(map(float, walls)), statistics.median(map(float, busy))


def ready_seconds(place: Place, unit: Unit) -> float:
    """From exec to READY=1."""
    path = str(place.folder / f"{unit.strategy}.notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(60)
        began = time.perf_counter()
        # The loop's interval, which stepped time would only be slowed down by.
        place.start(unit, path, MAGELLAN_PATROL_SECONDS="10")
        while b"READY=1" not in listener.recv(4096):
            pass
        return time.perf_counter() - began


def idle(folder: Path, seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """(start to READY, share of one core) by strategy, in a session at the clock's own pace."""
    with exchange(folder, FIRST, "--speed", "1", "--start", "2025-11-25T12:00:20-05:00") as place:
        ready = {unit.strategy: ready_seconds(place, unit) for unit in units()}
        time.sleep(5)
        pids = {name: place.children.running[name].pid for name in ready}
        before, began = {name: cpu(pid) for name, pid in pids.items()}, time.perf_counter()
        time.sleep(seconds)
        took = time.perf_counter() - began
        return ready, {name: (cpu(pid) - before[name]) / took for name, pid in pids.items()}


def bare_python(times: int) -> float:
    """Median of starting an interpreter that imports nothing."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", ""], cwd=ROOT, check=True)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


@dataclass(frozen=True, slots=True)
class Days:
    """Megabytes of each daemon half an hour after each close, and what each day took in seconds."""

    pss: dict[str, list[float]]
    rss: dict[str, list[float]]
    seconds: list[float]


def days(folder: Path, count: int) -> Days:
    """Three daemons over HTTP, day after day."""
    sessions = sessions_between(FIRST, FIRST + timedelta(days=2 * count + 10))[:count]
    found = Days({name: [] for name in UNITS}, {name: [] for name in UNITS}, [])
    with exchange(folder, sessions[-1].date, "--step", "--watchdog", "300") as place:
        for unit in units():
            place.start(unit)
        clock = ExchangeClock(place.url, "conductor")
        for session in sessions:
            began = time.perf_counter()
            _wait(clock, session.close + AFTER_CLOSE)
            found.seconds.append(round(time.perf_counter() - began, 2))
            for name in UNITS:
                pid = place.children.running[name].pid
                found.pss[name].append(round(memory(pid, "Pss"), 1))
                found.rss[name].append(round(memory(pid, "Rss"), 1))
    return found


def _wait(clock: ExchangeClock, until: datetime) -> None:
    clock.wait(until, wake_on_update=False)


def slope(values: Sequence[float]) -> float:
    """Growth per day, by least squares; 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    return statistics.linear_regression(range(len(values)), values).slope


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--idle-seconds", type=float, default=30.0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ready, share = idle(Path(folder, "idle"), asked.idle_seconds)
        lived = days(Path(folder, "days"), asked.days)
    wall, busy = import_seconds(5)
    told: dict[str, object] = {
        "import_seconds": round(wall, 3),
        "import_cpu_seconds": round(busy, 3),
        "start_to_ready_seconds": {name: round(s, 2) for name, s in ready.items()},
        "idle_cpu_percent": {name: round(100 * s, 2) for name, s in share.items()},
        "pss_mb_after_one_day": {name: rows[0] for name, rows in lived.pss.items()},
        "pss_mb_after_one_day_together": round(sum(rows[0] for rows in lived.pss.values()), 1),
        "pss_mb_by_day": lived.pss,
        "rss_mb_by_day": lived.rss,
        "growth_mb_a_day": {n: round(slope(rows[WARM:]), 3) for n, rows in lived.pss.items()},
        "seconds_a_day": lived.seconds,
        "median_seconds_a_day": statistics.median(lived.seconds),
        "floor_bare_python_seconds": round(bare_python(5), 3),
    }
    text = tell(told)
    sys.stdout.write(text)
    if asked.out is not None:
        asked.out.write_text(text)


if __name__ == "__main__":
    main()
