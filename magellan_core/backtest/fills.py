"""Where a backtest of one symbol fills: at the signal's close, or at the next bar's open."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class FillPolicy:
    """`at_signal`: a decision fills at the close of its bar, else at the open of the next one.

    `gaps`: a stop or target that the bar opens beyond fills at the open, else at its own price.
    """

    at_signal: bool
    gaps: bool

    def stop(self, opened: Decimal, stop: Decimal) -> Decimal:
        """What a sell stop gets in a bar that reaches it."""
        return min(opened, stop) if self.gaps else stop

    def target(self, opened: Decimal, target: Decimal) -> Decimal:
        """What a sell target gets in a bar that reaches it."""
        return max(opened, target) if self.gaps else target


POLICIES = {
    "close": FillPolicy(at_signal=True, gaps=False),
    "next_open": FillPolicy(at_signal=False, gaps=True),
    "rth_open": FillPolicy(at_signal=False, gaps=True),
}
