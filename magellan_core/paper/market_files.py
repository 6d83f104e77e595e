"""Reads a folder of parquet bars and its splits.json. Sole importer of pyarrow, with market.py."""

import json
from array import array
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from magellan_core.errors import DataError
from magellan_core.market_hours import FIRST_DAY, LAST_DAY, session_on
from magellan_core.model import Timeframe
from magellan_core.paper.market_series import LENGTH, Series, instant, micros

FOLDERS = {
    Timeframe.MINUTE: ("minute", "_1m_"),
    Timeframe.HOUR: ("hourly", "_1h_"),
    Timeframe.DAY: ("daily", "_1d_"),
}
_PRICES = ("open", "high", "low", "close", "volume")
_LARGEST_DENOMINATOR = 10_000


def bar_files(folder: Path) -> dict[tuple[str, Timeframe], list[Path]]:
    """The parquet files of a market data folder, by symbol and timeframe, in name order.

    Raise DataError if the folder does not exist.
    """
    if not folder.is_dir():
        raise DataError(f"no market data folder {folder}: give an existing one")
    found: dict[tuple[str, Timeframe], list[Path]] = {}
    for timeframe, (name, mark) in FOLDERS.items():
        for path in sorted((folder / name).glob(f"*{mark}*.parquet")):
            found.setdefault((path.name.split(mark)[0], timeframe), []).append(path)
    return found


def read_series(
    symbol: str, timeframe: Timeframe, files: Collection[Path], *, sessions_only: bool = True
) -> Series:
    """All bars of those files, oldest first, each start once. Raise DataError if unreadable.

    A daily row is the session of its UTC date: rows on other days (the source has bars on
    holidays and Saturdays, of extended hours) are no session's and are dropped. Without
    `sessions_only` they are kept, and each daily row spans its UTC day as stored.
    """
    columns = _columns(files)
    starts = columns.pop("timestamp")
    keep: list[int] | None = None
    if any(a >= b for a, b in pairwise(starts)):
        keep = _in_order(starts)
        starts = array("q", [starts[i] for i in keep])
    if timeframe is Timeframe.DAY and sessions_only:
        sessions, starts, ends = _sessions(starts)
        keep = sessions if keep is None else [keep[i] for i in sessions]
    else:
        length = LENGTH[timeframe] // timedelta(microseconds=1)
        ends = array("q", [start + length for start in starts])
    made = Series(symbol, starts, ends)
    made.opens, made.highs, made.lows, made.closes, made.volumes = (
        column if keep is None else array("d", [column[i] for i in keep])
        for column in columns.values()
    )
    return made


def read_splits(folder: Path) -> Mapping[str, list[tuple[date, Fraction]]]:
    """Splits by symbol from splits.json, oldest first; empty without the file.

    Ratios are new shares per old share, as the nearest simple fraction. Raise DataError if the
    file does not say {"SYMBOL": [["YYYY-MM-DD", ratio], ...]}.
    """
    path = folder / "splits.json"
    if not path.exists():
        return {}
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {
            symbol: sorted((date.fromisoformat(day), as_ratio(ratio)) for day, ratio in rows)
            for symbol, rows in told.items()
            if not symbol.startswith("_")
        }
    except (OSError, ValueError, TypeError, AttributeError, ZeroDivisionError) as fault:
        raise DataError(f"{path}: not a table of splits ({fault}): mend or remove it") from None


def as_ratio(ratio: float | Fraction) -> Fraction:
    """The nearest simple fraction: 0.0333... is 1/30. Raise ValueError unless it is positive."""
    simple = Fraction(ratio).limit_denominator(_LARGEST_DENOMINATOR)
    if simple <= 0:
        raise ValueError(f"a split of {ratio} new shares per old share is impossible")
    return simple


def _columns(files: Collection[Path]) -> dict[str, "array[Any]"]:
    """Starts in microseconds, prices and volumes, as the files hold them one after the other."""
    told: dict[str, array[Any]] = {"timestamp": array("q")}
    told |= {name: array("d") for name in _PRICES}
    for path in files:
        for name, column in _read(path).items():
            for chunk in column.chunks:
                values = _plain(chunk)
                kind = told[name].typecode
                told[name] += values if values.typecode == kind else array(kind, values)
    return told


def _read(path: Path) -> dict[str, pa.ChunkedArray]:
    """The columns of a file. Nothing here makes pyarrow import pandas or its compute module,
    which would cost a short run more than its bars: no datasets, no to_numpy, casts where needed.
    """
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(columns=["timestamp", *_PRICES])
        made = {"timestamp": _as(table.column("timestamp"), pa.timestamp("us", "UTC"))}
        made |= {name: _as(table.column(name), pa.float64(), pa.int64()) for name in _PRICES}
    except (OSError, pa.ArrowException, KeyError) as fault:
        why = str(fault).splitlines()[0]
        raise DataError(f"{path}: not readable as bars ({why}): replace the file") from None
    if any(column.null_count for column in made.values()):
        raise DataError(f"{path}: has empty cells: replace the file")
    return made


def _as(column: pa.ChunkedArray, kind: pa.DataType, *others: pa.DataType) -> pa.ChunkedArray:
    return column if column.type in (kind, *others) else column.cast(kind)


def _plain(chunk: pa.Array) -> "array[Any]":
    """The eight-byte values of a chunk without empty cells."""
    made: array[Any] = array("d" if pa.types.is_floating(chunk.type) else "q")
    _, values = chunk.buffers()
    made.frombytes(memoryview(values)[8 * chunk.offset : 8 * (chunk.offset + len(chunk))])
    return made


def _in_order(starts: "array[int]") -> list[int]:
    """Rows oldest first; of rows with one start, the first one told."""
    rows = sorted(range(len(starts)), key=starts.__getitem__)
    return [i for n, i in enumerate(rows) if n == 0 or starts[i] != starts[rows[n - 1]]]


def _sessions(starts: "array[int]") -> tuple[list[int], "array[int]", "array[int]"]:
    keep: list[int] = []
    opens, closes = array("q"), array("q")
    for i, start in enumerate(starts):
        day = instant(start).date()
        session = session_on(day) if FIRST_DAY <= day <= LAST_DAY else None
        if session is not None:
            keep.append(i)
            opens.append(micros(session.open))
            closes.append(micros(session.close))
    return keep, opens, closes
