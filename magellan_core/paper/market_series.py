"""One symbol's bars of one timeframe as columns, found by bisection. Instants are microseconds."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple, Self

from magellan_core.market_hours import new_york_date, next_session, session_on
from magellan_core.model import Bar, Timeframe

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
LENGTH = {
    Timeframe.MINUTE: timedelta(minutes=1),
    Timeframe.HOUR: timedelta(hours=1),
    Timeframe.DAY: timedelta(days=1),
}


def micros(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    span = at - _EPOCH
    return (span.days * 86_400 + span.seconds) * _SECOND + span.microseconds


def instant(us: int) -> datetime:
    """The aware UTC datetime of those microseconds since 1970."""
    return _EPOCH + us * _MICROSECOND


class Split(NamedTuple):
    """From `midnight` (New York, microseconds) there are `ratio` new shares per old share."""

    midnight: int
    ratio: Fraction


class Series:
    """Columns of bars, oldest first, starts strictly rising; bars are built when asked for."""

    __slots__ = ("closes", "ends", "highs", "lows", "opens", "starts", "symbol", "volumes")

    def __init__(self, symbol: str, starts: "array[int]", ends: "array[int]") -> None:
        self.symbol, self.starts, self.ends = symbol, starts, ends
        self.opens, self.highs, self.lows, self.closes, self.volumes = (
            array("d") for _ in range(5)
        )

    @classmethod
    def of(cls, symbol: str, bars: Sequence[Bar]) -> Self:
        """Columns of those bars. Raise ValueError unless their starts rise strictly."""
        starts = array("q", [micros(bar.start) for bar in bars])
        if any(a >= b for a, b in pairwise(starts)):
            raise ValueError(f"{symbol}: bars must come oldest first, each start once")
        made = cls(symbol, starts, array("q", [micros(bar.end) for bar in bars]))
        for bar in bars:
            made.opens.append(bar.open)
            made.highs.append(bar.high)
            made.lows.append(bar.low)
            made.closes.append(bar.close)
            made.volumes.append(bar.volume)
        return made

    def __len__(self) -> int:
        return len(self.starts)

    def drop_from(self, beyond: int) -> None:
        """Forget the rows that start at or after that instant."""
        cut = bisect_left(self.starts, beyond)
        for column in (self.starts, self.ends):
            del column[cut:]
        for values in (self.opens, self.highs, self.lows, self.closes, self.volumes):
            del values[cut:]

    def drop_before(self, first: int) -> None:
        """Forget the rows that start before that instant."""
        cut = bisect_left(self.starts, first)
        for column in (self.starts, self.ends):
            del column[:cut]
        for values in (self.opens, self.highs, self.lows, self.closes, self.volumes):
            del values[:cut]

    def bar(self, i: int) -> Bar:
        """The bar in row `i`, raw."""
        return Bar(
            self.symbol,
            instant(self.starts[i]),
            instant(self.ends[i]),
            self.opens[i],
            self.highs[i],
            self.lows[i],
            self.closes[i],
            self.volumes[i],
        )

    def rows(self, first: int, last: int, ended_by: int) -> range:
        """Rows with first <= start <= last and end <= ended_by."""
        high = min(bisect_right(self.starts, last), bisect_right(self.ends, ended_by))
        return range(bisect_left(self.starts, first), high)

    def adjusted(self, rows: range, splits: Sequence[Split]) -> list[Bar]:
        """Those rows in the shares that hold after `splits` (oldest first)."""
        if not rows or not splits or self.starts[rows.start] >= splits[-1].midnight:
            return [self.bar(i) for i in rows]
        bars = []
        for i in rows:
            up, down = _factor(splits, self.starts[i])
            bar = self.bar(i)
            if up != down:
                bar = bar._replace(
                    open=bar.open * down / up,
                    high=bar.high * down / up,
                    low=bar.low * down / up,
                    close=bar.close * down / up,
                    volume=bar.volume * up / down,
                )
            bars.append(bar)
        return bars

    def last(self, now: int, *, begun: bool) -> tuple[int, float] | None:
        """Start and latest known price of the newest bar: its open until it has ended.

        `begun`: a bar that starts exactly at `now` has begun. None before the first bar.
        """
        find = bisect_right if begun else bisect_left
        i = find(self.starts, now) - 1
        if i < 0:
            return None
        return self.starts[i], self.closes[i] if self.ends[i] <= now else self.opens[i]

    def next_regular(self, since: int) -> int | None:
        """The first row that starts at or after `since` and inside a regular session."""
        i = bisect_left(self.starts, since)
        while i < len(self.starts):
            at = instant(self.starts[i])
            day = new_york_date(at)
            session = session_on(day)
            if session is not None and session.open <= at < session.close:
                return i
            if session is None or at >= session.close:
                session = next_session(day)
            i = bisect_left(self.starts, micros(session.open), i)
        return None


def _factor(splits: Sequence[Split], start: int) -> tuple[int, int]:
    up = down = 1
    for split in splits:
        if start < split.midnight:
            up *= split.ratio.numerator
            down *= split.ratio.denominator
    return up, down


def ratio_between(splits: Sequence[Split], start: int, now: int) -> Fraction:
    """New shares per old share by the splits after `start`, up to and including `now`."""
    ratio = Fraction(1)
    for split in splits:
        if start < split.midnight <= now:
            ratio *= split.ratio
    return ratio
