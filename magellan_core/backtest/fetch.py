"""Download bars and splits into a folder that backtests and the paper exchange read.

A file holds one symbol's bars of one stretch of days (a month of minutes, a year of hours, all
days); it appears whole or not at all, so a download that was cut short goes on where it stopped.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from magellan_core.errors import DataError, RateLimited
from magellan_core.market_hours import at_new_york, new_york_date
from magellan_core.model import Timeframe
from magellan_core.paper.market_files import FOLDERS, read_splits

_ONE_DAY = timedelta(days=1)
_PRICES = ("open", "high", "low", "close")
ATTEMPTS = 5


class Row(Protocol):
    """A bar as downloaded."""

    @property
    def at(self) -> datetime: ...
    @property
    def open(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def close(self) -> float: ...
    @property
    def volume(self) -> float: ...


class Source(Protocol):
    """Where bars and splits come from. Raises Unavailable and RateLimited."""

    def bars(
        self, symbol: str, timeframe: Timeframe, start: datetime, end: datetime
    ) -> Iterator[Row]: ...

    def splits(
        self, symbols: tuple[str, ...], first: date, last: date
    ) -> Mapping[str, Sequence[tuple[date, Fraction]]]: ...


@dataclass(frozen=True, slots=True)
class Order:
    """What to download. Days are New York's, both inclusive, and over at `now`: no half days."""

    folder: Path
    symbols: tuple[str, ...]
    timeframe: Timeframe
    first: date
    last: date
    now: datetime


Say = Callable[[str], None]


def fetch(order: Order, source: Source, rest: Callable[[], None], say: Say) -> list[Path]:
    """Bring the folder up to the order; return the files written. `rest` waits out a rate limit.

    Raise DataError if the folder cannot be written, Unavailable, RateLimited after five attempts.
    """
    written: list[Path] = []
    whole = min(order.last, new_york_date(order.now) - _ONE_DAY)
    try:
        (order.folder / FOLDERS[order.timeframe][0]).mkdir(parents=True, exist_ok=True)
        for symbol in order.symbols:
            for first, last in stretches(order.timeframe, order.first, whole):
                path = order.folder / _name(symbol, order.timeframe, first, last)
                if path.exists():
                    say(f"{path.name}: is there")
                    continue
                rows = _patiently(order, source, symbol, first, last, rest)
                _write(path, order.timeframe, rows)
                _drop_shorter(path, symbol, order.timeframe, first)
                written.append(path)
                say(f"{path.name}: {len(rows)} bars")
        _write_splits(order, source)
    except OSError as fault:
        raise DataError(f"{fault.filename}: cannot be written ({fault.strerror})") from None
    return written


def stretches(timeframe: Timeframe, first: date, last: date) -> Iterator[tuple[date, date]]:
    """The days file by file: the same cuts whatever was asked, so that files are found again."""
    begin = first
    while begin <= last:
        match timeframe:
            case Timeframe.MINUTE:
                following = (begin.replace(day=1) + timedelta(days=32)).replace(day=1)
            case Timeframe.HOUR:
                following = date(begin.year + 1, 1, 1)
            case Timeframe.DAY:
                following = last + _ONE_DAY
        yield begin, min(following - _ONE_DAY, last)
        begin = following


def _name(symbol: str, timeframe: Timeframe, first: date, last: date) -> str:
    folder, mark = FOLDERS[timeframe]
    return f"{folder}/{symbol}{mark}{first:%Y%m%d}_{last:%Y%m%d}.parquet"


def _patiently(
    order: Order,
    source: Source,
    symbol: str,
    first: date,
    last: date,
    rest: Callable[[], None],
) -> list[Row]:
    start = at_new_york(first, 0)
    end = at_new_york(last + _ONE_DAY, 0) - timedelta(seconds=1)
    attempt = 1
    while True:
        try:
            return list(source.bars(symbol, order.timeframe, start, end))
        except RateLimited:
            if attempt == ATTEMPTS:
                raise
            attempt += 1
            rest()


def _write(path: Path, timeframe: Timeframe, rows: Sequence[Row]) -> None:
    """The whole file or none: written beside, then moved."""
    # A daily row is stamped with its session's date at 00:00 UTC, as the stored files are.
    stamps = [
        datetime.combine(new_york_date(row.at), time(), UTC)
        if timeframe is Timeframe.DAY
        else row.at
        for row in rows
    ]
    columns = {"timestamp": pa.array(stamps, pa.timestamp("us", tz="UTC"))}
    for name in _PRICES:
        columns[name] = pa.array([getattr(row, name) for row in rows], pa.float64())
    columns["volume"] = pa.array([int(row.volume) for row in rows], pa.int64())
    part = path.with_suffix(".part")
    pq.write_table(pa.table(columns), part, compression="zstd")
    part.replace(path)


def _drop_shorter(path: Path, symbol: str, timeframe: Timeframe, first: date) -> None:
    """Forget files that begin on the same day and end earlier: this one holds their bars."""
    _, mark = FOLDERS[timeframe]
    for other in path.parent.glob(f"{symbol}{mark}{first:%Y%m%d}_*.parquet"):
        if other.name < path.name:
            other.unlink()


def _write_splits(order: Order, source: Source) -> None:
    """Add these symbols' splits, up to now, to the folder's table: prices are raw."""
    table = {symbol: list(rows) for symbol, rows in read_splits(order.folder).items()}
    told = source.splits(order.symbols, order.first, new_york_date(order.now))
    for symbol, rows in told.items():
        table[symbol] = sorted({*table.get(symbol, ()), *rows})
    text = {
        symbol: [[day.isoformat(), float(ratio)] for day, ratio in rows]
        for symbol, rows in sorted(table.items())
    }
    part = order.folder / "splits.part"
    part.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    part.replace(order.folder / "splits.json")
