#!/usr/bin/env python3
"""What a demonstration costs: wall time and each process's peak memory. JSON on standard output."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run_once(arguments: list[str]) -> dict[str, object]:
    """One demonstration into a folder of its own; raises CalledProcessError if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "scripts/demo.py", "--out", folder, *arguments],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        figures = json.loads((Path(folder) / "figures.json").read_text())
        summary = json.loads((Path(folder) / "summary.json").read_text())
    trades = {name: {k: s[k] for k in ("orders", "fills")} for name, s in summary.items()}
    return {**figures, "strategies": trades}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("arguments", nargs="*", help="passed on to the demonstration")
    asked = parser.parse_args()
    runs = [run_once(asked.arguments) for _ in range(asked.runs)]
    seconds = [float(str(r["wall_seconds"])) for r in runs]
    told = {"median_wall_seconds": statistics.median(seconds), "runs": runs}
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
