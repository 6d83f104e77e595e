"""A symbol's day on a terminal, for 80 columns or more."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from magellan_core.market_hours import label, new_york
from magellan_core.operations.explain import Phase, Story, why_not


def show(console: Console, told: Story, *, only_why_not: bool) -> None:
    """Head line, bars, what the strategy waited for, what happened; or only why nothing did."""
    head = f"{told.symbol} on {told.day:%A %Y-%m-%d}, {told.strategy}"
    console.print(Text(head, style="bold"), soft_wrap=True)
    reasons = why_not(told)
    if only_why_not:
        _say_why_not(console, reasons)
        return
    _bars(console, told)
    if told.phases:
        console.print(Text("\nWhat it waited for", style="bold"))
        console.print(_table(_phase_rows(told.phases)))
    console.print(Text("\nWhat happened", style="bold"))
    if told.happenings:
        rows = [(f"{new_york(h.at):%H:%M:%S}", h.what, h.words, h.grave) for h in told.happenings]
        console.print(_table(rows))
    else:
        console.print("  nothing")
    if reasons:
        console.print(Text("\nWhy nothing was traded", style="bold"))
        _say_why_not(console, reasons)


def _say_why_not(console: Console, reasons: Sequence[str]) -> None:
    if not reasons:
        console.print("  it was traded: leave out --why-not to see how")
    table = Table.grid(padding=(0, 1))
    table.add_column(width=2)
    table.add_column()
    for reason in reasons:
        table.add_row(" -", Text(reason))
    console.print(table)


def _bars(console: Console, told: Story) -> None:
    bars = told.bars
    if bars is None:
        console.print("  no bars")
        return
    change = (bars.close / bars.open - 1) * 100
    noun = "bar" if bars.count == 1 else "bars"
    console.print(
        f"  {bars.count} {noun} {label(bars.first)} - {label(bars.last)}: open {bars.open:g}, "
        f"high {bars.high:g}, low {bars.low:g}, close {bars.close:g} ({change:+.2f} %), "
        f"volume {bars.volume:,.0f}"
    )


def _phase_rows(phases: Sequence[Phase]) -> list[tuple[str, str, str, bool]]:
    rows: list[tuple[str, str, str, bool]] = []
    for phase in phases:
        first, last = f"{new_york(phase.first):%H:%M}", f"{new_york(phase.last):%H:%M}"
        span = first if first == last else f"{first}-{last}"
        ranges = ", ".join(f"{name} {text}" for name, text in phase.ranges.items())
        noun = "bar" if phase.bars == 1 else "bars"
        rows.append((span, f"{phase.bars} {noun}", f"{phase.waits or '-'}; {ranges}", False))
    return rows


def _table(rows: Sequence[tuple[str, str, str, bool]]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=12, justify="right", no_wrap=True)
    table.add_column(width=11, no_wrap=True)
    table.add_column()
    for at, what, words, grave in rows:
        table.add_row(at, what, Text(words, style="yellow" if grave else "", overflow="fold"))
    return table
