"""What a backtest is asked to do: one frozen value, the same for script, sweep and tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from magellan_core.config import Config

Fill = Literal["next_open", "close", "rth_open"]
Accounts = Literal["shared", "per-symbol"]
Bars = Literal["stored", "adjusted"]
Ticks = Literal["venue", "exact"]


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """One run. `cost_bps` are basis points of notional a side, `capital` dollars an account.

    `first` and `last` are UTC days, both inclusive. None of `rsi` and `support_break`: as the
    config says. `overrides` are parameters by the names of the strategy's rules, for sweeps; for
    the RSI strategies "upper", "lower" and "rsi_period" change every symbol's band.
    """

    config: Config
    data: Path
    first: date
    last: date
    symbols: tuple[str, ...] | None = None
    fill: Fill = "next_open"
    rsi: Literal["ema", "wilder"] | None = None
    bars: Bars = "adjusted"
    cost_bps: Decimal = Decimal(5)
    support_break: bool | None = None
    capital: Decimal = Decimal(100_000)
    accounts: Accounts = "per-symbol"
    spread_bps: Decimal = Decimal(5)
    warmup_bars: int = 0
    history: bool = True
    price_ticks: Ticks = "venue"
    overrides: Mapping[str, float | int | str | bool] | None = None
