"""The documents, the commands and the links in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\s*$")
SHELLS = frozenset({"sh", "bash"})
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
# A code span in a sentence or a table that begins so is a command too.
RUNS = (".venv/bin/python ", "sudo ", "make ", "scripts/", "aws ", "systemctl ", "journalctl ")
BETWEEN = frozenset({"|", "&&", "||", ";", "&"})
ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")


def pages() -> list[Path]:
    """Everything a user reads."""
    found = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("deployable_strategies/*/*.md"),
    ]
    return sorted(path for path in found if path.name != "CHANGELOG.md")


@dataclass(frozen=True)
class Command:
    """One simple command of a document, without sudo, prompt and assignments before it."""

    page: str
    line: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {shlex.join(self.words)}"


def commands(path: Path) -> Iterator[Command]:
    """Every command in a block marked as shell, in the order they stand."""
    name = path.relative_to(ROOT).as_posix()
    inside, open_line = False, ""
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fence = FENCE.match(row.strip())
        if fence:
            inside = not inside and fence[1] in SHELLS
            continue
        if not inside:
            for span in INLINE.findall(row):
                if span.startswith(RUNS):
                    yield from (Command(name, number, words) for words in simple(span))
            continue
        open_line += row.rstrip("\\") if row.endswith("\\") else row
        if row.endswith("\\"):
            continue
        for words in simple(open_line):
            yield Command(name, number, words)
        open_line = ""


def simple(row: str) -> Iterator[tuple[str, ...]]:
    """A line's simple commands; comments, redirections and what stands before them fall away."""
    lexer = shlex.shlex(row, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word in BETWEEN:
            if stripped := bare(words):
                yield stripped
            words = []
        else:
            words.append(word)


def bare(words: list[str]) -> tuple[str, ...]:
    """Without sudo, assignments, `$` and redirections."""
    kept = list(words)
    while kept and (kept[0] in {"$", "sudo", "env"} or ASSIGNMENT.match(kept[0])):
        kept.pop(0)
        while kept and kept[0] in {"-u", "--user"}:
            del kept[:2]
    for mark in ("<", ">", ">>", ">&"):
        if mark in kept:
            kept = kept[: kept.index(mark)]
    return tuple(kept)


def links(path: Path) -> Iterator[str]:
    """Targets of the links that lead to files of ours."""
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if not re.match(r"^[a-z]+:", target) and not target.startswith("#"):
            yield target.partition("#")[0]
