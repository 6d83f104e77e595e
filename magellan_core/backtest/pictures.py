"""The charts of a report: equity, drawdown, each symbol with its trades, single short trades."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from magellan_core.backtest.charts import Band, Drawing, Level, Line, Mark, Span, draw
from magellan_core.backtest.metrics import Points, daily
from magellan_core.backtest.result import Result, Trade
from magellan_core.backtest.whole import Measured
from magellan_core.market_hours import at_new_york, new_york
from magellan_core.paper.market_series import Series, micros

FEW_SESSIONS = 20
MOST_POINTS = 1200
MOST_TRADE_PICTURES = 24
MOST_TRADES_A_PICTURE = 45
BEFORE, AFTER = 40, 20
_A_SECOND = 1e6


def curves(measured: Measured) -> Markup:
    """Equity of strategy and holding, in dollars."""
    mine, other = sampled(measured.equity), sampled(measured.held_equity)
    lines = [
        Line(f"held {_gain(other, measured.capital)}", "hold", other),
        Line(f"strategy {_gain(mine, measured.capital)}", "mine", mine),
    ]
    return draw(Drawing("Equity of the strategy and of holding", lines, height=320), _dollars)


def drawdowns(measured: Measured) -> Markup:
    """The fall from the highest mark so far, in per cent."""
    lines = [
        Line("held", "hold", _falls(sampled(measured.held_equity), measured.capital)),
        Line("strategy", "mine", _falls(sampled(measured.equity), measured.capital), filled=True),
    ]
    return draw(Drawing("Drawdown of the strategy and of holding", lines, height=180), _per_cent)


def symbol_pictures(result: Result) -> list[tuple[str, list[Markup]]]:
    """Each symbol's closes, shaded where it was held, with every entry and exit.

    Many trades are spread over several pictures, one period after the other.
    """
    told: list[tuple[str, list[Markup]]] = []
    for account in result.accounts:
        for symbol, closes in account.closes.items():
            trades = [trade for trade in account.trades if trade.symbol == symbol]
            gains = sum(1 for trade in trades if trade.pnl > 0)
            noun = "trade" if len(trades) == 1 else "trades"
            title = f"{symbol}: {len(trades)} {noun}, {gains} with a gain"
            size = math.ceil(len(closes) / max(1, math.ceil(len(trades) / MOST_TRADES_A_PICTURE)))
            parts = [closes[i : i + size + 1] for i in range(0, len(closes), max(size, 1))]
            told.append((title, [symbol_picture(symbol, part, trades) for part in parts if part]))
    return told


def symbol_picture(symbol: str, closes: Points, trades: Sequence[Trade]) -> Markup:
    """One period. A trade is drawn where any of it lies."""
    first, last = closes[0][0], closes[-1][0]
    seen = [t for t in trades if t.exit_time >= first and t.entry_time <= last]
    marks = [mark for trade in seen for mark in _marks(trade)]
    begin, end = first.timestamp(), last.timestamp()
    drawing = Drawing(
        f"{symbol}: closes and trades",
        [Line("close", "price", [(at.timestamp(), close) for at, close in closes])],
        bands=[_held(trade) for trade in seen],
        marks=[mark for mark in marks if begin <= mark.x <= end],
        height=230,
    )
    return draw(drawing, _price)


def trade_pictures(trades: Sequence[Trade], bars: Mapping[str, Series]) -> list[tuple[str, Markup]]:
    """Trades within a day on the bars they lived through; the largest by P&L, oldest first."""
    short = [t for t in trades if t.symbol in bars and t.exit_time - t.entry_time < timedelta(1)]
    short = sorted(short, key=lambda trade: -abs(trade.pnl))[:MOST_TRADE_PICTURES]
    return [
        (_headline(trade), trade_picture(trade, bars[trade.symbol]))
        for trade in sorted(short, key=lambda trade: trade.entry_time)
    ]


def trade_picture(trade: Trade, series: Series) -> Markup:
    """One trade: bars around it, entry, exits, the stop and the session's high as target."""
    first = max(bisect_left(series.starts, micros(trade.entry_time)) - BEFORE, 0)
    last = min(bisect_left(series.starts, micros(trade.exit_time)) + AFTER, len(series))
    first = _same_session(series, first, micros(trade.entry_time))
    last = max(last, first + 1)
    points = [(series.starts[i] / _A_SECOND, series.closes[i]) for i in range(first, last)]
    spans = [
        Span(series.starts[i] / _A_SECOND, series.lows[i], series.highs[i])
        for i in range(first, last)
    ]
    begin, end = trade.entry_time.timestamp(), points[-1][0]
    levels = [Level(float(trade.entry_price), begin, end, "entry", "entry")]
    if trade.stop is not None:
        levels.append(Level(float(trade.stop), begin, end, "loss", "stop"))
    if trade.target is not None:
        levels.append(Level(float(trade.target), begin, end, "gain", "high"))
    drawing = Drawing(
        _headline(trade),
        [Line("", "price", points)],
        spans=spans,
        bands=[_held(trade)],
        levels=levels,
        marks=_marks(trade),
        width=520,
        height=230,
    )
    return draw(drawing, _price)


