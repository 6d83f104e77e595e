"""Compare our book with the broker's positions.

LAW: pure. The broker is right about what is held; the book is right about why.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from magellan_core.model import Position


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A symbol of which book and broker tell different numbers of shares."""

    symbol: str
    ours: Decimal
    theirs: Decimal

    @property
    def why(self) -> str:
        return f"broker holds {self.theirs} shares, the journal explains {self.ours}"


def mismatches(
    ours: Mapping[str, Decimal], theirs: Sequence[Position], unsettled: Collection[str]
) -> list[Mismatch]:
    """Symbols that disagree, except those whose orders or fills are still being read."""
    held = {p.symbol: p.qty for p in theirs}
    return [
        Mismatch(symbol, ours.get(symbol, Decimal(0)), held.get(symbol, Decimal(0)))
        for symbol in sorted({*ours, *held} - set(unsettled))
        if ours.get(symbol, Decimal(0)) != held.get(symbol, Decimal(0))
    ]
