"""The market: what is told of bars, from memory and from parquet folders."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from magellan_core.errors import DataError, UnknownSymbol
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.market import Market
from tests.unit.paper.exchange_support import ACME, QUIET, at, bar

DAY, MINUTE = Timeframe.DAY, Timeframe.MINUTE
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
Row = tuple[str, float]


def write(folder: Path, name: str, rows: Sequence[Row]) -> None:
    """A parquet file of bars with one price each; starts as ISO texts in UTC."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    starts = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text, _ in rows]
    prices = [price for _, price in rows]
    columns = dict.fromkeys(("open", "high", "low", "close"), prices)
    stamps = pa.array(starts, pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"timestamp": stamps, **columns, "volume": [7] * len(rows)}), path)


def load(folder: Path, first: str = "2024-07-01", last: str = "2024-07-31") -> Market:
    return Market.load(folder, first=date.fromisoformat(first), last=date.fromisoformat(last))


def closes(
    market: Market, timeframe: Timeframe, as_of: str, *, adjusted: bool = False
) -> list[float]:
    now = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    bars = market.bars(ACME, timeframe, *ALWAYS, as_of=now, split_adjusted=adjusted)
    return [bar.close for bar in bars]


def test_daily_rows_become_sessions_and_rows_of_other_days_are_dropped(tmp_path: Path) -> None:
    rows = [("2024-07-03", 1.0), ("2024-07-04", 2.0), ("2024-07-05", 3.0), ("2024-07-06", 4.0)]
    write(tmp_path, "daily/ACME_1d_x.parquet", rows)
    bars = load(tmp_path).bars(ACME, DAY, *ALWAYS, as_of=ALWAYS[1], split_adjusted=False)
    assert [(f"{bar.start:%d %H:%M}", f"{bar.end:%d %H:%M}", bar.close) for bar in bars] == [
        ("03 13:30", "03 17:00", 1.0),
        ("05 13:30", "05 20:00", 3.0),
    ]


def test_history_before_the_first_day_is_kept_and_rows_after_the_last_are_not(
    tmp_path: Path,
) -> None:
    days = ["2024-05-01", "2024-07-01", "2024-07-31", "2024-08-01"]
    write(tmp_path, "daily/ACME_1d_x.parquet", [(day, 1.0) for day in days])
    market = load(tmp_path)
    assert len(closes(market, DAY, "2030-01-01")) == 3
    assert market.coverage() == (date(2024, 5, 1), date(2024, 7, 31))


def test_several_files_of_a_symbol_are_one_series_without_duplicates(tmp_path: Path) -> None:
    write(
        tmp_path, "minute/ACME_1m_b.parquet", [("2024-07-01T14:00", 1.0), ("2024-07-01T14:02", 3.0)]
    )
    write(
        tmp_path, "minute/ACME_1m_c.parquet", [("2024-07-01T14:01", 2.0), ("2024-07-01T14:02", 3.0)]
    )
    assert closes(load(tmp_path), MINUTE, "2024-07-02") == [1.0, 2.0, 3.0]


def test_only_completed_bars_are_told(tmp_path: Path) -> None:
    write(
        tmp_path, "minute/ACME_1m_b.parquet", [("2024-07-01T14:00", 1.0), ("2024-07-01T14:01", 2.0)]
    )
    market = load(tmp_path)
    assert closes(market, MINUTE, "2024-07-01T14:01:59") == [1.0]
    assert closes(market, MINUTE, "2024-07-01T14:02:00") == [1.0, 2.0]


def test_a_split_adjusts_from_its_new_york_day_on_and_not_before(tmp_path: Path) -> None:
    write(tmp_path, "daily/ACME_1d_x.parquet", [("2024-07-01", 40.0), ("2024-07-02", 11.0)])
    (tmp_path / "splits.json").write_text(json.dumps({"_comment": "", "ACME": [["2024-07-02", 4]]}))
    market = load(tmp_path)
    assert closes(market, DAY, "2024-07-02T03:59", adjusted=True) == [40.0]
    assert closes(market, DAY, "2024-07-02T04:00", adjusted=True) == [10.0]
    assert closes(market, DAY, "2024-07-03", adjusted=True) == [10.0, 11.0]
    assert closes(market, DAY, "2024-07-03") == [40.0, 11.0]
    adjusted = market.bars(ACME, DAY, *ALWAYS, as_of=ALWAYS[1], split_adjusted=True)
    assert [bar.volume for bar in adjusted] == [28, 7]


def test_symbols_trade_in_the_days_asked_for_others_are_only_known(tmp_path: Path) -> None:
    write(tmp_path, "daily/ACME_1d_x.parquet", [("2024-07-01", 1.0)])
    write(tmp_path, "daily/GONE_1d_x.parquet", [("2024-01-02", 1.0)])
    market = load(tmp_path)
    assert market.symbols == (ACME,)
    assert [market.knows(symbol) for symbol in (ACME, "GONE", "NOPE")] == [True, True, False]


def test_days_without_bars_are_a_fault_that_tells_what_is_there(tmp_path: Path) -> None:
    write(tmp_path, "daily/ACME_1d_x.parquet", [("2024-07-01", 1.0), ("2024-07-02", 1.0)])
    with pytest.raises(DataError) as caught:
        load(tmp_path, "2030-01-02", "2030-01-05")
    assert str(caught.value) == (
        "no minute, hourly or daily bars for 2030-01-02..2030-01-05 "
        f"in {tmp_path}; it covers 2024-07-01..2024-07-02"
    )


def test_a_missing_folder_an_unknown_symbol_and_a_broken_file_are_told_apart(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError, match="no market data folder"):
        load(tmp_path / "nowhere")
    write(tmp_path, "daily/ACME_1d_x.parquet", [("2024-07-01", 1.0)])
    with pytest.raises(UnknownSymbol, match=r"no bars of NOPE .* it has ACME"):
        Market.load(tmp_path, first=date(2024, 7, 1), last=date(2024, 7, 2), symbols=["NOPE"])
    (tmp_path / "daily/ACME_1d_x.parquet").write_bytes(b"not parquet")
    with pytest.raises(DataError, match=r"ACME_1d_x\.parquet: not readable"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{", '{"ACME": [["2024-07-02", 0]]}', '{"ACME": [[1]]}'])
def test_a_broken_table_of_splits_is_a_fault(tmp_path: Path, text: str) -> None:
    write(tmp_path, "daily/ACME_1d_x.parquet", [("2024-07-01", 1.0)])
    (tmp_path / "splits.json").write_text(text)
    with pytest.raises(DataError, match=r"splits\.json"):
        load(tmp_path)


def test_bars_must_come_in_order() -> None:
    rows: list[Bar] = [bar(1, QUIET), bar(0, QUIET)]
    with pytest.raises(ValueError, match="oldest first"):
        Market.from_bars({(ACME, MINUTE): rows})


def test_before_the_first_bar_there_is_no_price() -> None:
    market = Market.from_bars({(ACME, MINUTE): [bar(0, QUIET)]})
    assert market.last_price(ACME, MINUTE, at(0)) is None
    assert market.last_price(ACME, MINUTE, at(0), begun=True) == 10
    assert market.last_price(ACME, DAY, at(0) + timedelta(days=9)) is None
