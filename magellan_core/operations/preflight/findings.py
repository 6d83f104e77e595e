"""What a check found: green, or red with what to do; and a list of them as lines or JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Colour(StrEnum):
    """GREEN: in order. YELLOW: worth a look, holds nothing up. RED: do not start."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the checklist. `strategy` is "host" for what concerns the whole machine."""

    strategy: str
    check: str
    colour: Colour
    text: str

    def line(self) -> str:
        mark = {Colour.GREEN: "ok  ", Colour.YELLOW: "note", Colour.RED: "FAIL"}[self.colour]
        return f"{mark}  {self.strategy:<13} {self.check:<12} {self.text}"


def red(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.colour is Colour.RED]


def as_json(findings: Sequence[Finding]) -> dict[str, object]:
    """The list, and whether all of it may be started."""
    return {
        "passed": not red(findings),
        "findings": [{**asdict(f), "colour": str(f.colour)} for f in findings],
    }
