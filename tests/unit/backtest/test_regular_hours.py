"""A backtest of Hourly Swing on hours of the regular session, from minutes on disk."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from magellan_core.backtest.options import BacktestOptions
from magellan_core.backtest.run import run
from magellan_core.config import parse
from magellan_core.errors import UnknownSymbol
from magellan_core.market_hours import new_york
from magellan_core.model import Timeframe
from magellan_core.paper.market_writer import write_folder
from tests.engine.test_regular_hours import BARS, FIRST, HALF, LAST, TSLA

CONFIG = (
    Path(__file__).resolve().parents[3]
    / "deployable_strategies/hourly_swing/aws_deployment/config.json"
)


def options(data: Path, **more: Any) -> BacktestOptions:
    told: dict[str, Any] = json.loads(CONFIG.read_text())
    told["symbols"] = [TSLA]
    told["symbol_parameters"] = {TSLA: {"rsi_period": 2, "upper": 60, "lower": 40}}
    told["strategy_parameters"]["bar_session"] = "regular"
    config = parse(json.dumps(told), "a test")
    return BacktestOptions(config, data, FIRST, LAST, warmup_bars=20, **more)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    write_folder(folder, BARS)
    return folder


def times(trade: Mapping[str, Any]) -> list[datetime]:
    return [
        new_york(datetime.fromisoformat(str(trade[name]))) for name in ("entry_time", "exit_time")
    ]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("accounts", ["per-symbol", "shared"])
def test_it_trades_on_the_hours_from_half_past_nine(data: Path, accounts: Any) -> None:
    """The rise from Tuesday's open is seen at 10:30, and so is the fall from the half day's."""
    result = run(options(data, fill="rth_open", accounts=accounts), lambda *_: None)
    (trade,) = (t for t in (trade.to_json() for trade in result.trades) if t["exit_time"])
    bought, sold = times(trade)
    at = ("10:30", "11:00")
    assert bought.date() == date(2025, 11, 25)
    assert sold.date() == HALF
    assert {f"{bought:%H:%M}", f"{sold:%H:%M}"} <= set(at)


def test_without_minutes_it_says_what_is_missing(tmp_path: Path) -> None:
    hours = list(BARS[TSLA, Timeframe.MINUTE][:10])
    write_folder(tmp_path, {(TSLA, Timeframe.HOUR): hours})
    with pytest.raises(UnknownSymbol, match="no 1Min bars of TSLA"):
        run(options(tmp_path), lambda *_: None)
