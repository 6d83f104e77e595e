"""Backtests against answer keys: every trade computed independently must come out again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from magellan_core.backtest.options import BacktestOptions
from magellan_core.backtest.run import run
from magellan_core.config import Config
from magellan_core.errors import DataError

_PRICE, _MONEY = 1e-6, 0.01

_PUBLISHED: Mapping[str, Any] = {
    "rsi": "ema", "bars": "stored", "fill": "close", "warmup_bars": 0, "history": False,
}  # fmt: skip
_SPEC: Mapping[str, Any] = {"bars": "adjusted", "warmup_bars": 84, "cost_bps": Decimal(5)}
_TRAP: Mapping[str, Any] = {
    "bars": "stored", "warmup_bars": 0, "cost_bps": Decimal("6.25"), "capital": Decimal(100_000),
}  # fmt: skip
# What the answer keys' README names beside each variant.
VARIANTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "daily_trend": {
        "published": {**_PUBLISHED, "cost_bps": Decimal("1.5")},
        "spec_span": {**_SPEC, "rsi": "ema", "fill": "next_open"},
        "spec_wilder": {**_SPEC, "rsi": "wilder", "fill": "next_open"},
    },
    "hourly_swing": {
        "published": {**_PUBLISHED, "cost_bps": Decimal(5)},
        "all_span_next_open": {**_SPEC, "rsi": "ema", "fill": "next_open"},
        "all_span_rth_open": {**_SPEC, "rsi": "ema", "fill": "rth_open"},
        "all_wilder_rth_open": {**_SPEC, "rsi": "wilder", "fill": "rth_open"},
    },
    "bear_trap": {
        "spec_break_realistic": {**_TRAP, "support_break": True, "fill": "next_open"},
        "spec_any_realistic": {**_TRAP, "support_break": False, "fill": "next_open"},
        "spec_break_doc": {**_TRAP, "support_break": True, "fill": "close"},
        "spec_any_doc": {**_TRAP, "support_break": False, "fill": "close"},
    },
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One variant of one answer key. `differences` are told in words, the first of each trade."""

    key: str
    variant: str
    trades: int
    reproduced: int
    differences: tuple[str, ...]


def compare(keys: Path, data: Path, configs: Mapping[str, Config]) -> Iterator[Comparison]:
    """Every variant of every answer key of a folder, one by one. Raise DataError."""
    for path in sorted(keys.glob("*.json")):
        name = path.stem.removesuffix("_synthetic")
        if name not in VARIANTS:
            raise DataError(f"{path}: no strategy is called {name}")
        folder = data / "synthetic" if path.stem.endswith("_synthetic") else data
        told = json.loads(path.read_text(encoding="utf-8"))
        yield from _of_strategy(path.stem, told, folder, configs[name])


def _of_strategy(
    key: str, told: Mapping[str, Any], folder: Path, config: Config
) -> Iterator[Comparison]:
    base = BacktestOptions(
        config=config,
        data=folder,
        first=date(2024, 1, 1),
        last=date(2025, 12, 31),
        capital=Decimal(10_000),
        accounts="per-symbol",
        price_ticks="exact",
    )
    for variant, changes in VARIANTS[config.name].items():
        options = replace(base, **changes)
        runs = [
            (replace(options, symbols=(symbol,), **about), expected)
            for symbol, about, expected in _parts(told, variant)
        ]
        if not runs:
            continue
        trades = reproduced = 0
        differences: list[str] = []
        for asked, expected in runs:
            got = [trade.to_json() for trade in run(asked).trades]
            faults = list(differing(expected, got))
            trades += len(expected)
            reproduced += max(0, len(expected) - len(faults))
            differences += [f"{asked.symbols} {fault}" for fault in faults]
        yield Comparison(key, variant, trades, reproduced, tuple(differences))


def _parts(
    told: Mapping[str, Any], variant: str
) -> Iterator[tuple[str, Mapping[str, Any], Sequence[Mapping[str, Any]]]]:
    """Symbol, options and expected trades of each run of a variant."""
    for symbol, answer in told.get(variant, {}).get("symbols", {}).items():
        params = dict(answer["params"])
        params["rsi_period"] = params.pop("rsi")
        yield symbol, {"overrides": params}, answer["trades"]
    for name, answer in told.items():
        if "symbol" in answer and variant in answer:
            first, last = map(date.fromisoformat, name.rsplit("_", 2)[1:])
            yield answer["symbol"], {"first": first, "last": last}, answer[variant]["trades"]


def differing(
    expected: Sequence[Mapping[str, Any]], got: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """What differs, one line a trade: times and quantities, prices by 1e-6, P&L by a cent."""
    for number in range(max(len(expected), len(got))):
        if number >= len(got):
            yield f"trade {number + 1} of {expected[number]['entry_time']} is missing"
        elif number >= len(expected):
            yield f"trade {number + 1} of {got[number]['entry_time']} is one too many"
        else:
            fault = _first_fault(expected[number], got[number])
            if fault is not None:
                yield f"trade {number + 1} of {expected[number]['entry_time']}: {fault}"


def _first_fault(expected: Mapping[str, Any], got: Mapping[str, Any]) -> str | None:
    for name, value in expected.items():
        mine = got.get(name)
        if name == "legs":
            if len(mine or ()) != len(value):
                return f"{len(value)} legs expected, {len(mine or ())} found"
            for leg, (one, other) in enumerate(zip(value, mine or (), strict=True), start=1):
                fault = _first_fault(one, other)
                if fault is not None:
                    return f"leg {leg}: {fault}"
        elif isinstance(value, float | int) and isinstance(mine, float | int):
            tolerance = _MONEY if name in ("pnl", "cost") else 0 if name == "qty" else _PRICE
            if abs(value - mine) > tolerance:
                return f"{name} {value} expected, {mine} found"
        elif value != mine:
            return f"{name} {value} expected, {mine} found"
    return None
