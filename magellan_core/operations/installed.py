"""Which configs this machine's daemons use."""

from collections.abc import Iterator
from pathlib import Path

from magellan_core.config import load
from magellan_core.environment import INSTALLED_CONFIGS


def installed_configs(root: Path) -> Iterator[Path]:
    """Each strategy's config as its daemon would take it: the installed one before the shipped."""
    for path in sorted((root / "deployable_strategies").glob("*/aws_deployment/config.json")):
        installed = INSTALLED_CONFIGS / f"{load(path).name}.json"
        yield installed if installed.exists() else path
