"""The band of an RSI strategy: what it wants, and how a journal's line keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Band:
    """RSI above `upper` wants long, below `lower` wants flat, in between nothing changes."""

    period: int
    upper: float
    lower: float

    def memory(self) -> Mapping[str, float]:
        """As it goes on record, since the configuration may lose it while the symbol is held."""
        return {"period": self.period, "upper": self.upper, "lower": self.lower}

    def recalled(self, memory: Mapping[str, bool | float | str]) -> Self:
        """The band on record; this one where an older release kept none."""
        return type(self)(
            int(memory.get("period", self.period)),
            float(memory.get("upper", self.upper)),
            float(memory.get("lower", self.lower)),
        )
