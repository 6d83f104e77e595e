"""Buy-and-hold beside a strategy: the same closes, the same capital, the same cost a side.

Each symbol gets an equal share of the account's capital, buys whole shares at its first close and
sells them at its last; what is left over stays cash.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from magellan_core.backtest.metrics import INSTANT, Points
from magellan_core.backtest.result import AccountRun, Leg, Trade
from magellan_core.market_hours import new_york_date
from magellan_core.prices import to_decimal

Splits = Mapping[str, Sequence[tuple[date, Fraction]]]
NO_SPLITS: Splits = {}


@dataclass(frozen=True, slots=True)
class Held:
    """An account that bought and held. `equity` as of the closes, `final` after selling."""

    capital: float
    equity: Points
    final: float
    trades: tuple[Trade, ...]
    costs: float


def buy_and_hold(account: AccountRun, cost_bps: Decimal, splits: Splits = NO_SPLITS) -> Held:
    """Hold what the account could have traded. Symbols without a close keep their share in cash.

    `splits`: (day, new shares per old) that the closes are not adjusted for.
    """
    capital = float(account.capital)
    share = capital / max(len(account.symbols), 1)
    rate = float(cost_bps) / 10_000
    parts = [
        _hold(symbol, unsplit(account.closes[symbol], splits.get(symbol, ())), share, rate)
        for symbol in account.symbols
        if account.closes.get(symbol)
    ]
    idle = capital - share * len(parts)
    return Held(
        capital=capital,
        equity=summed([part.equity for part in parts], [share] * len(parts), idle),
        final=idle + sum(part.final for part in parts),
        trades=tuple(trade for part in parts for trade in part.trades),
        costs=sum(part.costs for part in parts),
    )


def unsplit(closes: Points, splits: Sequence[tuple[date, Fraction]]) -> Points:
    """The closes per share held at the first of them."""
    if not splits or not closes:
        return closes
    bought = new_york_date(closes[0][0] - INSTANT)
    told: list[tuple[datetime, float]] = []
    for at, close in closes:
        day, ratio = new_york_date(at - INSTANT), Fraction(1)
        for effective, new in splits:
            if bought < effective <= day:
                ratio *= new
        told.append((at, float(close * ratio)))
    return told


def _hold(symbol: str, closes: Points, share: float, rate: float) -> Held:
    (bought_at, first), (sold_at, last) = closes[0], closes[-1]
    qty = math.floor(share / (first * (1 + rate)))
    cash = share - qty * first * (1 + rate)
    cost = qty * (first + last) * rate
    final = cash + qty * last * (1 - rate)
    pnl = to_decimal(final - share)
    leg = Leg(sold_at, "close", qty, to_decimal(last), "end_of_data", pnl)
    trade = Trade(
        symbol=symbol,
        signal_time=bought_at,
        entry_time=bought_at,
        entry_at="close",
        entry_price=to_decimal(first),
        qty=qty,
        exit_time=sold_at,
        exit_at="close",
        exit_price=to_decimal(last),
        exit_reason="end_of_data",
        legs=(leg,),
        pnl=pnl,
        cost=to_decimal(cost),
    )
    equity = [(at, cash + qty * close) for at, close in closes]
    return Held(share, equity, final, (trade,), cost)


def summed(
    curves: Sequence[Points], capitals: Sequence[float], idle: float = 0.0
) -> list[tuple[datetime, float]]:
    """One curve out of several: at each instant the last mark of each, before that its capital."""
    marks: dict[datetime, dict[int, float]] = {}
    for i, curve in enumerate(curves):
        for at, value in curve:
            marks.setdefault(at, {})[i] = value
    now = dict(enumerate(capitals))
    total: list[tuple[datetime, float]] = []
    for at in sorted(marks):
        now.update(marks[at])
        total.append((at, idle + sum(now.values())))
    return total
