"""Alpaca's request limit: so many requests a minute and account, in the exchange's own time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of the minute: the X-RateLimit-* headers. `reset` is when it ends."""

    allowed: bool
    limit: int
    remaining: int
    reset: datetime


@dataclass(slots=True)
class RateLimit:
    """Counts requests by account and clock minute."""

    limit: int = 200
    _counts: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def take(self, account: str, now: datetime) -> Allowance:
        """Count one request of that account at that time."""
        minute = now.replace(second=0, microsecond=0)
        begun, count = self._counts.get(account, (minute, 0))
        count = count + 1 if begun == minute else 1
        self._counts[account] = (minute, count)
        return Allowance(
            allowed=count <= self.limit,
            limit=self.limit,
            remaining=max(0, self.limit - count),
            reset=minute + timedelta(minutes=1),
        )
