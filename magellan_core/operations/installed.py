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


def region_of(root: Path) -> str | None:
    """The first region that a config names; None: none does, boto3 finds one or says so."""
    regions = (load(path).ssm_parameters.region for path in installed_configs(root))
    return next((region for region in regions if region), None)
