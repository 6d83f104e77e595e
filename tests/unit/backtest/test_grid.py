"""Grids become valid runs, each with a key of its own."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from magellan_core.backtest.grid import Value, applied, axis, plan
from magellan_core.backtest.options import BacktestOptions
from magellan_core.errors import UsageError
from tests.unit.backtest.sweep_support import CONFIG, base

TEXT = CONFIG.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("cost_bps=0,2.5,20", ("cost_bps", (0, 2.5, 20))),
        ("rsi=ema,wilder", ("rsi", ("ema", "wilder"))),
        ("support_break=true,false", ("support_break", (True, False))),
        ("symbol_parameters.*.upper=55,55,60", ("symbol_parameters.*.upper", (55, 60))),
    ],
)
def test_an_axis_is_a_name_with_values(text: str, read: tuple[str, tuple[Value, ...]]) -> None:
    assert axis(text) == read


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cost_bps", "write NAME=VALUE"),
        ("cost_bps=", "write NAME=VALUE"),
        ("costs=1", "neither a path with a dot nor cost_bps"),
        ("fill=open", "open is not one of next_open, close, rth_open"),
    ],
)
def test_other_forms_are_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        axis(text)


def test_every_combination_is_a_run(tmp_path: Path) -> None:
    axes: dict[str, tuple[Value, ...]] = {
        "symbol_parameters.*.rsi_period": (14, 21),
        "cost_bps": (0, 2.5, 10),
    }
    made = plan(base(tmp_path), TEXT, axes, "code")
    assert len(made.tasks) == 6
    assert len({task.key for task in made.tasks}) == 6
    last = made.tasks[-1].options
    assert {band.rsi_period for band in last.config.symbol_parameters.values()} == {21}
    assert last.cost_bps == Decimal(10)


def test_one_symbol_s_parameter_is_changed_alone(tmp_path: Path) -> None:
    options = applied(base(tmp_path), TEXT, {"symbol_parameters.SPY.upper": 61})
    bands = options.config.symbol_parameters
    assert [int(bands[symbol].upper) for symbol in ("SPY", "QQQ")] == [61, 60]


def test_what_the_configuration_refuses_is_left_out_with_its_reason(tmp_path: Path) -> None:
    axes: dict[str, tuple[Value, ...]] = {
        "symbol_parameters.SPY.upper": (55, 60),
        "symbol_parameters.SPY.lower": (42, 58),
    }
    made = plan(base(tmp_path), TEXT, axes, "code")
    assert len(made.tasks) == 3
    assert made.refused == (
        (
            {"symbol_parameters.SPY.upper": 55, "symbol_parameters.SPY.lower": 58},
            "symbol_parameters.SPY: lower 58 must be below upper 55",
        ),
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("strategy_paramters.rsi_method", "config.json has no strategy_paramters"),
        ("symbol_parameters.*.uper", "no point of the grid is valid.*did you mean upper"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        plan(base(tmp_path), TEXT, {name: (1,)}, "code")


def test_the_key_follows_all_that_changes_a_result(tmp_path: Path) -> None:
    one = base(tmp_path)

    def key(options: BacktestOptions, source: str = "code") -> str:
        return plan(options, TEXT, {"cost_bps": (5,)}, source).tasks[0].key

    told = [
        key(one),
        key(replace(one, last=date(2023, 6, 1))),
        key(replace(one, capital=Decimal(1))),
        key(replace(one, symbols=("SPY",))),
        key(one, "newer code"),
    ]
    assert key(replace(one)) == told[0]
    (tmp_path / "SPY_1d.parquet").write_bytes(b"more data")
    told.append(key(one))
    assert len(set(told)) == len(told)
