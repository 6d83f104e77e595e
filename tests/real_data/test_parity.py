"""Ten real sessions three ways give the same lines: seen, decided, sent and filled, to the cent."""

import os
from datetime import date
from pathlib import Path

import pytest

from magellan_core.market_hours import sessions_between
from magellan_core.paper.market import Market
from tests.parity import PATHS, by_backtest, by_daemons, by_engines, configs, first_difference

ROOT = Path(__file__).parents[2]
BARS = Path(os.environ.get("MAGELLAN_MARKETDATA", ROOT.parent / "shared" / "marketdata"))
FIRST, LAST = date(2024, 12, 30), date(2025, 1, 14)

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not BARS.is_dir(), reason=f"no market data folder {BARS}"),
]


@pytest.mark.timeout(600)
def test_ten_real_days(tmp_path: Path) -> None:
    assert len(sessions_between(FIRST, LAST)) >= 10
    market = Market.load(BARS, first=FIRST, last=LAST)
    engines = by_engines(market, configs(), FIRST, LAST)
    for name, config in configs().items():
        alone = by_backtest(market, name, config, FIRST, LAST)
        assert first_difference(alone, engines[name]) is None, name
    days = ("--data", str(BARS), "--from", str(FIRST), "--to", str(LAST))
    daemons = by_daemons(tmp_path / "out", *days)
    for name in PATHS:
        assert first_difference(engines[name], daemons[name]) is None, name
        assert sum(1 for row in engines[name] if row[1] == "fill") >= 2, name
