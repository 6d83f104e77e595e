"""A stage for tests of whole processes: a paper exchange, daemons, and the conductor's hand."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from magellan_core.market_hours import at_new_york
from magellan_core.operations.children import Children, read_unit
from magellan_core.operations.demo import UNITS
from magellan_core.paper.clock import ExchangeClock

ROOT = Path(__file__).resolve().parents[2]
DEPLOYED = ROOT / "deployable_strategies"


def new_york(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of November 2025, in which the made-up market begins (25th to 28th)."""
    return at_new_york(datetime(2025, 11, day).date(), hour, minute)  # noqa: DTZ001 - a date only


class Stage:
    """Processes over one exchange. Stepped unless `speed` is given."""

    def __init__(
        self,
        out: Path,
        children: Children,
        strategies: Sequence[str],
        speed: float | None,
        begin: datetime,
    ) -> None:
        self.out, self.children, self.strategies = out, children, strategies
        self.state = out / "state"
        self.units = {
            name: read_unit(DEPLOYED / folder / "aws_deployment" / unit, name)
            for name, (folder, unit) in UNITS.items()
        }
        pace = ["--step"] if speed is None else ["--speed", str(speed)]
        ready = out / "exchange.json"
        children.start(
            "exchange",
            [
                "scripts/paper_exchange.py",
                "--synthetic",
                *pace,
                *("--roster", ",".join(["conductor", *strategies])),
                *("--ready-file", str(ready)),
                *("--start", begin.isoformat()),
                "--quiet",
            ],
            {},
            out / "exchange.log",
        )
        self.until(ready.exists)
        told = json.loads(ready.read_text())
        self.url = f"http://127.0.0.1:{told['port']}"
        self.accounts = {a["strategy"]: a for a in told["accounts"]}
        self.clock = ExchangeClock(self.url, "conductor")

    def config(self, strategy: str, changes: Mapping[str, object]) -> Path:
        """The shipped config with other values at dotted paths; the portfolio is this stage's."""
        told = json.loads(self.units[strategy].config.read_text())
        for path, value in {"portfolio.strategies": list(self.strategies), **changes}.items():
            *parents, last = path.split(".")
            part = told
            for name in parents:
                part = part[name]
            part[last] = value
        where = self.out / f"{strategy}.json"
        where.write_text(json.dumps(told))
        return where

    def start(
        self, strategy: str, changes: Mapping[str, object] | None = None, **more: str
    ) -> "subprocess.Popen[bytes]":
        account, unit = self.accounts[strategy], self.units[strategy]
        environ = {
            "APCA_API_BASE_URL": self.url,
            "APCA_API_KEY_ID": account["key"],
            "APCA_API_SECRET_KEY": account["secret"],
            "MAGELLAN_CLOCK": "exchange",
            "MAGELLAN_CONFIG": str(self.config(strategy, changes or {})),
            "MAGELLAN_STATE_DIR": str(self.state),
            "MAGELLAN_PATROL_SECONDS": "10",
            **more,
        }
        return self.children.start(strategy, unit.arguments, environ, self.log(strategy))

    def log(self, strategy: str) -> Path:
        return self.out / f"{strategy}.log"

    def play(self, until: datetime) -> None:
        """Let time go to that instant."""
        self.clock.wait(until, wake_on_update=False)

    def restart(
        self, strategy: str, changes: Mapping[str, object] | None = None, **more: str
    ) -> "subprocess.Popen[bytes]":
        """Start one again that has ended: time waits for it."""
        self.command("absent", name=strategy)
        return self.start(strategy, changes, **more)

    def command(self, what: str, **body: object) -> None:
        requests.post(f"{self.url}/sim/{what}", json=body, timeout=10).raise_for_status()

    def ask(self, strategy: str, path: str, method: str = "GET", **body: object) -> Any:
        account = self.accounts[strategy]
        answer = requests.request(
            method,
            f"{self.url}/v2{path}",
            json=body or None,
            headers={
                "APCA-API-KEY-ID": account["key"],
                "APCA-API-SECRET-KEY": account["secret"],
            },
            timeout=10,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def holdings(self, strategy: str) -> dict[str, str]:
        return {p["symbol"]: p["qty"] for p in self.ask(strategy, "/positions")}

    def open_orders(self, strategy: str) -> list[dict[str, Any]]:
        orders: list[dict[str, Any]] = self.ask(strategy, "/orders?status=open&limit=500")
        return orders

    def lines(self, strategy: str, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
        """Journal lines of those kinds, oldest first: kind and data."""
        path = self.state / f"{strategy}.sqlite3"
        if not path.exists():
            return []
        with sqlite3.connect(path) as db:
            rows = db.execute("SELECT kind, data FROM events ORDER BY seq").fetchall()
        return [(kind, json.loads(data)) for kind, data in rows if kind in kinds]

    def times(self, strategy: str, kind: str, name: str) -> list[tuple[datetime, Any]]:
        """When lines of that kind were written, and one of their values."""
        with sqlite3.connect(self.state / f"{strategy}.sqlite3") as db:
            query = "SELECT at, data FROM events WHERE kind = ? ORDER BY seq"
            rows = db.execute(query, (kind,)).fetchall()
        return [(datetime.fromisoformat(at), json.loads(data)[name]) for at, data in rows]

    def script(self, name: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a script as an operator does, to its end."""
        return subprocess.run(
            [sys.executable, f"scripts/{name}", *arguments],
            cwd=ROOT,
            env={**clean(), **more},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def until(self, come_true: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait, in real time, for something that another process does."""
        deadline = time.monotonic() + seconds
        while not come_true():
            gone = self.children.ended()
            assert time.monotonic() < deadline, f"in vain; ended: {gone}; see {self.out}"
            time.sleep(0.05)


def clean() -> dict[str, str]:
    """This environment without anything that leads to an account."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("APCA", "MAGELLAN", "AWS"))}


@contextmanager
def stage(
    out: Path, *strategies: str, speed: float | None = None, begin: datetime | None = None
) -> Iterator[Stage]:
    """Everything that was started has ended when the block ends, stopped processes too."""
    with Children(ROOT, clean(), patience=10.0) as children:
        yield Stage(out, children, strategies, speed, begin or new_york(25, 9))
