"""What a changed configuration changes, and whether a running daemon may take it over.

LAW: a reload is all or nothing; a refused one leaves the old configuration in force.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from magellan_core.config import DESCRIPTIVE, Config
from magellan_core.engine.engine import Engine
from magellan_core.engine.reconfigure import reconfigure
from magellan_core.engine.settings import Settings
from magellan_core.errors import ConfigError
from magellan_core.keyring import KeyRing
from magellan_core.strategy import Strategy

# Where these differ, another account, store or stream of bars would be traded: that is a restart.
FIXED = (
    "strategy.name",
    "account_info",
    "ssm_parameters",
    "portfolio.store",
    "data_requirements.feed",
    "data_requirements.timeframe",
    "data_requirements.stream",
    "execution.request_timeout_seconds",
    "execution.request_deadline_seconds",
)


def take_over(
    engine: Engine,
    old: Config,
    new: Config,
    path: Path,
    build: Callable[[Config], Strategy],
    settings: Settings,
    now: datetime,
) -> str:
    """Put the engine on the new configuration and its journal; return what to tell.

    Raise ConfigError for a change that a running daemon cannot follow, Unavailable when the broker
    or the data cannot be asked; the old configuration stays in force.
    """
    changed = {k: [str(a), str(b)] for k, (a, b) in changes(old, new).items()}
    if not changed:
        return f"{path} says what it said before"
    book = engine.ledger.book
    held = {*book.positions, *(order.symbol for order in book.live.values())}
    if faults := objections(old, new, held):
        raise ConfigError(str(path), faults)
    facts = {"config_hash": new.digest, "changes": changed}
    reconfigure(engine, partial(build, new), settings, now, facts)
    return f"configuration {new.digest} is in force"


def renew(ring: KeyRing) -> str:
    """Read the API keys anew; return what to tell. Raise MagellanError: the old ones stay."""
    return "uses the new keys" if ring.renew() else "the keys are the same"


def changes(old: Config, new: Config) -> dict[str, tuple[object, object]]:
    """Every value that differs, by its path in the file, as (old, new) in JSON's terms."""
    before, after = _flat(old), _flat(new)
    paths = sorted({*before, *after} - DESCRIPTIVE)
    return {
        path: (before.get(path), after.get(path))
        for path in paths
        if before.get(path) != after.get(path)
    }


def objections(old: Config, new: Config, held: Collection[str]) -> list[str]:
    """Why a running daemon cannot take the new configuration over; empty: it can.

    `held` are the symbols with a position or an order, which may not lose their strategy.
    """
    faults = [
        f"{path} changed: restart the service for it"
        for path in changes(old, new)
        if any(path == fixed or path.startswith(f"{fixed}.") for fixed in FIXED)
    ]
    gone = sorted(set(held) - set(new.symbols))
    faults += [f"symbols: {s} was removed but is held: close its position first" for s in gone]
    return faults


def _flat(config: Config) -> dict[str, object]:
    """Leaves by dotted path; a list is one leaf."""
    found: dict[str, object] = {}

    def walk(path: str, value: object) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(f"{path}.{key}" if path else str(key), inner)
        else:
            found[path] = value

    walk("", config.model.model_dump(mode="json", by_alias=True))
    return found
