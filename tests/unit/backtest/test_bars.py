"""The bars a backtest runs on: which rows, in which shares, of which days."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from magellan_core.backtest.bars import absent_sessions, load, require_days, stretches
from magellan_core.errors import DataError, UnknownSymbol
from magellan_core.market_hours import sessions_between
from magellan_core.model import Timeframe
from magellan_core.paper.market_files import FOLDERS
from magellan_core.paper.market_series import Series, instant


def store(
    folder: Path, symbol: str, frame: Timeframe, starts: Sequence[datetime], close: float = 100.0
) -> None:
    kind, mark = FOLDERS[frame]
    (folder / kind).mkdir(parents=True, exist_ok=True)
    columns = {"timestamp": pa.array(starts, pa.timestamp("us", tz="UTC"))}
    for name in ("open", "high", "low", "close"):
        columns[name] = pa.array([close] * len(starts), pa.float64())
    columns["volume"] = pa.array([1000] * len(starts), pa.int64())
    pq.write_table(pa.table(columns), folder / kind / f"{symbol}{mark}20240101_20240201.parquet")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def days(first: str, count: int) -> list[datetime]:
    return [at(first) + timedelta(days=n) for n in range(count)]


def read(folder: Path, frame: Timeframe, last: str, *, adjusted: bool = True) -> Series:
    found, _ = load(
        folder, frame, ("X",), adjusted=adjusted, first=None, last=date.fromisoformat(last)
    )
    return found["X"]


def starts_of(series: Series) -> list[str]:
    return [instant(start).isoformat(timespec="minutes")[:16] for start in series.starts]


def test_adjusted_daily_rows_are_sessions_and_stored_ones_are_all(tmp_path: Path) -> None:
    # Friday to Tuesday: a Saturday and a Sunday, and the Monday of Martin Luther King's day.
    store(tmp_path, "X", Timeframe.DAY, days("2024-01-12", 5))
    assert starts_of(read(tmp_path, Timeframe.DAY, "2024-01-31")) == [
        "2024-01-12T14:30",
        "2024-01-16T14:30",
    ]
    stored = read(tmp_path, Timeframe.DAY, "2024-01-31", adjusted=False)
    assert len(stored) == 5
    assert starts_of(stored)[0] == "2024-01-12T00:00"


@pytest.mark.parametrize(
    ("frame", "before", "after"),
    [
        (Timeframe.DAY, "2024-01-09T00:00", "2024-01-10T00:00"),
        # In New York the 10th begins at 05:00 UTC.
        (Timeframe.HOUR, "2024-01-10T00:00", "2024-01-10T09:00"),
        (Timeframe.MINUTE, "2024-01-10T00:59", "2024-01-10T14:30"),
    ],
)
def test_a_split_is_in_force_from_its_new_york_day_on(
    tmp_path: Path, frame: Timeframe, before: str, after: str
) -> None:
    store(tmp_path, "X", frame, [at(before), at(after)])
    (tmp_path / "splits.json").write_text('{"X": [["2024-01-10", 4]]}')
    series = read(tmp_path, frame, "2024-01-31")
    assert list(series.closes) == [25.0, 100.0]
    assert list(series.volumes) == [4000.0, 1000.0]
    assert list(read(tmp_path, frame, "2024-01-31", adjusted=False).closes) == [100.0, 100.0]


def test_several_splits_multiply_and_a_reverse_one_divides(tmp_path: Path) -> None:
    store(tmp_path, "X", Timeframe.DAY, days("2024-01-08", 3))
    (tmp_path / "splits.json").write_text(
        '{"X": [["2024-01-09", 10], ["2024-01-10", 0.05]], "Y": [["2024-01-09", 3]]}'
    )
    assert list(read(tmp_path, Timeframe.DAY, "2024-01-31").closes) == [200.0, 2000.0, 100.0]


def test_the_last_day_is_new_yorks(tmp_path: Path) -> None:
    hours = [at("2024-01-10T20:00"), at("2024-01-11T00:00"), at("2024-01-11T09:00")]
    store(tmp_path, "X", Timeframe.HOUR, hours)
    # 19:00 of the 10th in New York is still the 10th.
    assert starts_of(read(tmp_path, Timeframe.HOUR, "2024-01-10")) == [
        "2024-01-10T20:00",
        "2024-01-11T00:00",
    ]


def test_symbols_without_a_file_are_told_and_none_at_all_is_a_fault(tmp_path: Path) -> None:
    store(tmp_path, "X", Timeframe.DAY, days("2024-01-08", 3))
    _, missing = load(
        tmp_path,
        Timeframe.DAY,
        ("X", "GLD"),
        adjusted=True,
        first=None,
        last=date(2024, 1, 31),
    )
    assert len(missing) == 1
    assert missing[0].startswith("GLD: no 1Day bars")
    with pytest.raises(UnknownSymbol, match="it has X"):
        load(tmp_path, Timeframe.DAY, ("GLD",), adjusted=True, first=None, last=date(2024, 1, 31))


def test_days_without_bars_are_a_fault_and_absent_sessions_are_found(tmp_path: Path) -> None:
    store(tmp_path, "X", Timeframe.DAY, [at("2024-01-08"), at("2024-01-10")])
    series = read(tmp_path, Timeframe.DAY, "2024-01-31")
    with pytest.raises(DataError, match=r"no bars for 2024-02-01.*2024-01-08..2024-01-10"):
        require_days(series, date(2024, 2, 1), date(2024, 2, 2))
    wanted = sessions_between(date(2024, 1, 8), date(2024, 1, 11))
    assert absent_sessions(series, wanted) == [date(2024, 1, 9), date(2024, 1, 11)]


def test_regular_stretches_hold_the_sessions_rows_alone(tmp_path: Path) -> None:
    minutes = [at(f"2024-07-03T{clock}") for clock in ("13:29", "13:30", "16:59", "17:00")]
    store(tmp_path, "X", Timeframe.MINUTE, minutes)
    series = read(tmp_path, Timeframe.MINUTE, "2024-07-31")
    # A half day: open 09:30, close 13:00 in New York.
    [(session, rows)] = stretches(series, Timeframe.MINUTE, False)
    assert session is not None
    assert session.is_half_day
    assert list(rows) == [1, 2]
    [(_, every)] = stretches(series, Timeframe.MINUTE, True)
    assert list(every) == [0, 1, 2, 3]