def _same_session(series: Series, first: int, entry: int) -> int:
    """The first row of the picture, not before the gap of a night."""
    hour = 3_600_000_000
    for i in range(first + 1, len(series)):
        if series.starts[i] > entry:
            break
        if series.starts[i] - series.starts[i - 1] > hour:
            first = i
    return first


def _held(trade: Trade) -> Band:
    tone = "held-gain" if trade.pnl > 0 else "held-loss"
    return Band(trade.entry_time.timestamp(), trade.exit_time.timestamp(), tone, _headline(trade))


def _marks(trade: Trade) -> list[Mark]:
    """A triangle up at the entry, one down at each sale."""
    bought = f"{when(trade, trade.entry_time)}: bought {trade.qty:,} at {trade.entry_price:f}"
    marks = [
        Mark(
            trade.entry_time.timestamp(), float(trade.entry_price), "up", "buy", f"bought {bought}"
        )
    ]
    for leg in trade.legs:
        sold = f"{when(trade, leg.time)}: sold {leg.qty:,} at {leg.price:f}"
        told = f"{sold} ({leg.reason}), {leg.pnl:+,.2f} $"
        tone = "gain" if leg.pnl > 0 else "loss"
        marks.append(Mark(leg.time.timestamp(), float(leg.price), "down", tone, told))
    return marks


def _headline(trade: Trade) -> str:
    return (
        f"{trade.symbol}, {when(trade, trade.entry_time)}: {trade.exit_reason}, {trade.pnl:+,.2f} $"
    )


def when(trade: Trade, at: datetime) -> str:
    """An instant of that trade in New York's time; of a trade on daily bars its date.

    Daily bars are stamped with midnight UTC, and a signal never falls on its entry's bar.
    """
    if all(stamp.hour == 0 for stamp in (trade.signal_time, trade.entry_time, trade.exit_time)):
        return f"{at:%Y-%m-%d}"
    return f"{new_york(at):%Y-%m-%d %H:%M}"


def sampled(equity: Points) -> list[tuple[float, float]]:
    """The last mark of each session; of a few sessions every mark, thinned."""
    days = daily(equity)
    if len(days) > FEW_SESSIONS:
        return [(at_new_york(day, 16).timestamp(), value) for day, value in days]
    every = max(1, len(equity) // MOST_POINTS)
    kept = [equity[i] for i in range(0, len(equity), every)]
    if len(equity) and kept[-1] != equity[-1]:
        kept.append(equity[-1])
    return [(at.timestamp(), value) for at, value in kept]


def _falls(points: Sequence[tuple[float, float]], capital: float) -> list[tuple[float, float]]:
    peak, falls = capital, []
    for at, value in points:
        peak = max(peak, value)
        falls.append((at, (value / peak - 1) * 100))
    return falls


def _gain(points: Sequence[tuple[float, float]], capital: float) -> str:
    return f"{(points[-1][1] / capital - 1) * 100:+.0f} %" if points else ""


def _dollars(value: float) -> str:
    return f"${value / 1e6:,.2f}m" if abs(value) >= 1e6 else f"${value:,.0f}"


def _per_cent(value: float) -> str:
    return f"{value:.0f} %"


def _price(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
