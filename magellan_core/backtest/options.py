"""What a backtest is asked to do: one frozen value, the same for script, sweep and tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from magellan_core.config import Config
from magellan_core.config_model import BearTrapParameters

Fill = Literal["next_open", "close", "rth_open"]
Accounts = Literal["shared", "per-symbol"]
Bars = Literal["stored", "adjusted"]
Ticks = Literal["venue", "exact"]

_BARS = {
    "stored": "rows and prices as in the file",
    "adjusted": "sessions only, prices split-adjusted",
}
_FILLS = {
    "next_open": "the next bar's open",
    "close": "the signal bar's close",
    "rth_open": "the open of the next bar from 10:00 inside the session",
}


@dataclass(frozen=True, slots=True)
class Default:
    """How a strategy is deployed, as far as a backtest may differ."""

    fill: Fill
    bars: Bars
    cost_bps: Decimal
    warmup_bars: int


DEFAULTS: Mapping[str, Default] = {
    "bear_trap": Default("next_open", "stored", Decimal("6.25"), 0),
    "daily_trend": Default("next_open", "adjusted", Decimal(5), 84),
    "hourly_swing": Default("rth_open", "adjusted", Decimal(5), 84),
}


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """One run. `cost_bps` are basis points of notional a side, `capital` dollars an account.

    `first` is a UTC day, `last` a New York day, both inclusive: the market's last bar of a winter
    day starts at 00:00 UTC. None of `rsi` and `support_break`: as the
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

    def assumptions(self) -> dict[str, str]:
        """What the result rests on, in words, in the order to print."""
        parameters = self.config.model.strategy_parameters
        told = {
            "accounts": self.accounts,
            "bars": f"{self.bars} ({_BARS[self.bars]})",
            "fill": f"{self.fill} ({_FILLS[self.fill]})",
            "cost": f"{self.cost_bps} bps of notional a side",
            "capital": f"{self.capital} dollars an account",
            "warm-up": self._warm_up(),
            "prices": f"{self.price_ticks} ticks",
            "config": self.config.digest,
        }
        if self.accounts == "shared":
            told["spread"] = f"quotes are last +/- {self.spread_bps} bps"
        if isinstance(parameters, BearTrapParameters):
            broken = self.support_break
            if broken is None:
                broken = parameters.require_support_break
            told["entry"] = "support broken and reclaimed" if broken else "close above the low"
        else:
            told["rsi"] = self.rsi or parameters.rsi_method
        if self.overrides:
            told["overrides"] = ", ".join(f"{k}={v}" for k, v in sorted(self.overrides.items()))
        return told

    def _warm_up(self) -> str:
        if self.accounts == "shared":
            return f"as live, {self.config.data_requirements.warmup_bars} bars before the first day"
        before = "bars before the first day warm indicators" if self.history else "no history"
        return f"no signal from the first {self.warmup_bars} bars of the data; {before}"
