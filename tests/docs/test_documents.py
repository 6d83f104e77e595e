"""Every command that the documents name exists, with its options; every link leads somewhere."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.checks import Wrong, check
from tests.docs.pages import ROOT, Command, commands, links, pages, simple

VARIES = "…"


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_exist(page: Path) -> None:
    wrong: list[str] = []
    for command in commands(page):
        try:
            check(command)
        except Wrong as fault:
            wrong.append(f"{command}\n    {fault}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    dead = [target for target in links(page) if not (page.parent / target).exists()]
    assert dead == []


def test_the_readme_opens_with_the_two_commands() -> None:
    first = [c.words for c in commands(ROOT / "README.md")][:2]
    assert first == [("make", "demo"), ("make", "test")]


@pytest.mark.parametrize(
    "row",
    [
        "scripts/no_such.py",
        ".venv/bin/python scripts/daily_report.py --no-such-option",
        "make no-such-target",
        "make demo NOSUCH=1",
        "systemctl start magellan-no-such",
        "systemctl explode magellan-bear-trap",
        "journalctl -u magellan-no-such -f",
        "journalctl MAGELLAN_NONSENSE=1",
        "aws ssm put-parameters --name x",
        "aws ssm put-parameter --nome x",
        "aws nosuch list-things",
        "frobnicate --hard",
    ],
)
def test_a_command_that_a_reader_could_not_run_is_found(row: str) -> None:
    [words] = simple(row)
    with pytest.raises(Wrong):
        check(Command("here", 1, words))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            "sudo systemctl status 'magellan-*'  # all three",
            [("systemctl", "status", "magellan-*")],
        ),
        ("sudo -u ec2-user make demo SPEED=60", [("make", "demo", "SPEED=60")]),
        ("cat a | head -5 && ls > out", [("cat", "a"), ("head", "-5"), ("ls",)]),
        ("# a comment", []),
        ("AWS_REGION=us-east-2 aws ssm get-parameter", [("aws", "ssm", "get-parameter")]),
    ],
)
def test_lines_are_read_as_a_shell_reads_them(row: str, words: list[tuple[str, ...]]) -> None:
    assert list(simple(row)) == words


def told_lines() -> list[str]:
    """The log lines of the guide's troubleshooting table."""
    text = (ROOT / "AWS_DEPLOYMENT_OPERATIONS_GUIDE.md").read_text(encoding="utf-8")
    table = text.partition("## Troubleshooting")[2].partition("###")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


@pytest.mark.parametrize("told", told_lines())
def test_a_log_line_of_the_guide_is_one_that_the_code_writes(told: str) -> None:
    """`…` stands for what varies; the rest must stand in one string of ours, in that order."""
    pattern = re.compile(".*?".join(re.escape(part) for part in told.split(VARIES)))
    assert any(pattern.search(text) for text in strings()), told


@cache
def strings() -> list[str]:
    """Every text of the product's code, what is formatted into it as `…`."""
    found: list[str] = []
    for path in (ROOT / "magellan_core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    str(v.value) if isinstance(v, ast.Constant) else VARIES for v in node.values
                ]
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found
