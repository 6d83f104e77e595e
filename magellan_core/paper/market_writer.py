"""Writes bars as a folder of parquet files, in the form that market_files.py reads."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from magellan_core.errors import DataError
from magellan_core.market_hours import new_york_date
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.market_files import FOLDERS

SPLITS = "splits.json"
# Shares of a typical trade, for the trade count of minute bars.
SHARES_A_TRADE = 120


def write_folder(folder: Path, bars: Mapping[tuple[str, Timeframe], Sequence[Bar]]) -> list[Path]:
    """Write daily/, hourly/ and minute/ files and an empty splits.json; return the parquet files.

    Timestamps are bar starts in UTC, of daily bars 00:00 UTC of the session's date. Raises
    DataError where the folder holds other market data or cannot be written.
    """
    tables = {
        folder / _name(symbol, timeframe, series): _table(timeframe, series)
        for (symbol, timeframe), series in bars.items()
        if series
    }
    others = sorted(set(folder.glob("*/*.parquet")) - set(tables))
    if others:
        raise DataError(f"{folder}: holds other market data ({others[0].name}): name a new folder")
    try:
        for path, table in tables.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path, compression="zstd")
        (folder / SPLITS).write_text("{}\n", encoding="utf-8")
    except OSError as fault:
        raise DataError(f"{folder}: cannot be written ({fault.strerror}): name another") from None
    return list(tables)


def _name(symbol: str, timeframe: Timeframe, series: Sequence[Bar]) -> str:
    kind, mark = FOLDERS[timeframe]
    first, last = (new_york_date(bar.start) for bar in (series[0], series[-1]))
    return f"{kind}/{symbol}{mark}{first:%Y%m%d}_{last:%Y%m%d}.parquet"


def _table(timeframe: Timeframe, series: Sequence[Bar]) -> pa.Table:
    stamps = [
        datetime.combine(new_york_date(bar.start), time(), UTC)
        if timeframe is Timeframe.DAY
        else bar.start
        for bar in series
    ]
    columns = {
        "timestamp": pa.array(stamps, pa.timestamp("us", tz="UTC")),
        "open": pa.array([bar.open for bar in series], pa.float64()),
        "high": pa.array([bar.high for bar in series], pa.float64()),
        "low": pa.array([bar.low for bar in series], pa.float64()),
        "close": pa.array([bar.close for bar in series], pa.float64()),
        "volume": pa.array([int(bar.volume) for bar in series], pa.int64()),
    }
    if timeframe is Timeframe.MINUTE:
        # Bars do not carry these two; the mean of the bar's four prices stands for its trades.
        vwaps = [round((b.open + b.high + b.low + b.close) / 4, 6) for b in series]
        counts = [max(1, int(bar.volume) // SHARES_A_TRADE) for bar in series]
        columns["vwap"] = pa.array(vwaps, pa.float64())
        columns["trade_count"] = pa.array(counts, pa.int64())
    return pa.table(columns)
