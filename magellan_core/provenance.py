"""Which code runs: a hash that two machines can compare."""

from hashlib import sha256
from pathlib import Path


def source_hash(root: Path) -> str:
    """First 12 hex digits over the sources that trade: whether two machines run the same code."""
    digest = sha256()
    for folder in ("magellan_core", "deployable_strategies"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
