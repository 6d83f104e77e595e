"""The bars a backtest runs on: read, adjusted for splits if asked, cut to the days asked for."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from magellan_core.backtest.options import BacktestOptions
from magellan_core.errors import DataError, UnknownSymbol
from magellan_core.market_hours import (
    FIRST_DAY,
    LAST_DAY,
    Session,
    at_new_york,
    new_york_date,
    session_on,
)
from magellan_core.model import Timeframe
from magellan_core.paper.market_files import bar_files, read_series, read_splits
from magellan_core.paper.market_series import Series, instant, micros
from magellan_core.regular_hours import anchored

_ONE_DAY = timedelta(days=1)
_DAY = 86_400_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Stretch(NamedTuple):
    """Rows of a series that lie in one day. `session`: the one of that New York date."""

    session: Session | None
    rows: range


def midnight(day: date) -> datetime:
    """The UTC day's first instant."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def load(
    folder: Path,
    timeframe: Timeframe,
    symbols: Sequence[str],
    *,
    adjusted: bool,
    first: date | None,
    last: date,
) -> tuple[dict[str, Series], list[str]]:
    """Each symbol's bars from the UTC day `first` to the New York day `last`, and what is missing.

    `first` None: all history. `adjusted`: daily rows are sessions only, prices are in
    the shares that hold after every split of splits.json; else rows and prices are as stored.
    Raise DataError for an unreadable folder, UnknownSymbol if it has no file of any symbol.
    """
    files = bar_files(folder)
    splits = read_splits(folder) if adjusted else {}
    found: dict[str, Series] = {}
    missing: list[str] = []
    for symbol in symbols:
        paths = files.get((symbol, timeframe))
        if paths is None:
            missing.append(f"{symbol}: no {timeframe.value} bars in {folder}")
            continue
        series = read_series(symbol, timeframe, paths, sessions_only=adjusted)
        _adjust(series, timeframe, splits.get(symbol, ()))
        series.drop_from(micros(at_new_york(last + _ONE_DAY, 0)))
        if first is not None:
            series.drop_before(micros(midnight(first)))
        found[symbol] = series
    if not found:
        has = sorted(symbol for symbol, frame in files if frame is timeframe)
        raise UnknownSymbol(
            f"no {timeframe.value} bars of {', '.join(symbols)} in {folder}; "
            f"it has {', '.join(has) or 'none at all'}"
        )
    return found, missing


def minutes(options: BacktestOptions) -> dict[str, Series]:
    """The one-minute bars of a run on which trades within a day can be drawn; else none."""
    if options.config.data_requirements.timeframe != Timeframe.MINUTE.value:
        return {}
    symbols = options.symbols or options.config.symbols
    adjusted = options.bars == "adjusted"
    found, _ = load(
        options.data,
        Timeframe.MINUTE,
        symbols,
        adjusted=adjusted,
        first=options.first,
        last=options.last,
    )
    return found


def anchor(series: Series) -> Series:
    """Minutes as hours of the regular session, anchored at its open."""
    rows = (series.bar(row) for row in range(len(series)))
    return Series.of(series.symbol, anchored(rows, instant(series.ends[-1])) if len(series) else [])


def _adjust(series: Series, timeframe: Timeframe, splits: Sequence[tuple[date, Fraction]]) -> None:
    """Bring the rows before each split into the shares that hold after it."""
    for day, ratio in splits:
        # A daily row is its session's, whatever hour it is stamped with.
        at = midnight(day) if timeframe is Timeframe.DAY else at_new_york(day, 0)
        cut = bisect_left(series.starts, micros(at))
        if cut == 0:
            continue
        up, down = ratio.numerator, ratio.denominator
        for prices in (series.opens, series.highs, series.lows, series.closes):
            prices[:cut] = array("d", [price * down / up for price in prices[:cut]])
        series.volumes[:cut] = array("d", [volume * up / down for volume in series.volumes[:cut]])


def require_days(series: Series, first: date, last: date) -> None:
    """Raise DataError if no bar starts on the UTC days `first` to `last`."""
    if len(series) and series.starts[-1] >= micros(midnight(first)):
        return
    covers = "it has none at all"
    if len(series):
        begin, end = instant(series.starts[0]).date(), instant(series.starts[-1]).date()
        covers = f"they cover {begin}..{end}"
    raise DataError(f"{series.symbol}: no bars for {first}..{last}; {covers}: ask for other days")


def absent_sessions(series: Series, sessions: Sequence[Session]) -> list[date]:
    """Those sessions that have no bar at all, by UTC day."""
    days = {start // _DAY for start in series.starts}
    return [s.date for s in sessions if s.date.toordinal() - _EPOCH_DAY not in days]


def stretches(series: Series, timeframe: Timeframe, extended_hours: bool) -> Iterator[Stretch]:
    """The series day by day, oldest first; without `extended_hours` the sessions' rows alone."""
    if timeframe is Timeframe.DAY:
        for row, start in enumerate(series.starts):
            day = instant(start).date()
            yield Stretch(_session(day), range(row, row + 1))
        return
    row, starts = 0, series.starts
    while row < len(starts):
        day = new_york_date(instant(starts[row]))
        end = bisect_left(starts, micros(at_new_york(day + _ONE_DAY, 0)), row)
        session, rows = _session(day), range(row, end)
        if not extended_hours:
            rows = _regular(series, rows, session)
        if rows:
            yield Stretch(session, rows)
        row = end


def _session(day: date) -> Session | None:
    return session_on(day) if FIRST_DAY <= day <= LAST_DAY else None


def _regular(series: Series, rows: range, session: Session | None) -> range:
    if session is None:
        return range(0)
    starts = series.starts
    low = bisect_left(starts, micros(session.open), rows.start, rows.stop)
    return range(low, bisect_left(starts, micros(session.close), low, rows.stop))
