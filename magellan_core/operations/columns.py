"""Lines of a dashboard: cells in columns, and as many lines as the window holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from textwrap import wrap

from rich.cells import cell_len
from rich.text import Text

INDENT = "  "
_NARROWEST_TAIL = 16


class Rank(IntEnum):
    """How soon a line goes when the window is too low: the highest first."""

    ALWAYS = 0
    BUSY = 1
    QUIET = 2
    DETAIL = 3
    SPACE = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of one column. A number is set to the right. `shorter` texts may stand in for it."""

    text: str
    style: str = ""
    right: bool = False
    shorter: tuple[str, ...] = ()

    def fitting(self, width: int) -> str:
        """The longest text that fits; if none does, the first."""
        fits = (text for text in (self.text, *self.shorter) if cell_len(text) <= width)
        return next(fits, self.text)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the picture."""

    rank: Rank
    text: Text


def widths(rows: Sequence[Sequence[Cell]]) -> list[int]:
    """How wide each column must be."""
    most = max((len(row) for row in rows), default=0)
    return [
        max((cell_len(row[n].text) for row in rows if n < len(row)), default=0) for n in range(most)
    ]


def aligned(
    row: Sequence[Cell], columns: Sequence[int], width: int, *, gap: int, fold: bool
) -> list[Text]:
    """One row of cells under its columns, the last one running to the edge, or on below it."""
    line = Text(INDENT)
    *head, tail = row
    for cell, space in zip(head, columns, strict=False):
        padding = " " * max(space - cell_len(cell.text), 0)
        line.append(padding + cell.text if cell.right else cell.text + padding, cell.style or None)
        line.append(" " * gap)
    left = width - line.cell_len
    text = tail.fitting(left)
    if not fold or left < _NARROWEST_TAIL:
        if cell_len(text) > left and tail.shorter:
            text = tail.shorter[-1]
        line.append(text, tail.style or None)
        return [cut(line, width)]
    first, *more = wrap(text, left) or [""]
    below = [Text(" " * (width - left) + row, tail.style) for row in more]
    line.append(first, tail.style or None)
    line.rstrip()
    return [line, *below]


def paragraph(
    text: str, width: int, style: str = "", *, fold: bool, indent: str = INDENT
) -> list[Text]:
    """A sentence, folded under its own indent, or cut."""
    if not fold:
        return [cut(Text(indent + text, style), width)]
    rows = wrap(text, width, initial_indent=indent, subsequent_indent=indent + INDENT)
    return [Text(row, style) for row in rows]


def cut(line: Text, width: int) -> Text:
    """The line, ending in an ellipsis if it is too long."""
    line.rstrip()
    line.truncate(width, overflow="ellipsis")
    return line


def fit(lines: Sequence[Line], height: int | None, note: str) -> list[Text]:
    """As many lines as there is room for, the least important left out, with a note saying so."""
    if height is None or len(lines) <= height:
        return [line.text for line in lines]
    # Empty lines are missed by nobody.
    kept = [line for line in lines if line.rank < Rank.SPACE]
    if len(kept) <= height:
        return [line.text for line in kept]
    surplus = len(kept) - (height - 1)
    by_need = sorted(range(len(kept)), key=lambda n: (kept[n].rank, n))
    dropped = set(by_need[len(kept) - surplus :])
    shown = [line.text for n, line in enumerate(kept) if n not in dropped]
    return [*shown, Text(note.format(surplus), style="dim")]
