#!/usr/bin/env python3
"""What the dashboard costs: a look, the requests it makes of each account, and its memory.

The real script and its parts, against a paper exchange in another process, over journals of
`--sessions` days. `refresh_asking` are the looks at which the brokers are asked (every 15 s),
`refresh_between` the others; both draw the picture at 80x24. Requests are counted over five
minutes of looks every 5 s. Memory is that of the script on a terminal after `--seconds`.
"""

import argparse
import fcntl
import os
import pty
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.floor import bare_gets, percentiles, tell
from magellan_core.alpaca.deadline import DeadlineSession
from magellan_core.config import load
from magellan_core.lines import Event, Line, bar_data, line
from magellan_core.market_hours import at_new_york, sessions_between
from magellan_core.model import Bar
from magellan_core.operations.dashboard import dashboard
from magellan_core.operations.open_stations import open_stations, ready_file
from magellan_core.operations.snapshot import Lookout
from magellan_core.operations.stations import Station
from magellan_core.paper.synthetic import DEMO_FIRST
from magellan_core.store.journal import SqliteJournal

SCRIPT = str(ROOT / "scripts" / "monitor_dashboard.py")
CONFIGS = sorted((ROOT / "deployable_strategies").glob("*/aws_deployment/config.json"))
MORNING = at_new_york(DEMO_FIRST, 11)
EVERY, MINUTES = timedelta(seconds=5), 5
BAR_MINUTES = {"1Min": 1, "1Hour": 60, "1Day": 390}
TICKS = os.sysconf("SC_CLK_TCK")
PEAK = """
import rich.live, requests, sqlite3
print(next(row for row in open("/proc/self/status") if row.startswith("VmHWM")).split()[1])
"""


def lines(path: Path, sessions: int) -> Iterator[Event]:
    """A strategy's journal: per session a start of the day, and every bar."""
    config = load(path)
    step = timedelta(minutes=BAR_MINUTES[config.data_requirements.timeframe])
    numbers = {"rsi": "57.3", "waits for": "rsi > 60"}
    first = DEMO_FIRST - timedelta(days=sessions * 2)
    days = sessions_between(first, DEMO_FIRST - timedelta(days=1))[-sessions:]
    yield line(days[0].open, Line.START, None, version="bench")
    yield line(days[0].open, Line.LIVE)
    for day in days:
        start = {"session": day.date.isoformat(), "day_start": "100000"}
        yield line(day.open, Line.DAY, None, **start, since=day.open.isoformat())
        at = day.open
        while at < day.close:
            for symbol in config.symbols:
                bar = Bar(symbol, at, at + step, 10.0, 10.1, 9.9, 10.0, 1000.0)
                yield line(at + step, Line.BAR, symbol, **bar_data(bar), numbers=numbers, memory={})
            at += step


def write(state: Path, sessions: int) -> int:
    """The three journals; how many lines they have."""
    state.mkdir()
    count = 0
    for path in CONFIGS:
        journal = SqliteJournal(state / f"{load(path).name}.sqlite3")
        batch: list[Event] = []
        for event in lines(path, sessions):
            batch.append(event)
            if len(batch) == 20_000:
                journal.append(batch)
                count, batch = count + len(batch), []
        journal.append(batch)
        count += len(batch)
        journal.close()
    return count


@contextmanager
def exchange(folder: Path) -> Iterator[Path]:
    """A paper exchange in mid-session, time standing nearly still: its ready file."""
    ready = folder / "exchange.json"
    arguments = ["--synthetic", "--to", DEMO_FIRST.isoformat(), "--start", MORNING.isoformat()]
    script = str(ROOT / "scripts" / "paper_exchange.py")
    pace = ["--speed", "0.001", "--ready-file", str(ready), "--quiet", "--rate-limit", "100000"]
    process = subprocess.Popen([sys.executable, script, *arguments, *pace])
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError("the exchange did not start")
            time.sleep(0.05)
        yield ready
    finally:
        process.terminate()
        process.wait()


