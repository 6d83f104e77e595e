#!/usr/bin/env python3
"""Show what the strategies do: accounts, positions, orders, and why nothing trades.

Reads only: the broker by REST at most 20 times a minute and account, the journals at every look.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser
from magellan_core.config import load
from magellan_core.errors import ExitCode, MagellanError, Unavailable, UsageError
from magellan_core.operations.dashboard import dashboard
from magellan_core.operations.drawing import html, svg
from magellan_core.operations.keyboard import Keyboard
from magellan_core.operations.looks import Snapshot
from magellan_core.operations.open_stations import (
    chosen,
    exchange_now,
    open_accounts,
    open_stations,
    ready_file,
)
from magellan_core.operations.snapshot import Lookout
from magellan_core.operations.snapshot_json import as_json
from magellan_core.operations.stations import Station
from magellan_core.operations.watch import Watch

SHIPPED = sorted(ROOT.glob("deployable_strategies/*/aws_deployment/config.json"))
FASTEST = 0.2
NARROWEST = 60
EPILOG = """\
examples:
  all strategies of this machine, until Ctrl-C:
    scripts/monitor_dashboard.py
  one look, for a person or for a program:
    scripts/monitor_dashboard.py --once
    scripts/monitor_dashboard.py --json | python3 -m json.tool
  a picture to send or to keep:
    scripts/monitor_dashboard.py --svg dashboard.svg --html dashboard.html
  a demonstration under way (make demo SPEED=60):
    scripts/monitor_dashboard.py --exchange-file var/demo/exchange.json

Keys: q ends it, p pauses it and goes on, n shows the next strategy alone, a shows all again.

Configs are /etc/magellan/<strategy>.json where installed, else those shipped with the code. Keys
come from where the daemons take them; APCA_API_KEY_ID and APCA_API_SECRET_KEY open one account, so
they are used with --strategy only.

exit codes: 0 ended as asked, 64 wrong arguments, 66 or 78 a configuration is missing or wrong;
with --once or --json, when no account could be read: 77 keys missing or refused, 69 otherwise.
"""

Now = Callable[[], datetime]


def options(arguments: list[str]) -> argparse.Namespace:
    parser = Parser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--once", action="store_true", help="one look, in full, then end")
    parser.add_argument("--json", action="store_true", help="one look as a JSON object, then end")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="one look as a picture, then end")
    parser.add_argument("--html", type=Path, metavar="FILE", help="one look as a page, then end")
    parser.add_argument(
        "--width", type=int, default=140, metavar="N", help="of --svg and --html (default: 140)"
    )
    parser.add_argument(
        "--interval", type=float, default=5.0, metavar="SECONDS", help="between looks (default: 5)"
    )
    parser.add_argument("--strategy", metavar="NAME", help="this one only")
    parser.add_argument(
        "--exchange-file", type=Path, metavar="FILE", help="a paper exchange's ready file"
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        metavar="DIR",
        help="where the journals are (default: as the daemons; `state` beside --exchange-file)",
    )
    asked = parser.parse_args(arguments)
    if not asked.interval >= FASTEST:
        raise UsageError(f"--interval {asked.interval:g}: must be {FASTEST:g} or more")
    if asked.width < NARROWEST:
        raise UsageError(f"--width {asked.width}: must be {NARROWEST} or more")
    return asked


def stations(asked: argparse.Namespace) -> tuple[list[Station], Now]:
    """What to look at, and what time it is there. Raise MagellanError."""
    if asked.exchange_file is None:
        opened = open_accounts(SHIPPED, os.environ, asked.state_dir, asked.strategy)
        on_exchange = os.environ.get("MAGELLAN_CLOCK") == "exchange"
        base_url = os.environ.get("APCA_API_BASE_URL") if on_exchange else None
    else:
        ready = ready_file(asked.exchange_file)
        configs = {load(path).name: path for path in SHIPPED}
        configs = {name: configs[name] for name in chosen(configs, asked.strategy)}
        state = asked.state_dir or asked.exchange_file.parent / "state"
        base_url = ready.base_url
        opened = open_stations(configs, base_url, ready.keys, state)
    return opened, wall_time if base_url is None else ExchangeTime(base_url)


def wall_time() -> datetime:
    return datetime.now(UTC)


class ExchangeTime:
    """The exchange's time; once it is gone, the last it told goes on with the wall's clock."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._now = exchange_now(base_url)
        self._told = wall_time()

    def __call__(self) -> datetime:
        try:
            self._now, self._told = exchange_now(self._base_url), wall_time()
        except Unavailable:
            return self._now + (wall_time() - self._told)
        return self._now


def once(opened: list[Station], now: Now, asked: argparse.Namespace, console: Console) -> int:
    """One look; the exit code says whether any account could be read."""
    lookout = Lookout(opened, wall_time)
    snapshot = lookout.take(now())
    if asked.json:
        sys.stdout.write(json.dumps(as_json(snapshot), indent=2) + "\n")
    if asked.once:
        console.print(dashboard(snapshot, console.width))
    for path, as_page in ((asked.svg, False), (asked.html, True)):
        if path is not None:
            keep(snapshot, asked.width, path, as_page=as_page)
    refusals = lookout.refusals()
    if not refusals:
        return ExitCode.OK
    refused = all(keys for _, keys in refusals)
    return ExitCode.CREDENTIALS if refused else ExitCode.UNAVAILABLE


def keep(snapshot: Snapshot, width: int, path: Path, *, as_page: bool) -> None:
    """Write a picture. Raise UsageError where it cannot be written."""
    text = html(snapshot, width) if as_page else svg(snapshot, width, None)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise UsageError(f"{path}: cannot be written: {fault.strerror}") from fault


def follow(opened: list[Station], now: Now, interval: float, console: Console) -> None:
    """Look again and again, until q or a signal ends it."""
    choices = choices_of([station.strategy for station in opened])
    chosen_one, paused, due = 0, False, 0.0
    watched = Watch(console, opened, whole_screen=True, wall=wall_time)
    with Keyboard(sys.stdin) as keyboard, watched as watch:
        while True:
            if not paused and time.monotonic() >= due:
                watch.look(now(), only=choices[chosen_one])
                due = time.monotonic() + interval
            key = keyboard.wait(interval if paused else due - time.monotonic())
            if key == "q":
                return
            if key == "p":
                paused = not paused
            elif key == "n":
                chosen_one = (chosen_one + 1) % len(choices)
            elif key == "a":
                chosen_one = 0
            if key in ("p", "n", "a"):
                watch.show(only=choices[chosen_one], paused=paused)


def choices_of(strategies: Sequence[str]) -> list[str | None]:
    """All of them, then each alone."""
    return [None, *strategies]


def ended(_number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM ends it as Ctrl-C does: the terminal is put back as it was."""
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, ended)
    try:
        asked = options(arguments)
        opened, now = stations(asked)
        if asked.once or asked.json or asked.svg or asked.html:
            return once(opened, now, asked, console)
        follow(opened, now, asked.interval, console)
    except MagellanError as fault:
        sys.stderr.write(f"monitor_dashboard: {fault}\n")
        return fault.exit_code
    except KeyboardInterrupt:
        return ExitCode.OK
    except BrokenPipeError:
        # Whoever read us has seen enough; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
