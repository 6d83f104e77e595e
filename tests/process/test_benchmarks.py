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
            ["--decisions", "40", "--symbols", "2", "--streamed", "10"],
            [
                "2_symbols.first.p99_ms",
                "2_symbols.all.n",
                "2_symbols.floor_requests_post.p50_ms",
                "2_symbols_streamed.p50_ms",
            ],
        ),
        ("hot_path.py", ["--bars", "4"], ["first_order.p50_ms", "stages_mean_ms.quote asked for"]),
        ("hot_path.py", ["--bars", "4", "--profile"], ["first_order.p50_ms"]),
        (
            "footprint.py",
            ["--days", "1", "--idle-seconds", "0.5"],
            ["import_seconds", "median_seconds_a_day", "floor_bare_python_seconds"],
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


def test_the_scale_is_measured_and_drawn(tmp_path: Path) -> None:
    script = ROOT / "benchmarks/scale.py"
    arguments = ["--daemons", "1", "2", "--symbols", "2", "4", "--minutes", "2"]
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [(r["daemons"], r["symbols"]) for r in rows] == [(1, 2), (1, 4), (2, 2), (2, 4)]
    assert all(row["to_order"]["n"] == 2 * row["daemons"] for row in rows)
    (tmp_path / "scale.json").write_text(done.stdout)
    for tool in (["plot.py", "scale.json", "scale.svg"], ["table.py", "."]):
        command = [sys.executable, str(ROOT / "benchmarks" / tool[0]), *tool[1:]]
        drawn = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert drawn.stdout.count("| 2 | 4 |") == 1
    assert (tmp_path / "scale.svg").read_text().count(
        "<polyline"
    ) == 4  # a line and its floor for either number of daemons
