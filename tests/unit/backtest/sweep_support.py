"""A small market in the stored form, for sweeps that really run."""

import math
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from magellan_core.backtest.options import BacktestOptions
from magellan_core.config import load
from magellan_core.market_hours import sessions_between

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "deployable_strategies/daily_trend_hysteresis/aws_deployment/config.json"
FIRST, LAST = date(2022, 1, 3), date(2023, 12, 29)


def write_market(folder: Path, symbols: tuple[str, ...] = ("SPY", "QQQ")) -> Path:
    """Two years of daily bars that swing, each symbol at a rhythm of its own."""
    (folder / "daily").mkdir(parents=True)
    days = [session.date for session in sessions_between(date(2021, 6, 1), LAST)]
    starts = [datetime(day.year, day.month, day.day) for day in days]  # noqa: DTZ001 (UTC below)
    for k, symbol in enumerate(symbols):
        closes = [
            100 + 0.03 * i + 12 * math.sin(i / (17 + 6 * k)) + 2 * math.sin(i * 1.7)
            for i in range(len(days))
        ]
        opens = [closes[0], *closes[:-1]]
        table = pa.table(
            {
                "timestamp": pa.array(starts, pa.timestamp("us", "UTC")),
                "open": opens,
                "high": [max(o, c) + 0.5 for o, c in zip(opens, closes, strict=True)],
                "low": [min(o, c) - 0.5 for o, c in zip(opens, closes, strict=True)],
                "close": closes,
                "volume": pa.array([1_000_000] * len(days), pa.int64()),
            }
        )
        name = f"{symbol}_1d_{days[0]:%Y%m%d}_{days[-1] + timedelta(1):%Y%m%d}.parquet"
        pq.write_table(table, folder / "daily" / name)
    return folder


def base(folder: Path) -> BacktestOptions:
    """Two symbols of Daily Trend over two years."""
    return BacktestOptions(
        config=load(CONFIG), data=folder, first=FIRST, last=LAST, symbols=("SPY", "QQQ")
    )
