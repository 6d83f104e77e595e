"""What a backtest tells: trades, equity, costs, and the assumptions they rest on. Values only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

_FOURTH = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Leg:
    """Shares of one trade sold together. `time` is the start of the bar, `pnl` net of costs."""

    time: datetime
    at: str
    qty: int
    price: Decimal
    reason: str
    pnl: Decimal

    def to_json(self) -> dict[str, object]:
        """As the answer keys write a leg."""
        return {
            "time": self.time.isoformat(),
            "at": self.at,
            "qty": self.qty,
            "price": float(self.price),
            "reason": self.reason,
            "pnl": float(self.pnl.quantize(_FOURTH)),
        }


@dataclass(frozen=True, slots=True)
class Trade:
    """One position from flat to flat. Prices and P&L in dollars, `pnl` net of `cost`.

    Times are bar starts, UTC; `entry_at` says where in that bar ("open", "close" or "bar").
    `exit_price` and `exit_reason` are the last leg's. `stop` and `target` are those of the entry,
    None for a strategy without them.
    """

    symbol: str
    signal_time: datetime
    entry_time: datetime
    entry_at: str
    entry_price: Decimal
    qty: int
    exit_time: datetime
    exit_at: str
    exit_price: Decimal
    exit_reason: str
    legs: tuple[Leg, ...]
    pnl: Decimal
    cost: Decimal
    stop: Decimal | None = None
    target: Decimal | None = None

    def to_json(self) -> dict[str, object]:
        """As the answer keys write a trade."""
        told: dict[str, object] = {
            "signal_time": self.signal_time.isoformat(),
            "entry_time": self.entry_time.isoformat(),
            "entry_at": self.entry_at,
            "entry_price": float(self.entry_price),
            "qty": self.qty,
            "exit_time": self.exit_time.isoformat(),
            "exit_at": self.exit_at,
            "exit_price": float(self.exit_price),
            "exit_reason": self.exit_reason,
            "legs": [leg.to_json() for leg in self.legs],
            "pnl": float(self.pnl.quantize(_FOURTH)),
            "cost": float(self.cost.quantize(_FOURTH)),
        }
        if self.stop is not None:
            told["stop0"] = float(self.stop)
        if self.target is not None:
            told["session_high"] = float(self.target)
        return told


@dataclass(frozen=True, slots=True)
class AccountRun:
    """One account's run. `name` is the symbol, or "shared" for the account of all symbols.

    `equity` holds (bar end, dollars marked to the last close), oldest first; its last point is
    before the cost of closing what is still open at the end of the data, `final` after it.
    `bars` counts the bars on which decisions were taken, `costs` dollars. `closes` holds each
    symbol's (bar end, close) as the strategy saw it, one a session, for buy-and-hold and charts.
    """

    name: str
    symbols: tuple[str, ...]
    capital: Decimal
    trades: tuple[Trade, ...]
    signal_times: tuple[datetime, ...]
    equity: Sequence[tuple[datetime, float]]
    final: Decimal
    bars: int
    costs: Decimal
    closes: Mapping[str, Sequence[tuple[datetime, float]]]

    @property
    def return_pct(self) -> float:
        """Per cent gained on the last mark, before the cost of a closing sale."""
        last = self.equity[-1][1] if self.equity else float(self.capital)
        return (last / float(self.capital) - 1) * 100

    @property
    def final_pct(self) -> float:
        """Per cent gained once everything is sold."""
        return (float(self.final / self.capital) - 1) * 100

    def to_json(self) -> dict[str, object]:
        """Stats and trades by symbol, as the answer keys write them."""
        won = sum(1 for trade in self.trades if trade.pnl > 0)
        return {
            "capital": float(self.capital),
            "bars": self.bars,
            "costs": float(round(self.costs, 4)),
            "stats": {
                "return_pct": round(self.return_pct, 2),
                "final_pct": round(self.final_pct, 2),
                "trades": len(self.trades),
                "win_rate": round(100 * won / len(self.trades), 1) if self.trades else None,
            },
            "trades": [trade.to_json() for trade in self.trades],
            "signal_times": [at.isoformat() for at in self.signal_times],
        }


@dataclass(frozen=True, slots=True)
class Result:
    """A whole backtest. `options` are the assumptions, in words, in the order to print them.

    `first` and `last` are the days asked for; `capital` is dollars an account started with;
    `cost_bps` are basis points of notional a side, which buy-and-hold pays too; `splits` are those
    (day, new shares per old) that the bars' prices were not adjusted for.
    """

    strategy: str
    options: Mapping[str, str]
    first: date
    last: date
    capital: Decimal
    accounts: tuple[AccountRun, ...]
    warnings: tuple[str, ...] = ()
    cost_bps: Decimal = Decimal(0)
    splits: Mapping[str, Sequence[tuple[date, Fraction]]] = field(default_factory=dict)

    @property
    def trades(self) -> list[Trade]:
        """Every account's trades, by exit."""
        every = (trade for account in self.accounts for trade in account.trades)
        return sorted(every, key=lambda trade: (trade.exit_time, trade.symbol))

    def to_json(self) -> str:
        """The document of `--json`: options, then the accounts by name under "symbols"."""
        return json.dumps(
            {
                "strategy": self.strategy,
                "options": dict(self.options),
                "from": self.first.isoformat(),
                "to": self.last.isoformat(),
                "warnings": list(self.warnings),
                "symbols": {account.name: account.to_json() for account in self.accounts},
            },
            indent=1,
        )
