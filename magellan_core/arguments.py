"""Command lines: wrong arguments end every process with the code that its unit does not restart."""

import argparse
from datetime import date
from typing import NoReturn

from magellan_core.errors import ExitCode


class Parser(argparse.ArgumentParser):
    """argparse's, which by itself would end with 2: one line, and 64."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"{self.prog}: {message} (--help tells what there is)\n")


def day(text: str) -> date:
    """A date as an argument. Raise ArgumentTypeError, which says what a date looks like."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date: use YYYY-MM-DD") from None
