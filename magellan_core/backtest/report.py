"""A backtest as one self-contained HTML file that asks nothing of the network."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import jinja2

from magellan_core.backtest.metrics import Figure, Metrics
from magellan_core.backtest.monthly import monthly_table
from magellan_core.backtest.pictures import (
    curves,
    drawdowns,
    symbol_pictures,
    trade_pictures,
    when,
)
from magellan_core.backtest.result import Result, Trade
from magellan_core.backtest.whole import Measured, measured, whole
from magellan_core.paper.market_series import Series

TITLES = {
    "bear_trap": "Bear Trap",
    "daily_trend": "Daily Trend Hysteresis",
    "hourly_swing": "Hourly Swing",
}
MOST_TRADES_LISTED = 1000

# Field of Metrics -> label, format, what it means.
ROWS: Mapping[str, tuple[str, str, str]] = {
    "total_return_pct": ("Return", "{:+.1f} %", "gain on the starting capital"),
    "cagr_pct": ("Return a year (CAGR)", "{:+.1f} %", "(final / start) ^ (1 / years) - 1"),
    "volatility_pct": ("Volatility", "{:.1f} %", "standard deviation of daily returns x √252"),
    "sharpe": ("Sharpe ratio", "{:.2f}", "mean by deviation of daily returns x √252, cash at 0 %"),
    "sortino": ("Sortino ratio", "{:.2f}", "as Sharpe, by the deviation of losses only"),
    "max_drawdown_pct": ("Maximum drawdown", "{:.1f} %", "deepest fall from a peak so far"),
    "exposure_pct": ("Time in the market", "{:.1f} %", "share of bars with a position"),
    "trades": ("Trades", "{:,.0f}", "from flat to flat"),
    "win_rate_pct": ("Win rate", "{:.1f} %", "trades that gained after costs"),
    "profit_factor": ("Profit factor", "{:.2f}", "dollars won by dollars lost"),
    "mean_trade_dollars": ("Mean trade", "{:+,.2f} $", "after costs"),
    "turnover": ("Turnover", "{:.1f} x", "dollars traded a year by mean equity"),
    "costs_dollars": ("Costs", "{:,.0f} $", "commission and slippage, both sides"),
}


def write_html(result: Result, path: Path, bars: Mapping[str, Series] | None = None) -> None:
    """Write the report. `bars` let trades of minutes be drawn on the bars they lived through.

    Raise OSError if the file cannot be written.
    """
    path.write_text(html(result, bars), encoding="utf-8")


def html(result: Result, bars: Mapping[str, Series] | None = None) -> str:
    """The report's text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    everything = whole(result)
    trades = result.trades
    return environment.get_template("report.html.j2").render(
        title=TITLES.get(result.strategy, result.strategy),
        symbols=sorted({symbol for account in result.accounts for symbol in account.symbols}),
        result=result,
        verdict=verdict(everything),
        tiles=tiles(everything),
        equity=curves(everything),
        drawdown=drawdowns(everything),
        rows=rows(everything),
        months=monthly_table(everything.equity, everything.capital),
        held_months=monthly_table(everything.held_equity, everything.capital),
        accounts=accounts(result),
        symbol_charts=symbol_pictures(result),
        trade_charts=trade_pictures(trades, bars or {}),
        trades=[listed(trade) for trade in trades[-MOST_TRADES_LISTED:]],
        left_out=max(len(trades) - MOST_TRADES_LISTED, 0),
    )


def written(name: str, figure: Figure) -> str:
    """A figure as its row writes it; a dash where there is none."""
    return "-" if figure.value is None else ROWS[name][1].format(figure.value)


def rows(measured: Measured) -> list[dict[str, str]]:
    """The metrics' table: strategy beside holding, and what the strategy's figure rests on."""
    told = []
    for field in fields(Metrics):
        label, _, meaning = ROWS[field.name]
        mine: Figure = getattr(measured.strategy, field.name)
        other: Figure = getattr(measured.hold, field.name)
        told.append(
            {
                "label": label,
                "meaning": meaning,
                "strategy": written(field.name, mine),
                "hold": written(field.name, other),
                "basis": mine.basis,
            }
        )
    return told


def tiles(measured: Measured) -> list[dict[str, str]]:
    """The four numbers to see first."""
    told = []
    for name in ("total_return_pct", "max_drawdown_pct", "sharpe", "win_rate_pct"):
        mine: Figure = getattr(measured.strategy, name)
        other: Figure = getattr(measured.hold, name)
        beside = "" if name == "win_rate_pct" else f"holding {written(name, other)}"
        good = mine.value is not None and mine.value > 0
        told.append(
            {
                "label": ROWS[name][0],
                "value": written(name, mine),
                "tone": ("gain" if good else "loss") if name == "total_return_pct" else "",
                "beside": beside,
                "basis": mine.basis,
            }
        )
    return told


def verdict(measured: Measured) -> str:
    """The result in two sentences."""
    mine, other = measured.strategy.total_return_pct.value, measured.hold.total_return_pct.value
    count = len(measured.trades)
    if not count or mine is None or other is None:
        return "It did not trade."
    what = "Gained" if mine >= 0 else "Lost"
    same = "gained" if other >= 0 else "lost"
    better = "more" if mine > other else "less"
    fall, their_fall = measured.strategy.max_drawdown_pct, measured.hold.max_drawdown_pct
    falls = f"at worst it was {-(fall.value or 0):.0f} % below its peak, they "
    noun = "trade" if count == 1 else "trades"
    few = " Too few trades to conclude anything." if count < 30 else ""
    return (
        f"{what} {abs(mine):.1f} % after costs in {count:,} {noun}. Buying and holding the same "
        f"shares would have {same} {abs(other):.1f} %: the strategy made {better}; {falls}"
        f"{-(their_fall.value or 0):.0f} %.{few}"
    )


def accounts(result: Result) -> list[dict[str, str]]:
    """One row an account; none for a single one, of which the whole page speaks."""
    if len(result.accounts) < 2:
        return []
    names = ("total_return_pct", "max_drawdown_pct", "sharpe", "trades", "win_rate_pct")
    told = []
    for account in result.accounts:
        one = measured(account, result)
        row = {name: written(name, getattr(one.strategy, name)) for name in names}
        row |= {"name": account.name}
        row |= {f"hold_{name}": written(name, getattr(one.hold, name)) for name in names[:3]}
        told.append(row)
    return told


def listed(trade: Trade) -> dict[str, str]:
    """One row of the list of trades, in New York's time."""
    return {
        "symbol": trade.symbol,
        "entry": when(trade, trade.entry_time),
        "exit": when(trade, trade.exit_time),
        "qty": f"{trade.qty:,}",
        "bought": f"{trade.entry_price:,.4f}".rstrip("0").rstrip("."),
        "sold": f"{trade.exit_price:,.4f}".rstrip("0").rstrip("."),
        "reason": trade.exit_reason,
        "pnl": f"{trade.pnl:+,.2f}",
        "tone": "gain" if trade.pnl > 0 else "loss",
    }
