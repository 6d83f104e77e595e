"""The paper exchange's market: bars by symbol and timeframe, and what they say about prices.

Bars are stored raw. Everything told in adjusted shares uses the splits whose New York day has
begun, never later ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Self

from magellan_core.errors import DataError, UnknownSymbol
from magellan_core.market_hours import at_new_york, new_york_date
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.market_files import as_ratio, bar_files, read_series, read_splits
from magellan_core.paper.market_series import Series, Split, instant, micros, ratio_between

Splits = Mapping[str, Sequence[tuple[date, float | Fraction]]]
_ONE_DAY = timedelta(days=1)


def exact(price: float) -> Decimal:
    """The decimal that the float is written as: 8.217536 stays 8.217536."""
    return Decimal(repr(price))


class Market:
    """Bars of many symbols. `splits` holds (New York day, ratio) by symbol, oldest first."""

    def __init__(
        self,
        series: Mapping[tuple[str, Timeframe], Series],
        splits: Splits,
        window: tuple[date, date] | None = None,
    ) -> None:
        self._series = {key: rows for key, rows in series.items() if len(rows)}
        self.splits: dict[str, tuple[tuple[date, Fraction], ...]] = {
            symbol: tuple((day, as_ratio(ratio)) for day, ratio in sorted(told))
            for symbol, told in splits.items()
        }
        self._splits: dict[str, tuple[Split, ...]] = {
            symbol: tuple(Split(micros(at_new_york(day, 0)), ratio) for day, ratio in told)
            for symbol, told in self.splits.items()
        }
        traded = {s for (s, _), rows in self._series.items() if _trades_in(rows, window)}
        self.symbols: tuple[str, ...] = tuple(sorted(traded))
        self._known = frozenset(symbol for symbol, _ in self._series)

    @classmethod
    def load(
        cls, folder: Path, *, first: date, last: date, symbols: Iterable[str] | None = None
    ) -> Self:
        """Read minute/, hourly/ and daily/ of a folder; all history before `first` is kept.

        Raise DataError if the folder is missing, unreadable or has no bars for those days, and
        UnknownSymbol if it has no file of any symbol asked for.
        """
        files = bar_files(folder)
        if symbols is not None:
            asked, has = set(symbols), sorted({symbol for symbol, _ in files})
            files = {key: paths for key, paths in files.items() if key[0] in asked}
            if not files:
                raise UnknownSymbol(
                    f"no bars of {', '.join(sorted(asked))} in {folder}; "
                    f"it has {', '.join(has) or 'no bars at all'}"
                )
        series = {key: read_series(*key, paths) for key, paths in files.items()}
        covered = _coverage(series.values())
        beyond = micros(at_new_york(last + _ONE_DAY, 0))
        for rows in series.values():
            rows.drop_from(beyond)
        made = cls(series, read_splits(folder), (first, last))
        if not made.symbols:
            covers = f"it covers {covered[0]}..{covered[1]}" if covered else "it has no bars at all"
            raise DataError(
                f"no minute, hourly or daily bars for {first}..{last} in {folder}; {covers}"
            )
        return made

    @classmethod
    def from_bars(
        cls,
        bars: Mapping[tuple[str, Timeframe], Sequence[Bar]],
        splits: Splits | None = None,
    ) -> Self:
        """A market of those bars, oldest first per key. Raise ValueError if they are not."""
        series = {key: Series.of(key[0], rows) for key, rows in bars.items()}
        return cls(series, splits or {})

    def knows(self, symbol: str) -> bool:
        """Whether there is any bar of that symbol, perhaps only before the days asked for."""
        return symbol in self._known

    def coverage(self) -> tuple[date, date] | None:
        """First and last New York date with a bar; None for an empty market."""
        return _coverage(self._series.values())

    def series(self, symbol: str, timeframe: Timeframe) -> Series | None:
        return self._series.get((symbol, timeframe))

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
        """Completed bars: start <= bar.start <= end and bar.end <= as_of, oldest first.

        A daily bar starts at its session's open and ends at its close.
        """
        rows = self._series.get((symbol, timeframe))
        if rows is None:
            return []
        now = micros(as_of)
        found = rows.rows(micros(start), micros(end), now)
        splits = self._splits.get(symbol, ()) if split_adjusted else ()
        return rows.adjusted(found, [split for split in splits if split.midnight <= now])

    def last_price(
        self,
        symbol: str,
        timeframe: Timeframe,
        now: datetime,
        *,
        begun: bool = False,
        as_of: datetime | None = None,
    ) -> Decimal | None:
        """The latest price known at `now`, in the shares of `as_of` (default `now`), dollars.

        The close of a bar once it has ended, before that its open: no price is told early. With
        `begun`, a bar starting exactly at `now` counts. None before the first bar.
        """
        rows = self._series.get((symbol, timeframe))
        if rows is None:
            return None
        at = micros(now)
        found = rows.last(at, begun=begun)
        if found is None:
            return None
        start, price = found
        splits = self._splits.get(symbol)
        if splits:
            ratio = ratio_between(splits, start, at if as_of is None else micros(as_of))
            if ratio != 1:
                return exact(price) * ratio.denominator / ratio.numerator
        return exact(price)


def _coverage(all_rows: Iterable[Series]) -> tuple[date, date] | None:
    spans = [(rows.starts[0], rows.starts[-1]) for rows in all_rows if len(rows)]
    if not spans:
        return None
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    return new_york_date(instant(first)), new_york_date(instant(last))


def _trades_in(rows: Series, window: tuple[date, date] | None) -> bool:
    if window is None:
        return True
    first, last = (at_new_york(window[0], 0), at_new_york(window[1] + _ONE_DAY, 0))
    found = rows.rows(micros(first), micros(last) - 1, rows.ends[-1])
    return len(found) > 0
