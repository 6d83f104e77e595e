"""Sweeps on real processes: resumed after a stop, finished though a worker was killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.unit.backtest.sweep_support import FIRST, LAST, ROOT, write_market

pytestmark = pytest.mark.timeout(400)
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
AXES = ("symbol_parameters.*.rsi_period=7,10,14,21", "cost_bps=0,5,10")
POINTS = 12


@pytest.fixture(name="market", scope="module")
def stored_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_market(tmp_path_factory.mktemp("market"))


def sweep(
    market: Path, results: Path, *more: str, axes: tuple[str, ...] = AXES
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/sweep.py", *command(market, results, *more, axes=axes)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def command(market: Path, results: Path, *more: str, axes: tuple[str, ...]) -> list[str]:
    grid = [word for axis in axes for word in ("--grid", axis)]
    days = ["--from", FIRST.isoformat(), "--to", LAST.isoformat(), "--symbols", "SPY,QQQ"]
    head = ["--strategy", "daily_trend", "--data", str(market), "--draws", "100"]
    return [*head, *days, *grid, "--results", str(results), *more]


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []


def test_a_stopped_sweep_goes_on_where_it_was(market: Path, tmp_path: Path) -> None:
    results, found = tmp_path / "runs.jsonl", tmp_path / "found.json"
    first = sweep(market, results, "--workers", "2", "--json", str(found))
    assert first.returncode == 0, first.stderr
    whole = lines(results)
    assert len(whole) == POINTS
    told = json.loads(found.read_text(encoding="utf-8"))
    assert told["points"] == POINTS
    assert all(one["trades"] > 0 for one in told["best"])
    assert [row["value"] for row in told["effects"]["cost_bps"]] == [0, 5, 10]
    cheap, _, dear = (row["return_pct"] for row in told["effects"]["cost_bps"])
    assert cheap > dear

    # A crash in the middle of the fifth line.
    results.write_text("".join(whole[:4]) + whole[4][:50], encoding="utf-8")
    again = sweep(market, results, "--workers", "1", "--json", str(found))
    assert again.returncode == 0, again.stderr
    assert lines(results)[:4] == whole[:4]
    assert sorted(lines(results)) == sorted(whole)
    assert json.loads(found.read_text(encoding="utf-8")) == told


def test_the_walk_forward_is_told(market: Path, tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    walked = sweep(
        market,
        tmp_path / "runs.jsonl",
        *("--train-months", "12", "--test-months", "3", "--json", str(found)),
        axes=AXES[:1],
    )
    assert walked.returncode == 0, walked.stderr
    walk = json.loads(found.read_text(encoding="utf-8"))["walk_forward"]
    assert len(walk["windows"]) == 4
    assert walk["joined"]["returns"] == walk["held"]["returns"] > 240
    assert "walk forward: 4 windows" in walked.stdout


@contextmanager
def dask(*words: str, log: Path, tree: Path = ROOT) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *words],
            cwd=tree,
            env=ENVIRONMENT | {"PYTHONPATH": str(tree)},
            stdout=out,
            stderr=out,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(timeout=20)


def until(true: Iterator[bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not next(true):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@contextmanager
def cluster(folder: Path, *trees: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler, and a worker process for each tree of code."""
    contact = folder / "scheduler.json"
    where = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(contact)]
    with ExitStack() as stack:
        start = stack.enter_context
        start(dask("scheduler", "--port", "0", *where, log=folder / "scheduler.log"))
        until(iter(contact.exists, None))
        plain = ("--nthreads", "1", "--no-nanny")
        workers = [
            start(dask("worker", *where, *plain, log=folder / f"worker{i}.log", tree=tree))
            for i, tree in enumerate(trees)
        ]
        yield json.loads(contact.read_text(encoding="utf-8"))["address"], workers


def test_a_worker_killed_in_the_middle_costs_nothing(market: Path, tmp_path: Path) -> None:
    results = tmp_path / "runs.jsonl"
    axes = (*AXES, "symbol_parameters.*.upper=56,58,60,62", "symbol_parameters.*.lower=40,42")
    points = POINTS * 8
    with cluster(tmp_path, ROOT, ROOT) as (scheduler, (victim, other)):
        words = command(market, results, "--scheduler", scheduler, axes=axes)
        with subprocess.Popen(
            [sys.executable, "scripts/sweep.py", *words],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            until(len(lines(results)) >= 10 for _ in iter(int, 1))
            victim.send_signal(signal.SIGKILL)
            assert victim.wait(timeout=20) == -signal.SIGKILL
            assert len(lines(results)) < points
            out, err = running.communicate(timeout=150)
        assert running.returncode == 0, err
        assert other.poll() is None
    assert f"{points} points" in out
    keys = [json.loads(line)["key"] for line in lines(results)]
    assert len(keys) == len(set(keys)) == points


def test_a_worker_of_other_code_is_refused(market: Path, tmp_path: Path) -> None:
    tree, results = tmp_path / "other", tmp_path / "runs.jsonl"
    for part in ("magellan_core", "deployable_strategies"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "magellan_core" / "newer.py").write_text('"""Newer."""\n', encoding="utf-8")
    with cluster(tmp_path, tree) as (scheduler, _):
        refused = sweep(market, results, "--scheduler", scheduler, axes=AXES[:1])
    assert refused.returncode == 64
    assert "sweep: a worker runs other code than this" in refused.stderr
    assert lines(results) == []


def test_a_scheduler_that_is_not_there_is_told_in_one_line(market: Path, tmp_path: Path) -> None:
    gone = sweep(market, tmp_path / "runs.jsonl", "--scheduler", "tcp://127.0.0.1:9")
    assert gone.returncode == 69
    assert gone.stderr.splitlines()[-1].startswith("sweep: --scheduler tcp://127.0.0.1:9: does not")


def test_a_damaged_results_file_is_not_overwritten(market: Path, tmp_path: Path) -> None:
    results = tmp_path / "runs.jsonl"
    results.write_text("{}\n", encoding="utf-8")
    refused = sweep(market, results, "--workers", "1")
    assert refused.returncode == 65
    assert f"{results}:1: is no result of a sweep" in refused.stderr
    assert lines(results) == ["{}\n"]
