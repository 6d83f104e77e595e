"""Every trade of every answer key comes out of the backtest, trade by trade."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from magellan_core.backtest.answer_keys import VARIANTS, compare
from magellan_core.config import Config, load

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
BARS = Path(os.environ.get("MAGELLAN_MARKETDATA", SHARED / "marketdata"))
KEYS = Path(os.environ.get("MAGELLAN_ANSWER_KEYS", SHARED / "answer_keys"))
FOLDERS = {
    "bear_trap": "bear_trap",
    "daily_trend": "daily_trend_hysteresis",
    "hourly_swing": "hourly_swing",
}

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not BARS.is_dir(), reason=f"no market data folder {BARS}"),
    pytest.mark.skipif(not KEYS.is_dir(), reason=f"no answer keys {KEYS}"),
]


def configs() -> dict[str, Config]:
    return {
        name: load(ROOT / "deployable_strategies" / folder / "aws_deployment" / "config.json")
        for name, folder in FOLDERS.items()
    }


@pytest.mark.timeout(300)
def test_every_variant_is_reproduced() -> None:
    rows = list(compare(KEYS, BARS, configs()))
    assert [row.differences for row in rows if row.differences] == []
    assert {(row.key.removesuffix("_synthetic"), row.variant) for row in rows} == {
        (name, variant) for name, variants in VARIANTS.items() for variant in variants
    }
    assert all(row.trades == row.reproduced > 0 for row in rows)


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/backtest.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.timeout(120)
def test_the_script_writes_the_same_trades_and_returns(tmp_path: Path) -> None:
    out = tmp_path / "swing.json"
    asked = "--strategy hourly_swing --from 2024-01-01 --to 2025-12-31 --rsi wilder --cost-bps 5"
    more = "--bars adjusted --fill rth_open --warmup-bars 84 --capital 10000 --price-ticks exact"
    done = script(
        *asked.split(), *more.split(), "--accounts", "per-symbol",
        "--data", str(BARS), "--json", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text())["symbols"]
    key = json.loads((KEYS / "hourly_swing.json").read_text())["all_wilder_rth_open"]["symbols"]
    assert set(told) == set(key)
    for symbol, expected in key.items():
        got = told[symbol]
        assert len(got["trades"]) == len(expected["trades"])
        for name in ("return_pct", "final_pct", "trades", "win_rate"):
            assert got["stats"][name] == pytest.approx(expected["stats"][name], abs=0.011), symbol


@pytest.mark.timeout(120)
def test_days_without_bars_are_told_with_what_there_is() -> None:
    done = script(
        "--strategy", "bear_trap", "--symbols", "AMC",
        "--from", "2026-02-02", "--to", "2026-02-03", "--data", str(BARS),
    )  # fmt: skip
    assert done.returncode == 65
    assert "AMC: no bars for 2026-02-02..2026-02-03; they cover 2024-04-01..2025-01-31" in (
        done.stderr
    )
    assert done.stderr.count("\n") == 1


@pytest.mark.timeout(120)
def test_a_symbol_asked_for_by_name_must_be_there_one_of_the_config_need_not() -> None:
    days = ("--from", "2024-03-01", "--to", "2024-03-28", "--data", str(BARS))
    named = script("--strategy", "daily_trend", "--symbols", "SPY,GLD", *days)
    assert named.returncode == 67
    assert "GLD: no 1Day bars" in named.stderr
    every = script("--strategy", "daily_trend", *days)
    assert every.returncode == 0, every.stderr
    assert "warning: GLD: no 1Day bars" in every.stdout
