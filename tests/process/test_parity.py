"""The synthetic market three ways gives the same lines: seen, decided, sent and filled."""

from datetime import date
from pathlib import Path

import pytest

from magellan_core.paper.market import Market
from magellan_core.paper.synthetic import DEMO_SEED, generate
from tests.parity import PATHS, by_backtest, by_daemons, by_engines, configs, first_difference

FIRST, LAST = date(2025, 11, 25), date(2025, 11, 28)


@pytest.mark.timeout(400)
def test_the_synthetic_market(tmp_path: Path) -> None:
    market = Market.from_bars(generate(seed=DEMO_SEED, first=FIRST, last=LAST))
    engines = by_engines(market, configs(), FIRST, LAST)
    for name, config in configs().items():
        alone = by_backtest(market, name, config, FIRST, LAST)
        assert first_difference(alone, engines[name]) is None, name
    days = ("--from", str(FIRST), "--to", str(LAST))
    daemons = by_daemons(tmp_path / "out", *days)
    for name in PATHS:
        assert first_difference(engines[name], daemons[name]) is None, name
        assert any(row[1] == "fill" for row in engines[name]), name
