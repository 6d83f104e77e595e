#!/usr/bin/env python3
"""The figures of var/bench as the tables of docs/performance.md, in Markdown.

    python benchmarks/table.py var/bench [var/bench.before]

The second folder, of an earlier source on the same machine, adds a column. What was not measured
is left out.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One figure: what it is, where it is (`file:dotted.path`), and how it is told."""

    what: str
    place: str
    form: str = "ms"


ROWS = (
    *(
        Row(f"{n} symbols: {what}", f"bar_to_order:{n}_symbols{path}")
        for n in (5, 50)
        for what, path in (
            ("bars' answer to first order", ".first"),
            ("answer to the next order", ".own"),
            ("bars' answer to every order", ".all"),
            ("journal write (fsync)", ".journal_write"),
            ("floor: a POST through requests", ".floor_requests_post"),
            ("stream's frame to first order", "_streamed"),
        )
    ),
    Row("tick at rest", "tick_at_rest:tick"),
    Row("floor: its requests alone, ms", "tick_at_rest:floor_bare_gets_ms", "plain"),
    Row("recovery, a day of journal, s", "recovery:one_day.fold_seconds", "plain"),
    Row("recovery, the longer journal, s", "recovery:long.fold_seconds", "plain"),
    Row("floor: reading those rows, s", "recovery:long.floor_read_rows_seconds", "plain"),
    Row("imports, s", "footprint:import_seconds", "plain"),
    Row("floor: starting Python, s", "footprint:floor_bare_python_seconds", "plain"),
    Row("start to READY, s", "footprint:start_to_ready_seconds", "each"),
    Row("processor at rest, % of a core", "footprint:idle_cpu_percent", "each"),
    Row("PSS by day, MB", "footprint:pss_mb_by_day", "ends"),
    Row("RSS by day, MB", "footprint:rss_mb_by_day", "ends"),
    Row("a session with three daemons over HTTP, s", "footprint:median_seconds_a_day", "plain"),
    Row("backtest, Bear Trap, bars/s", "backtest:trap.bars_per_second", "plain"),
    Row("backtest, Hourly Swing, bars/s", "backtest:swing.bars_per_second", "plain"),
    Row("backtest, Daily Trend, bars/s", "backtest:daily.bars_per_second", "plain"),
    *(
        Row(f"paper exchange: {kind}, requests/s", f"exchange:requests.{kind}.per_second", "plain")
        for kind in ("account", "positions", "orders", "bars", "quotes", "submit")
    ),
    Row("floor: an idle server, requests/s", "exchange:floor_bare_server.per_second", "plain"),
    Row("dashboard: a look that asks", "dashboard:refresh_asking"),
    Row("dashboard: a look between", "dashboard:refresh_between"),
    Row("dashboard: requests a minute", "dashboard:requests_a_minute_of_an_account", "plain"),
    Row("dashboard: RSS, MB", "dashboard:on_a_terminal.rss_mb", "plain"),
    Row("floor: a bare GET, ms", "dashboard:floor_bare_get_ms", "plain"),
)


def read(folder: Path) -> Mapping[str, Any]:
    """Every file's figures by its name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def find(figures: Mapping[str, Any], place: str) -> Any:
    """The value at `file:dotted.path`; None: it was not measured."""
    file, _, path = place.partition(":")
    value: Any = figures.get(file)
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def tell(value: Any, form: str) -> str:
    """A figure in words; empty for None."""
    if value is None:
        return ""
    if form == "ms":
        times = " / ".join(f"{value[key]:.3g}" for key in ("p50_ms", "p99_ms", "max_ms"))
        return f"{times} ms (n {value['n']:,})"
    if form == "each":
        return ", ".join(f"{name} {number:.3g}" for name, number in value.items())
    if form == "ends":
        return ", ".join(f"{name} {rows[0]:g} to {rows[-1]:g}" for name, rows in value.items())
    return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def main_table(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> Iterator[str]:
    yield "| what (p50 / p99 / max) | before | now |" if before else "| what | now |"
    yield "|---|---|---|" if before else "|---|---|"
    for row in ROWS:
        told = tell(find(now, row.place), row.form)
        if told and before is not None:
            yield f"| {row.what} | {tell(find(before, row.place), row.form)} | {told} |"
        elif told:
            yield f"| {row.what} | {told} |"


def scale_table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| daemons | symbols | minute's end to order | requests alone | tick | processor |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        times = [row[kind]["p50_ms"] for kind in ("to_order", "bare", "tick", "cpu")]
        tail = row["to_order"]["p99_ms"]
        first, *others = (f"{ms:.3g} ms" for ms in times)
        cells = [row["daemons"], row["symbols"], f"{first} (p99 {tail:.3g})", *others]
        yield f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("now", type=Path)
    parser.add_argument("before", type=Path, nargs="?")
    asked = parser.parse_args()
    now = read(asked.now)
    before = None if asked.before is None else read(asked.before)
    lines = [*main_table(now, before)]
    if "scale" in now:
        lines += ["", *scale_table(now["scale"]["rows"])]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
