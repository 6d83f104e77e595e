"""The conformance table of the documentation: complete, and every test that it names exists."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from magellan_core.paper.options import describe, read
from magellan_core.paper.rules import Rules

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "paper_exchange.md").read_text(encoding="utf-8")
STATEMENTS = range(1, 66)
ROW = re.compile(r"^\| (\d+) \| (.+?) \| `(\w+)::(\w+)` \| ([SDUCFRVLX ]+) \|$", re.MULTILINE)
NUMBERED = re.compile(r"^def (test_f(\d+)_\w+)\(", re.MULTILINE)


def numbered() -> dict[str, set[str]]:
    """Test functions with a number in their name, by module."""
    return {
        file.stem: {found[0] for found in NUMBERED.findall(file.read_text(encoding="utf-8"))}
        for file in HERE.glob("test_*.py")
    }


def test_the_table_has_every_statement_once_in_order() -> None:
    assert [int(row[0]) for row in ROW.findall(PAGE)] == list(STATEMENTS)


@pytest.mark.parametrize("number", STATEMENTS)
def test_every_statement_names_a_test_of_its_number_that_exists(number: int) -> None:
    [(statement, module, test)] = [row[1:4] for row in ROW.findall(PAGE) if int(row[0]) == number]
    assert statement
    assert test.startswith(f"test_f{number:02}_")
    assert test in numbered()[module]


def test_no_test_has_a_number_beyond_the_list() -> None:
    told = {int(found[6:8]) for names in numbered().values() for found in names}
    assert told == set(STATEMENTS)


def test_every_open_question_names_rules_that_exist_with_their_defaults() -> None:
    section = PAGE.partition("## What Alpaca's documentation leaves open")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| .+? \| (`.+?) \| .+ \|$", section, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)", cell)}
    known = {field.name for field in fields(Rules)}
    assert named
    assert named <= known
    told = describe()
    assert all(f"  {name}=" in told for name in known)
    assert read([]) == {}
