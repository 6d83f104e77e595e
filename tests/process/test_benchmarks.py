"""Each benchmark runs, at its smallest, and tells its figures with a floor of the same run.

What the figures are is never asserted: machines differ.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("script", "arguments", "figures"),
    [
        (
            "bar_to_order.py",
            ["--decisions", "40", "--symbols", "2"],
            ["2_symbols.first.p99_ms", "2_symbols.all.n", "2_symbols.floor_requests_post.p50_ms"],
        ),
        (
            "exchange.py",
            ["--requests", "20"],
            ["requests.submit.per_second", "floor_bare_server.per_second"],
        ),
        (
            "dashboard.py",
            ["--sessions", "2", "--runs", "1", "--seconds", "2"],
            [
                "refresh_asking.p50_ms",
                "requests_in_the_worst_minute_of_an_account",
                "on_a_terminal.rss_mb",
                "floor_bare_get_ms",
            ],
        ),
        ("tick_at_rest.py", ["--ticks", "5"], ["tick.p50_ms", "floor_bare_gets_ms"]),
        (
            "recovery.py",
            ["--runs", "1", "--days", "2"],
            ["one_day.fold_seconds", "long.lines", "long.floor_read_rows_seconds"],
        ),
    ],
)
def test_a_benchmark_tells_its_figures(
    script: str, arguments: list[str], figures: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["cores"] > 0
    for figure in figures:
        value = told
        for name in figure.split("."):
            value = value[name]
        assert value > 0, figure
