#!/usr/bin/env python3
"""Run every benchmark, one after the other: a JSON file each, then the table and the plot."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.plot import draw


class Script(NamedTuple):
    """`quick` are its arguments where little is to be measured."""

    name: str
    full: tuple[str, ...]
    quick: tuple[str, ...]


SCRIPTS = (
    Script("bar_to_order", (), ("--decisions", "200", "--streamed", "50")),
    Script("hot_path", (), ("--bars", "20")),
    Script("tick_at_rest", (), ("--ticks", "50")),
    Script("recovery", (), ("--runs", "1", "--days", "20")),
    Script("exchange", (), ("--requests", "200")),
    Script("backtest", (), ("swing",)),
    Script("dashboard", (), ("--sessions", "2", "--runs", "1", "--seconds", "2")),
    Script("footprint", (), ("--days", "1", "--idle-seconds", "2")),
    Script("scale", (), ("--daemons", "1", "2", "--symbols", "5", "50", "--minutes", "5")),
)


def run(script: Script, folder: Path, *, quick: bool) -> float:
    """Seconds it took. Raises CalledProcessError if it fails, leaving no file."""
    begun = time.perf_counter()
    arguments = script.quick if quick else script.full
    command = [sys.executable, "-m", f"benchmarks.{script.name}", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    json.loads(done.stdout)
    (folder / f"{script.name}.json").write_text(done.stdout, encoding="utf-8")
    return time.perf_counter() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure little: does it all run?")
    parser.add_argument("--out", type=Path, default=ROOT / "var/bench")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for number, script in enumerate(SCRIPTS, start=1):
        sys.stderr.write(f"{number}/{len(SCRIPTS)} {script.name} ... ")
        sys.stderr.flush()
        sys.stderr.write(f"{run(script, asked.out, quick=asked.quick):.0f} s\n")
    rows = json.loads((asked.out / "scale.json").read_text(encoding="utf-8"))["rows"]
    (asked.out / "scale.svg").write_text(draw(rows), encoding="utf-8")
    table = [sys.executable, "-m", "benchmarks.table", str(asked.out)]
    subprocess.run(table, cwd=ROOT, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
