"""A result as one: every account's curve summed, beside holding the same symbols."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from magellan_core.backtest.benchmark import buy_and_hold, summed
from magellan_core.backtest.metrics import Figure, Metrics, Points, exposure, measure
from magellan_core.backtest.result import AccountRun, Result, Trade


@dataclass(frozen=True, slots=True)
class Measured:
    """A curve with its metrics, for the strategy and for holding. `name` is whose it is."""

    name: str
    capital: float
    equity: Points
    held_equity: Points
    trades: tuple[Trade, ...]
    strategy: Metrics
    hold: Metrics


def measured(account: AccountRun, result: Result) -> Measured:
    """One account and its benchmark."""
    held = buy_and_hold(account, result.cost_bps, result.splits)
    capital = float(account.capital)
    return Measured(
        name=account.name,
        capital=capital,
        equity=account.equity,
        held_equity=held.equity,
        trades=account.trades,
        strategy=measure(
            account.equity, capital, float(account.final), account.trades, float(account.costs)
        ),
        hold=measure(held.equity, capital, held.final, held.trades, held.costs),
    )


def whole(result: Result) -> Measured:
    """All accounts together, summed mark by mark; of a single account, that account."""
    if len(result.accounts) == 1:
        return measured(result.accounts[0], result)
    helds = [buy_and_hold(account, result.cost_bps, result.splits) for account in result.accounts]
    capitals = [float(account.capital) for account in result.accounts]
    equity = summed([account.equity for account in result.accounts], capitals)
    held = summed([one.equity for one in helds], capitals)
    trades = tuple(result.trades)
    final = float(sum(account.final for account in result.accounts))
    costs = float(sum(account.costs for account in result.accounts))
    held_trades = tuple(trade for one in helds for trade in one.trades)
    held_final, held_costs = sum(one.final for one in helds), sum(one.costs for one in helds)
    capital = sum(capitals)
    return Measured(
        name=f"{len(result.accounts)} accounts",
        capital=capital,
        equity=equity,
        held_equity=held,
        trades=trades,
        strategy=replace(
            measure(equity, capital, final, trades, costs),
            exposure_pct=_mean_exposure(result.accounts),
        ),
        hold=measure(held, capital, held_final, held_trades, held_costs),
    )


def _mean_exposure(accounts: Sequence[AccountRun]) -> Figure:
    each = [exposure(account.equity, account.trades) for account in accounts]
    values = [figure.value for figure in each if figure.value is not None]
    mean = sum(values) / len(values) if values else None
    return Figure(mean, sum(figure.n for figure in each), "bars", "mean of the accounts")
