"""The note on critical alerts that reached nobody: left by the alert sender, read by dashboards."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from magellan_core.operations.looks import Problem
from magellan_core.operations.reasons import when
from magellan_core.ports import Level
from magellan_core.store.outbox import Alert

UNSENT = "alerts_unsent.json"


def write_unsent(state: Path, late: Sequence[Alert]) -> None:
    """Leave the note in the state directory, whole or not at all; or take it away."""
    path = state / UNSENT
    if not late:
        path.unlink(missing_ok=True)
        return
    rows = [
        {"strategy": a.strategy, "at": a.at.isoformat(), "message": a.message, "error": a.error}
        for a in late
    ]
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(rows))
    draft.replace(path)


def unsent(state: Path, strategy: str, now: datetime) -> list[Problem]:
    """The note's alerts of one strategy as problems; a note that cannot be read is one, too."""
    try:
        rows = json.loads((state / UNSENT).read_text())
        return [
            Problem(strategy, Level.CRITICAL, _words(row, now))
            for row in rows
            if row["strategy"] == strategy
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as fault:
        return [Problem(strategy, Level.CRITICAL, f"{state / UNSENT}: cannot be read: {fault!r}")]


def _words(row: dict[str, str], now: datetime) -> str:
    since = when(datetime.fromisoformat(row["at"]), now)
    return f"an alert of {since} reached nobody ({row['error']}): {row['message']}"
