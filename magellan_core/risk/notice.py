"""Notices: halts and resumes that reach a strategy from outside its own process.

A person, the kill switch, or a peer that saw the portfolio breach its limit puts one up; each
daemon reads it at its next tick or at its next start, and writes it into its own journal.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

EVERYBODY = "all"


class Action(StrEnum):
    """What a notice asks for."""

    HALT = "halt"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice. `strategy` is a name or EVERYBODY; `limit` names what a halt is for.

    `by` says who put it up, `at` when, by that one's clock: for people only, since the order of
    notices is the order of their numbers.
    """

    action: Action
    strategy: str
    limit: str
    why: str
    by: str
    at: datetime

    def addresses(self, strategy: str) -> bool:
        return self.strategy in (strategy, EVERYBODY)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A notice as it was put up. Numbers rise by one and are never used again."""

    number: int
    notice: Notice
