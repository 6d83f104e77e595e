"""Whose alerts go where."""

from collections.abc import Sequence
from pathlib import Path

from magellan_core.config import load
from magellan_core.operations.alerting import Desk, Policy
from magellan_core.operations.channels import channels_of
from magellan_core.operations.installed import installed_configs
from magellan_core.ports import Level


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