def looks(stations: list[Station]) -> dict[str, object]:
    """Refresh times and requests over five minutes of looks."""
    asked: Counter[str] = Counter()
    send = DeadlineSession.request

    def counted(self: DeadlineSession, *arguments: Any, **options: Any) -> Any:
        headers = {**self.headers, **(options.get("headers") or {})}
        asked[str(headers.get("APCA-API-KEY-ID"))] += 1
        return send(self, *arguments, **options)

    setattr(DeadlineSession, "request", counted)  # noqa: B010  # mypy minds the plain form
    lookout, console = Lookout(stations), Console(file=StringIO(), width=80)
    took: dict[bool, list[float]] = {True: [], False: []}
    begun = time.perf_counter()
    lookout.take(MORNING)
    # The first minute has the first look in it, which reads all orders and asks for tradability.
    first, now = time.perf_counter() - begun, MORNING
    minutes: list[int] = []
    before: Counter[str] = Counter()
    for _ in range(MINUTES):
        for _ in range(timedelta(minutes=1) // EVERY):
            now += EVERY
            already, begun = asked.total(), time.perf_counter()
            console.print(dashboard(lookout.take(now), 80, 23))
            took[asked.total() > already].append(time.perf_counter() - begun)
        minutes.append(max((asked - before).values(), default=0))
        before = Counter(asked)
    setattr(DeadlineSession, "request", send)  # noqa: B010  # as above
    return {
        "first_look_ms": round(first * 1000, 1),
        "refresh_asking": percentiles(took[True]),
        "refresh_between": percentiles(took[False]),
        "requests_in_the_worst_minute_of_an_account": max(minutes),
        "requests_a_minute_of_an_account": statistics.mean(minutes),
    }


def on_a_terminal(ready: Path, state: Path, seconds: float) -> dict[str, object]:
    """Memory and processor time of the script as an operator leaves it open."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, SCRIPT, "--exchange-file", str(ready), "--state-dir", str(state)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    threading.Thread(target=drain, args=(ours,), daemon=True).start()
    time.sleep(seconds / 2)
    busy = cpu_seconds(process.pid)
    time.sleep(seconds / 2)
    spent = cpu_seconds(process.pid) - busy
    status = Path(f"/proc/{process.pid}/status").read_text()
    told = {row.split(":")[0]: row.split()[1] for row in status.splitlines() if row[:2] == "Vm"}
    os.write(ours, b"q")
    process.wait(20)
    return {
        "rss_mb": round(int(told["VmRSS"]) / 1024, 1),
        "peak_rss_mb": round(int(told["VmHWM"]) / 1024, 1),
        "cpu_percent": round(100 * spent / (seconds / 2), 2),
    }


def drain(terminal: int) -> None:
    """Read what is drawn, as a terminal does."""
    while True:
        try:
            if not os.read(terminal, 65536):
                return
        except OSError:
            return


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def once(ready: Path, state: Path, runs: int) -> dict[str, float]:
    """The script with --once, from start to end."""
    command = [sys.executable, SCRIPT, "--once", "--exchange-file", str(ready)]
    took = []
    for _ in range(runs):
        begun = time.perf_counter()
        where = ["--state-dir", str(state)]
        subprocess.run([*command, *where], check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - begun)
    return percentiles(took)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = write(folder / "state", asked.sessions)
        with exchange(folder) as ready:
            told = ready_file(ready)
            configs = {load(path).name: path for path in CONFIGS}
            stations = open_stations(configs, told.base_url, told.keys, folder / "state")
            figures: dict[str, object] = {
                "journal_lines": written,
                **looks(stations),
                "once": once(ready, folder / "state", asked.runs),
                "on_a_terminal": on_a_terminal(ready, folder / "state", asked.seconds),
                "floor_bare_get_ms": round(
                    statistics.median(bare_gets(told.base_url, "/v2/clock", 200)) * 1000, 3
                ),
            }
        bare = subprocess.run([sys.executable, "-c", PEAK], check=True, capture_output=True)
        figures["floor_rich_and_requests_rss_mb"] = round(int(bare.stdout) / 1024, 1)
    sys.stdout.write(tell(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
