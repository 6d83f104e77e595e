"""Put each mutant into a copy of the tree and run its tests: they must fail.

    python -m tests.mutants.run [WORD ...]    only mutants whose name holds one of the words

Prints a line for each; ends with 1 if one survives, or no longer fits the source.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.table import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
TREES = ("magellan_core", "deployable_strategies", "tests", "scripts")
TESTS_FAILED = 1


def copy(where: Path) -> None:
    """What tests need of the project."""
    for name in TREES:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, where / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", where)


def verdict(mutant: Mutant) -> tuple[Mutant, str]:
    """ "caught", or why not."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        copy(where)
        source = where / mutant.path
        text = source.read_text()
        if text.count(mutant.old) != 1:
            return mutant, f"its old text stands {text.count(mutant.old)} times in {mutant.path}"
        source.write_text(text.replace(mutant.old, mutant.new))
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests],
            cwd=where,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    if ended.returncode == TESTS_FAILED:
        return mutant, "caught"
    last = (ended.stdout + ended.stderr).strip().splitlines()[-1:]
    return mutant, f"SURVIVES (pytest ended with {ended.returncode}: {' '.join(last)})"


def main(words: list[str]) -> int:
    """0: every mutant is caught."""
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    missed = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for mutant, told in pool.map(verdict, chosen):
            missed += told != "caught"
            sys.stdout.write(f"{told:8} {mutant.name}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - missed} of {len(chosen)} mutants caught\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
