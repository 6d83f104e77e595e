"""`make help` cannot go stale: it is made of the Makefile, and lists every target there is."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


def shown(*arguments: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_every_target_is_phony_and_has_its_line() -> None:
    phony = {name for row in re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.M) for name in row.split()}
    assert phony == TARGETS
    assert len(TARGETS) > 15
    listed = dict(re.findall(r"^  make ([a-z-]+) +(\S.*)$", shown("help"), re.MULTILINE))
    assert set(listed) == TARGETS
    assert all(len(text) > 8 for text in listed.values())


def test_it_is_what_make_alone_does_and_fits_a_terminal() -> None:
    told = shown()
    assert told == shown("help")
    assert "SEED=7 to replay one" in told
    assert max(len(row) for row in told.splitlines()) <= 110
