"""A folder of generated bars has the form of stored data, and the exchange reads it back."""

import subprocess
import sys
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from magellan_core.errors import DataError
from magellan_core.market_hours import new_york_date
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.market import Market
from magellan_core.paper.market_writer import write_folder
from magellan_core.paper.synthetic import DEMO_FIRST, DEMO_LAST, generate

SCRIPT = Path(__file__).parents[3] / "scripts" / "make_synthetic_market.py"


@cache
def demo() -> dict[tuple[str, Timeframe], list[Bar]]:
    return generate()


def test_the_folder_has_the_form_of_stored_data(tmp_path: Path) -> None:
    files = write_folder(tmp_path, demo())
    assert {path.relative_to(tmp_path).as_posix() for path in files} >= {
        "daily/SPY_1d_20240816_20251202.parquet",
        "hourly/TSLA_1h_20250423_20251202.parquet",
        "minute/AMC_1m_20251120_20251202.parquet",
    }
    assert len(files) == len(demo())
    assert (tmp_path / "splits.json").read_text() == "{}\n"
    for path in files:
        table = pq.read_table(path)
        symbol, label, *_ = path.stem.split("_")
        frame = {"1d": Timeframe.DAY, "1h": Timeframe.HOUR, "1m": Timeframe.MINUTE}[label]
        schema = {field.name: str(field.type) for field in table.schema}
        extra = {"vwap": "double", "trade_count": "int64"} if label == "1m" else {}
        assert schema == {
            "timestamp": "timestamp[us, tz=UTC]",
            **dict.fromkeys(("open", "high", "low", "close"), "double"),
            "volume": "int64",
            **extra,
        }
        assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
        for row, bar in zip(table.to_pylist(), demo()[symbol, frame], strict=True):
            stamp = bar.start
            if frame is Timeframe.DAY:
                stamp = datetime.combine(new_york_date(bar.start), time(), UTC)
            assert row["timestamp"] == stamp
            assert [row[c] for c in ("open", "high", "low", "close", "volume")] == list(bar[3:])
            if extra:
                assert bar.low <= row["vwap"] <= bar.high
                assert row["trade_count"] >= 1


def test_the_exchange_reads_back_what_was_generated(tmp_path: Path) -> None:
    write_folder(tmp_path, demo())
    market = Market.load(tmp_path, first=DEMO_FIRST, last=DEMO_LAST)
    end = datetime(2025, 12, 4, tzinfo=UTC)
    for (symbol, frame), bars in demo().items():
        read = market.bars(symbol, frame, bars[0].start, end, as_of=end, split_adjusted=True)
        assert read == bars


def test_a_folder_with_other_market_data_is_refused(tmp_path: Path) -> None:
    bars = {("SPY", Timeframe.DAY): demo()["SPY", Timeframe.DAY]}
    write_folder(tmp_path, bars)
    write_folder(tmp_path, bars)  # the same files again are fine
    later = {("SPY", Timeframe.DAY): demo()["SPY", Timeframe.DAY][5:]}
    with pytest.raises(DataError, match="other market data"):
        write_folder(tmp_path, later)


def test_a_folder_that_cannot_be_made_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        write_folder(tmp_path / "file", demo())


def test_the_script_writes_the_folder_and_tells_faults_by_exit_code(tmp_path: Path) -> None:
    good = subprocess.run(
        [sys.executable, SCRIPT, "--out", tmp_path / "m", "--to", "2025-11-26"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (good.returncode, good.stderr) == (0, "")
    assert "17 files" in good.stdout
    assert (tmp_path / "m" / "minute" / "MULN_1m_20251120_20251126.parquet").exists()
    bad = subprocess.run(
        [sys.executable, SCRIPT, "--out", tmp_path / "n", "--to", "2025-01-01"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert bad.returncode == DataError.exit_code
    assert "choose other dates" in bad.stderr
