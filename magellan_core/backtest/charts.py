"""Line charts as inline SVG: coloured by the page's style sheet, so light and dark both work.

x is seconds since 1970, y any number. Nothing here knows about trading.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup, escape

from magellan_core.market_hours import new_york

Point = tuple[float, float]
Words = Callable[[float], str]

LEFT, RIGHT, TOP, BOTTOM = 64.0, 128.0, 12.0, 26.0
LABEL_GAP = 15.0
TICK_WIDTH = 72.0
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Line:
    """A polyline of class `style`, named at its right end. `filled` shades it down to zero."""

    name: str
    style: str
    points: Sequence[Point]
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A glyph at a point: "up" or "down" triangles; `title` shows on hovering."""

    x: float
    y: float
    shape: str
    style: str
    title: str


@dataclass(frozen=True, slots=True)
class Band:
    """A shaded stretch of time; `title` shows on hovering."""

    begin: float
    end: float
    style: str
    title: str


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line from `begin` to `end`, named at the right."""

    y: float
    begin: float
    end: float
    style: str
    name: str


@dataclass(frozen=True, slots=True)
class Span:
    """A vertical stroke, the range of one bar."""

    x: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """What to draw, in this order: bands, spans, lines, levels, marks."""

    label: str
    lines: Sequence[Line]
    bands: Sequence[Band] = ()
    spans: Sequence[Span] = ()
    levels: Sequence[Level] = ()
    marks: Sequence[Mark] = ()
    width: float = 960.0
    height: float = 280.0


class _Scale:
    """From values to pixels."""

    def __init__(self, drawing: Drawing) -> None:
        xs = [x for line in drawing.lines for x, _ in line.points] or [0.0, 1.0]
        ys = [y for line in drawing.lines for _, y in line.points] or [0.0, 1.0]
        ys += [y for span in drawing.spans for y in (span.low, span.high)]
        ys += [level.y for level in drawing.levels] + [mark.y for mark in drawing.marks]
        self.left, self.right = min(xs), max(xs)
        if self.right == self.left:
            self.left, self.right = self.left - DAY, self.right + DAY
        low, high = min(ys), max(ys)
        pad = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
        self.low = low if any(line.filled for line in drawing.lines) else low - pad
        self.high = high if any(line.filled for line in drawing.lines) else high + pad
        self.low -= 1e-9 if self.low == self.high else 0.0
        self.width = drawing.width - LEFT - RIGHT
        self.height = drawing.height - TOP - BOTTOM

    def x(self, value: float) -> float:
        return LEFT + (value - self.left) / (self.right - self.left) * self.width

    def y(self, value: float) -> float:
        return TOP + (self.high - value) / (self.high - self.low) * self.height


def draw(drawing: Drawing, words: Words) -> Markup:
    """An <svg> element. `words` writes a value of the y axis."""
    scale = _Scale(drawing)
    parts = [
        *_grid(scale, words),
        *_bands(drawing, scale),
        *(
            f'<path class="span" d="M{scale.x(s.x):.1f} {scale.y(s.low):.1f}'
            f'V{scale.y(s.high):.1f}"/>'
            for s in drawing.spans
        ),
        *(path for line in drawing.lines for path in _line(line, scale)),
        *_levels(drawing, scale),
        *(_mark(mark, scale) for mark in drawing.marks),
        *_names(drawing, scale, words),
    ]
    size = f"0 0 {drawing.width:g} {drawing.height:g}"
    label = escape(drawing.label)
    # Every text above went through escape(); the rest are numbers and our own class names.
    return Markup(  # noqa: S704 - escaped, as just said
        f'<svg viewBox="{size}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )


def _grid(scale: _Scale, words: Words) -> Iterator[str]:
    edge = LEFT + scale.width
    for value in nice_steps(scale.low, scale.high, 5):
        y = scale.y(value)
        yield f'<path class="grid" d="M{LEFT:g} {y:.1f}H{edge:.1f}"/>'
        yield f'<text class="tick" x="{LEFT - 8:g}" y="{y + 4:.1f}" text-anchor="end">'
        yield f"{escape(words(value))}</text>"
    base = TOP + scale.height
    for at, text in time_steps(scale.left, scale.right, int(scale.width // TICK_WIDTH)):
        x = scale.x(at)
        yield f'<path class="grid" d="M{x:.1f} {base:.1f}v5"/>'
        yield f'<text class="tick" x="{x:.1f}" y="{base + 19:.1f}" text-anchor="middle">{text}'
        yield "</text>"


def _bands(drawing: Drawing, scale: _Scale) -> Iterator[str]:
    for band in drawing.bands:
        begin, end = scale.x(max(band.begin, scale.left)), scale.x(min(band.end, scale.right))
        yield (
            f'<rect class="{band.style}" x="{begin:.1f}" y="{TOP:g}" '
            f'width="{max(end - begin, 1.0):.1f}" height="{scale.height:.1f}">'
            f"<title>{escape(band.title)}</title></rect>"
        )


def _line(line: Line, scale: _Scale) -> Iterator[str]:
    if not line.points:
        return
    steps = "L".join(f"{scale.x(x):.1f} {scale.y(y):.1f}" for x, y in line.points)
    if line.filled:
        first, last, zero = line.points[0][0], line.points[-1][0], scale.y(0.0)
        yield (
            f'<path class="area {line.style}" d="M{scale.x(first):.1f} {zero:.1f}L{steps}'
            f'L{scale.x(last):.1f} {zero:.1f}Z"/>'
        )
    yield f'<path class="line {line.style}" d="M{steps}"/>'


def _levels(drawing: Drawing, scale: _Scale) -> Iterator[str]:
    for level in drawing.levels:
        yield (
            f'<path class="level {level.style}" d="M{scale.x(level.begin):.1f} '
            f'{scale.y(level.y):.1f}H{scale.x(level.end):.1f}"/>'
        )


def _mark(mark: Mark, scale: _Scale) -> str:
    x, y = scale.x(mark.x), scale.y(mark.y)
    step = "l6 10h-12z" if mark.shape == "up" else "l6 -10h-12z"
    return (
        f'<path class="mark {mark.style}" d="M{x:.1f} {y:.1f}{step}">'
        f"<title>{escape(mark.title)}</title></path>"
    )


def _names(drawing: Drawing, scale: _Scale, words: Words) -> Iterator[str]:
    """Names at the right end of lines and levels, kept from lying on one another."""
    named = [
        (scale.y(line.points[-1][1]), line.style, line.name)
        for line in drawing.lines
        if line.points and line.name
    ]
    named += [(scale.y(v.y), v.style, f"{v.name} {words(v.y)}") for v in drawing.levels]
    lowest = -math.inf
    for y, style, name in sorted(named):
        lowest = max(y + 4, lowest + LABEL_GAP)
        yield f'<text class="name {style}" x="{LEFT + scale.width + 6:.1f}" y="{lowest:.1f}">'
        yield f"{escape(name)}</text>"


def nice_steps(low: float, high: float, about: int) -> list[float]:
    """Round values from `low` to `high`, some `about` of them, 1, 2, 2.5 or 5 times 10^k apart."""
    rough = (high - low) / about
    if rough <= 0 or not math.isfinite(rough):
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1.0, 2.0, 2.5, 5.0, 10.0) if s * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def time_steps(begin: float, end: float, most: int = 10) -> list[tuple[float, str]]:
    """Some instants, `most` of them, to write under the x axis, in New York's time."""
    first, last = (new_york(datetime.fromtimestamp(at, UTC)) for at in (begin, end))
    days = (end - begin) / DAY
    if days <= 1.5:
        minutes = next(
            (m for m in (5, 10, 15, 30, 60, 120) if (end - begin) / 60 / m <= most - 1), 240
        )
        step = minutes * 60.0
        offset = math.ceil(begin / step) * step
        count = int((end - offset) // step) + 1
        at = [offset + i * step for i in range(count)]
        return [(x, f"{new_york(datetime.fromtimestamp(x, UTC)):%H:%M}") for x in at]
    if days <= 45:
        every = max(1, math.ceil(days / (most - 1)))
        starts = [first + timedelta(days=i) for i in range(0, int(days) + 1, every)]
        return [(x.timestamp(), f"{x:%d %b}") for x in starts]
    months = (last.year - first.year) * 12 + last.month - first.month
    every = next((m for m in (1, 2, 3, 6, 12, 24) if months / m <= most), 60)
    ticks: list[tuple[float, str]] = []
    for i in range(first.month, first.month + months + 1):
        month = datetime(first.year + (i - 1) // 12, (i - 1) % 12 + 1, 1, tzinfo=UTC)
        if (month.month - 1) % min(every, 12) == 0 and begin <= month.timestamp() <= end:
            ticks.append((month.timestamp(), f"{month:%b %Y}"))
    return ticks
