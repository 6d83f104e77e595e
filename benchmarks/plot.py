#!/usr/bin/env python3
"""Draw the scale benchmark: time to the order and bare requests, by daemons and symbols.

python benchmarks/plot.py var/bench/scale.json docs/images/scale.svg
"""

import argparse
import json
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720.0, 380.0, 70.0, 150.0, 34.0, 44.0
# Of a palette that colour-blind readers can tell apart (Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73")
STYLE = (
    "text{font:12px sans-serif;fill:#333}.title{font-size:14px}.grid{stroke:#ddd}"
    "polyline{fill:none;stroke-width:2}.bare{stroke-dasharray:5 4}"
)


class Axes:
    """Both logarithmic: from symbols and milliseconds to places in the picture."""

    def __init__(self, symbols: Sequence[float], ms: Sequence[float]) -> None:
        self.left, self.right = math.log10(min(symbols)), math.log10(max(symbols))
        self.low = math.floor(math.log10(min(ms)))
        self.high = math.ceil(math.log10(max(ms)))

    def x(self, symbols: float) -> float:
        share = (math.log10(symbols) - self.left) / ((self.right - self.left) or 1.0)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, ms: float) -> float:
        share = (math.log10(ms) - self.low) / (self.high - self.low)
        return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)


def draw(rows: Sequence[dict[str, Any]]) -> str:
    """An SVG document: a line for each number of daemons, dashed for the bare requests."""
    symbols = sorted({row["symbols"] for row in rows})
    daemons = sorted({row["daemons"] for row in rows})
    times = [row[kind]["p50_ms"] for row in rows for kind in ("to_order", "bare")]
    axes = Axes(symbols, times)
    parts = [*_grid(axes, symbols)]
    for colour, count in zip(COLOURS, daemons, strict=False):
        mine = sorted((r for r in rows if r["daemons"] == count), key=lambda r: r["symbols"])
        parts += _line(axes, mine, "to_order", colour, f"{count} daemon{'s'[: count > 1]}")
        parts += _line(axes, mine, "bare", colour, "")
    title = "Minute's end to order, median in ms; dashed: the same requests alone"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
        f'aria-label="{title}"><style>{STYLE}</style>'
        f'<rect width="{WIDTH:g}" height="{HEIGHT:g}" fill="#fff"/>'
        f'<text class="title" x="{LEFT:g}" y="20">{title}</text>{"".join(parts)}'
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:g}" y="{HEIGHT - 8:g}" text-anchor="middle">'
        "symbols of each daemon</text></svg>\n"
    )


def _grid(axes: Axes, symbols: Sequence[int]) -> list[str]:
    parts = []
    for power in range(axes.low, axes.high + 1):
        y = axes.y(10.0**power)
        parts.append(
            f'<line class="grid" x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 8:g}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>'
        )
    parts += [
        f'<text x="{axes.x(n):.1f}" y="{HEIGHT - BOTTOM + 18:g}" text-anchor="middle">{n}</text>'
        for n in symbols
    ]
    return parts


def _line(
    axes: Axes, rows: Sequence[dict[str, Any]], kind: str, colour: str, name: str
) -> list[str]:
    places = [(axes.x(row["symbols"]), axes.y(row[kind]["p50_ms"])) for row in rows]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dashed = ' class="bare"' if kind == "bare" else ""
    x, y = places[-1]
    words = f"{name} {rows[-1][kind]['p50_ms']:.3g} ms" if name else ""
    return [
        f'<polyline{dashed} stroke="{colour}" points="{points}"/>',
        f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" style="fill:{colour}">{escape(words)}</text>',
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path)
    parser.add_argument("picture", type=Path)
    asked = parser.parse_args()
    rows = json.loads(asked.figures.read_text(encoding="utf-8"))["rows"]
    asked.picture.write_text(draw(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
