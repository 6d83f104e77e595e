"""Which log lines go to which CloudWatch group."""

from collections.abc import Iterator
from pathlib import Path

from magellan_core.config import load
from magellan_core.operations.installed import installed_configs
from magellan_core.operations.shipping import Lane
from magellan_core.process.records import FileSource, JournalSource

OPERATIONS = ("magellan-logs", "magellan-alerts", "magellan-alert", "magellan-report")


def lanes_of(
    root: Path, file: Path | None, namespace: str | None, stream: str, operations_group: str
) -> list[Lane]:
    """A lane per strategy that has a config, and one for Magellan's other units.

    `file` replaces the journal by one file of JSON lines; its lines go by their identifier.
    Raise ConfigError or ConfigMissing.
    """
    options = () if namespace is None else (f"--namespace={namespace}",)
    routes = [*_strategies(root), ("operations", OPERATIONS, operations_group)]
    return [
        Lane(
            name,
            JournalSource(identifiers, options) if file is None else FileSource(file, identifiers),
            group,
            stream,
        )
        for name, identifiers, group in routes
    ]


def _strategies(root: Path) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Name, syslog identifiers and group of each."""
    for path in installed_configs(root):
        config = load(path)
        identifier = f"magellan-{config.name.replace('_', '-')}"
        yield config.name, (identifier,), config.monitoring.cloudwatch_log_group
