"""Line charts as SVG text: equity of the sessions, and prices with fills on them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from html import escape

from magellan_core.market_hours import label, new_york
from magellan_core.model import Bar, Side
from magellan_core.operations.reporting.slippage import Slip

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 220, 70, 12, 14, 26
GRID_LINES = 4


class _Scale:
    """From values to places in the picture."""

    def __init__(self, low: float, high: float, count: int) -> None:
        margin = (high - low) * 0.06 or abs(high) * 0.01 or 1.0
        self.low, self.high, self.count = low - margin, high + margin, count

    def x(self, n: float) -> float:
        return LEFT + n * (WIDTH - LEFT - RIGHT) / max(self.count - 1, 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)


def equity_chart(title: str, points: Sequence[tuple[str, Decimal]]) -> str:
    """Dollars at the sessions' closes; empty below two points."""
    if len(points) < 2:
        return ""
    values = [float(value) for _, value in points]
    scale = _Scale(min(values), max(values), len(values))
    names = [(0, points[0][0]), (len(points) - 1, points[-1][0])]
    return _picture(title, [*_grid(scale, ",.0f"), _line(scale, values), *_names(scale, names)])


def price_chart(title: str, bars: Sequence[Bar], fills: Sequence[Slip]) -> str:
    """Closes with an arrow at each fill; empty below two bars."""
    if len(bars) < 2:
        return ""
    closes = [bar.close for bar in bars]
    prices = [float(fill.price) for fill in fills]
    scale = _Scale(min([*closes, *prices]), max([*closes, *prices]), len(bars))
    marks = [_mark(scale, _place(bars, fill.at), fill) for fill in fills]
    names = [(0, _stamp(bars[0].start)), (len(bars) - 1, _stamp(bars[-1].end))]
    parts = [*_grid(scale, ",.4g"), _line(scale, closes), *marks, *_names(scale, names)]
    return _picture(title, parts)


def _place(bars: Sequence[Bar], at: datetime) -> int:
    return next((n for n, bar in enumerate(bars) if at < bar.end), len(bars) - 1)


def _stamp(at: datetime) -> str:
    return f"{new_york(at):%m-%d} {label(at)}"


def _mark(scale: _Scale, n: int, fill: Slip) -> str:
    """A buy points up from below, a sale down from above."""
    x, y = scale.x(n), scale.y(float(fill.price))
    buy = fill.side is Side.BUY
    tip, foot = (y + 3, y + 13) if buy else (y - 3, y - 13)
    said = escape(f"{fill.side} {fill.qty:f} at {fill.price:f} ({fill.role}) {_stamp(fill.at)}")
    points = f"{x:.1f},{tip:.1f} {x - 5:.1f},{foot:.1f} {x + 5:.1f},{foot:.1f}"
    kind = "buy" if buy else "sell"
    return f'<polygon class="{kind}" points="{points}"><title>{said}</title></polygon>'


def _line(scale: _Scale, values: Sequence[float]) -> str:
    points = " ".join(f"{scale.x(n):.1f},{scale.y(v):.1f}" for n, v in enumerate(values))
    return f'<polyline class="line" points="{points}"/>'


def _grid(scale: _Scale, form: str) -> Sequence[str]:
    rows: list[str] = []
    for n in range(GRID_LINES + 1):
        value = scale.low + (scale.high - scale.low) * n / GRID_LINES
        y = scale.y(value)
        rows.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        rows.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:{form}}</text>')
    return rows


def _names(scale: _Scale, names: Sequence[tuple[int, str]]) -> Sequence[str]:
    y = HEIGHT - 8
    return [
        f'<text x="{scale.x(n):.1f}" y="{y}" text-anchor="{anchor}">{escape(name)}</text>'
        for n, name in names
        for anchor in ("end" if n else "start",)
    ]


def _picture(title: str, parts: Sequence[str]) -> str:
    inside = "".join(parts)
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{escape(title)}">{inside}</svg></figure>'
    )
