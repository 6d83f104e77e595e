"""What systemd knows of the daemons: state, restarts, status line, and errors in the last hour.

Reads only, through `systemctl show` and `journalctl`; a machine without systemd is said to be one.
"""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

PROPERTIES = "Id,LoadState,ActiveState,SubState,Result,NRestarts,StateChangeTimestamp,StatusText"
PATIENCE = 3.0
EVERY = timedelta(seconds=15)
NO_SYSTEMD = "no systemd on this machine"
# Enough to say "many"; a daemon that fails in a loop writes thousands.
MOST_ERRORS = 99

Ask = Callable[[Sequence[str]], str | None]


@dataclass(frozen=True, slots=True)
class ServiceLook:
    """One unit. `state` is systemd's word, e.g. "active (running)"; `errors` None: not known."""

    unit: str
    state: str
    active: bool
    failed: bool
    restarts: int
    since: datetime | None
    status: str
    errors: int | None
    at: datetime


class ServiceEye:
    """Asks systemd now and then. `why`: there is nothing to ask, or it did not answer."""

    def __init__(self, strategies: Sequence[str], ask: Ask | None = None) -> None:
        self._units = {unit_of(strategy): strategy for strategy in strategies}
        self._ask = ask or run
        self._asked: datetime | None = None
        self.services: Mapping[str, ServiceLook] = {}
        self.why = "not asked yet"

    def look(self, now: datetime) -> None:
        """Ask if that is due. Never raises."""
        if self._asked is not None and timedelta(0) <= now - self._asked < EVERY:
            return
        self._asked = now
        told = self._ask(
            ["systemctl", "show", "--timestamp=unix", f"--property={PROPERTIES}", *self._units]
        )
        if told is None:
            self.services, self.why = {}, NO_SYSTEMD
            return
        self.services, self.why = self._parse(told, now), "not installed as a service"

    def _parse(self, told: str, now: datetime) -> Mapping[str, ServiceLook]:
        found: dict[str, ServiceLook] = {}
        for block in told.split("\n\n"):
            rows = dict(row.split("=", 1) for row in block.splitlines() if "=" in row)
            strategy = self._units.get(rows.get("Id", ""))
            if strategy is not None and rows.get("LoadState") == "loaded":
                found[strategy] = self._service(rows, now)
        return found

    def _service(self, rows: Mapping[str, str], now: datetime) -> ServiceLook:
        unit, active = rows["Id"], rows.get("ActiveState", "unknown")
        result = rows.get("Result", "success")
        told = f"{active} ({rows.get('SubState', 'unknown')})"
        return ServiceLook(
            unit=unit,
            state=told if result == "success" else f"{told}, {result}",
            active=active == "active",
            failed=active == "failed",
            restarts=int(rows.get("NRestarts") or 0),
            since=_unix(rows.get("StateChangeTimestamp", "")),
            status=rows.get("StatusText", ""),
            errors=self._errors(unit),
            at=now,
        )

    def _errors(self, unit: str) -> int | None:
        """Lines of severity err and worse within the last hour, counted up to MOST_ERRORS."""
        told = self._ask(
            [
                *("journalctl", "--unit", unit, "--priority", "err", "--since", "-1h"),
                *("--output", "cat", "--quiet", "--no-pager", "--lines", str(MOST_ERRORS)),
            ]
        )
        return None if told is None else len(told.splitlines())


def unit_of(strategy: str) -> str:
    """E.g. "magellan-bear-trap.service"."""
    return f"magellan-{strategy.replace('_', '-')}.service"


def run(command: Sequence[str]) -> str | None:
    """What it prints; None where there is no such program, or it does not answer."""
    try:
        ended = subprocess.run(  # noqa: S603 - names of ours, no shell
            list(command), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout if ended.returncode == 0 else None


def _unix(text: str) -> datetime | None:
    """ "@1764166200" as systemd writes it; empty: never."""
    seconds = text.removeprefix("@")
    return datetime.fromtimestamp(int(seconds), UTC) if seconds.isdigit() else None
