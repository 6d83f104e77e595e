"""What is told of the market's bars: missing, late or revised ones where a switch says so.

LAW: orders meet the market's true bars; a switch changes only what the data feed tells of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from magellan_core.errors import UsageError
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.market import Market

_MINUTE = timedelta(minutes=1)
_PARTS = frozenset({"open", "high", "low", "close", "volume"})


class Told(StrEnum):
    """What a switch does to a bar."""

    MISSING = "missing"  # it is never told
    LATE = "late"  # it is told `delay` after its end
    REVISED = "revised"  # it is told with `first` in it, and as it is from `delay` after its end


@dataclass(frozen=True, slots=True)
class BarSwitch:
    """One switch: bars of that symbol that start between both instants, inclusive (None: any)."""

    symbol: str
    kind: Told
    since: datetime | None = None
    until: datetime | None = None
    delay: timedelta = timedelta(0)
    first: Mapping[str, float] = field(default_factory=dict)

    def covers(self, bar: Bar) -> bool:
        return (self.since is None or bar.start >= self.since) and (
            self.until is None or bar.start <= self.until
        )


class Telling(NamedTuple):
    """A bar as it is told at an instant; `revised`: in place of what was told before."""

    at: datetime
    bar: Bar
    revised: bool


class Tape:
    """The market's bars as the data feed tells them."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._switches: list[BarSwitch] = []

    def switch(self, told: Mapping[str, Any]) -> BarSwitch:
        """Add a switch from its JSON form; `delay` is in seconds. Raises UsageError."""
        try:
            made = BarSwitch(
                symbol=str(told["symbol"]).upper(),
                kind=Told(told["kind"]),
                since=_instant(told.get("since")),
                until=_instant(told.get("until")),
                delay=timedelta(seconds=float(told.get("delay", 30))),
                first={str(k): float(v) for k, v in dict(told.get("first", {})).items()},
            )
        except (KeyError, ValueError, TypeError) as error:
            raise UsageError(
                f"a bar switch needs symbol and kind ({', '.join(Told)}), and may have since, "
                f"until, delay and first: {error}"
            ) from error
        if strange := sorted(set(made.first) - _PARTS):
            raise UsageError(f"first: a bar has no {', '.join(strange)}")
        self._switches.append(made)
        return made

    def clear(self) -> None:
        self._switches.clear()

    def bars(
        self,
        symbol: str,
        timeframe: Timeframe,
        start: datetime,
        end: datetime,
        *,
        as_of: datetime,
        split_adjusted: bool,
    ) -> list[Bar]:
        """As `Market.bars`, in the state in which they are told at `as_of`."""
        found = self._market.bars(
            symbol, timeframe, start, end, as_of=as_of, split_adjusted=split_adjusted
        )
        switches = self._of(symbol)
        if not switches:
            return found
        return [bar for true in found if (bar := _as_told(true, switches, as_of)) is not None]

    def tellings(self, symbol: str, after: datetime, now: datetime) -> list[Telling]:
        """Minute bars told after `after` and by `now`, in the order in which they are told."""
        switches = self._of(symbol)
        slack = max((switch.delay for switch in switches), default=timedelta(0))
        found = self._market.bars(
            symbol,
            Timeframe.MINUTE,
            after - slack - _MINUTE,
            now,
            as_of=now,
            split_adjusted=False,
        )
        told = [telling for bar in found for telling in _tellings(bar, switches)]
        return sorted(t for t in told if after < t.at <= now)

    def _of(self, symbol: str) -> list[BarSwitch]:
        return [switch for switch in self._switches if switch.symbol == symbol]


def _as_told(bar: Bar, switches: Sequence[BarSwitch], as_of: datetime) -> Bar | None:
    latest = None
    for telling in _tellings(bar, switches):
        if telling.at <= as_of:
            latest = telling.bar
    return latest


def _tellings(bar: Bar, switches: Sequence[BarSwitch]) -> list[Telling]:
    """Every telling of a bar, oldest first; the last switch that covers it decides."""
    switch = next((s for s in reversed(switches) if s.covers(bar)), None)
    if switch is None:
        return [Telling(bar.end, bar, revised=False)]
    if switch.kind is Told.MISSING:
        return []
    if switch.kind is Told.LATE:
        return [Telling(bar.end + switch.delay, bar, revised=False)]
    prices: dict[str, Any] = dict(switch.first)
    first = bar._replace(**prices)
    return [
        Telling(bar.end, first, revised=False),
        Telling(bar.end + switch.delay, bar, revised=True),
    ]


def _instant(text: object) -> datetime | None:
    if text is None:
        return None
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError(f"{text} needs an offset")
    return at
