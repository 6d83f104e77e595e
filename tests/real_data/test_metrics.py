"""Metrics of real runs against the answer keys' statistics, where the definitions are the same.

Drawdowns of Bear Trap are not compared: the keys mark the account after each trade, ours at every
minute. Sharpe ratios of Hourly Swing neither: the keys take other returns than one a session.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from magellan_core.backtest.answer_keys import VARIANTS
from magellan_core.backtest.options import BacktestOptions
from magellan_core.backtest.run import run
from magellan_core.backtest.whole import measured
from magellan_core.config import load

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
BARS = Path(os.environ.get("MAGELLAN_MARKETDATA", SHARED / "marketdata"))
KEYS = Path(os.environ.get("MAGELLAN_ANSWER_KEYS", SHARED / "answer_keys"))
FOLDERS = {
    "bear_trap": "bear_trap",
    "daily_trend": "daily_trend_hysteresis",
    "hourly_swing": "hourly_swing",
}
# Statistic -> half a unit of the last digit that the keys give.
ROUNDED = {"return_pct": 0.0051, "final_pct": 0.0051, "win_rate": 0.051}
MORE = {
    "bear_trap": {},
    "daily_trend": {"max_dd_pct": 0.0051, "sharpe": 0.0051},
    "hourly_swing": {"max_dd_pct": 0.0051},
}
FEWEST_COMPARED = {"bear_trap": 80, "daily_trend": 100, "hourly_swing": 24}

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not BARS.is_dir(), reason=f"no market data folder {BARS}"),
    pytest.mark.skipif(not KEYS.is_dir(), reason=f"no answer keys {KEYS}"),
]


def runs(strategy: str) -> Iterator[tuple[str, BacktestOptions, dict[str, Any]]]:
    """Each run of each variant with the statistics it must come to."""
    told = json.loads((KEYS / f"{strategy}.json").read_text(encoding="utf-8"))
    config = ROOT / "deployable_strategies" / FOLDERS[strategy] / "aws_deployment/config.json"
    base = BacktestOptions(
        config=load(config),
        data=BARS,
        first=date(2024, 1, 1),
        last=date(2025, 12, 31),
        capital=Decimal(10_000),
        price_ticks="exact",
    )
    for variant, changes in VARIANTS[strategy].items():
        options = replace(base, **changes)
        for symbol, answer in told.get(variant, {}).get("symbols", {}).items():
            band = {k.replace("rsi", "rsi_period"): v for k, v in answer["params"].items()}
            asked = replace(options, symbols=(symbol,), overrides=band)
            yield f"{variant} {symbol}", asked, answer["stats"]
        for name, answer in told.items():
            if variant in answer and "symbol" in answer:
                first, last = (date.fromisoformat(day) for day in name.rsplit("_", 2)[1:])
                asked = replace(options, symbols=(answer["symbol"],), first=first, last=last)
                yield f"{variant} {name}", asked, answer[variant]["stats"]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("strategy", FOLDERS)
def test_metrics_match_the_keys_statistics(strategy: str) -> None:
    tolerances = {**ROUNDED, **MORE[strategy]}
    compared, faults = 0, []
    for label, options, stats in runs(strategy):
        result = run(options)
        one = measured(result.accounts[0], result)
        mine = {
            "return_pct": result.accounts[0].return_pct,
            "final_pct": one.strategy.total_return_pct.value,
            "win_rate": one.strategy.win_rate_pct.value,
            "max_dd_pct": one.strategy.max_drawdown_pct.value,
            "sharpe": one.strategy.sharpe.value,
        }
        for name, tolerance in tolerances.items():
            expected, got = stats.get(name), mine[name]
            if name not in stats:
                continue
            compared += 1
            if (expected is None) != (got is None) or abs((expected or 0) - (got or 0)) > tolerance:
                faults.append(f"{label}: {name} {expected} expected, {got} measured")
    assert faults == []
    assert compared >= FEWEST_COMPARED[strategy]
