"""Whose alerts go where, and the note for dashboards when one does not."""

import json
from collections.abc import Sequence
from pathlib import Path

from magellan_core.config import load
from magellan_core.operations.alerting import Desk, Policy
from magellan_core.operations.channels import channels_of
from magellan_core.operations.installed import installed_configs
from magellan_core.ports import Level
from magellan_core.store.outbox import Alert

UNSENT = "alerts_unsent.json"


def desks_of(
    root: Path, state: Path, configs: Sequence[Path] | None, apprise_config: Path | None
) -> list[Desk]:
    """A desk per strategy, from the configs given, or those that its daemon would use.

    Raise ConfigError or ConfigMissing.
    """
    desks: list[Desk] = []
    for path in configs or installed_configs(root):
        config = load(path)
        policy = Policy(least=Level(config.monitoring.alert_level))
        journal = state / f"{config.name}.sqlite3"
        desks.append(Desk(config.name, journal, channels_of(config, apprise_config), policy))
    return desks


def write_unsent(state: Path, late: Sequence[Alert]) -> None:
    """Put the critical alerts that reached nobody where a dashboard finds them, or take it away."""
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
