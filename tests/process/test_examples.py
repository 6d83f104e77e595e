"""The pictures of the strategies' pages are what a backtest on the made-up market draws."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.timeout(240)
def test_the_pictures_are_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, "scripts/make_examples.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("name", ["bear-trap", "daily-trend", "hourly-swing"])
def test_a_picture_stands_alone_and_shows_a_trade(name: str) -> None:
    picture = ROOT / "docs" / "images" / f"example-{name}.svg"
    root = ElementTree.parse(picture).getroot()  # noqa: S314 (our own file)
    assert root.tag == f"{SVG}svg"
    marks = [path.get("class", "") for path in root.iter(f"{SVG}path")]
    assert any(kind == "mark buy" for kind in marks)
    assert any(kind in ("mark gain", "mark loss") for kind in marks)
