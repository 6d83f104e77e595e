"""Import alpaca-py without pandas and numpy, which only its `.df` properties need.

They are half of a daemon's memory and start. Nothing here asks for a data frame: answers are read
raw. Where pandas is loaded already, the SDK gets the real one.
"""

import sys
from importlib import import_module
from types import ModuleType

HEAVY = ("numpy", "pandas")
USED = ("alpaca.trading.client", "alpaca.trading.stream", "alpaca.data.historical.stock")


class _Absent(ModuleType):
    """Stands in for a package while the SDK is imported: good for annotations, for nothing else."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def import_sdk() -> None:
    """Load what Magellan uses of alpaca-py; afterwards a package stood in for can be imported."""
    absent = [name for name in HEAVY if name not in sys.modules]
    sys.modules.update((name, _Absent(name)) for name in absent)
    try:
        for name in USED:
            import_module(name)
    finally:
        for name in absent:
            if isinstance(sys.modules.get(name), _Absent):
                del sys.modules[name]
