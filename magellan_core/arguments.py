"""Command lines: wrong arguments end every process with the code that its unit does not restart."""

import argparse
from collections.abc import Callable
from datetime import date
from math import isfinite
from typing import NoReturn

from magellan_core.errors import ExitCode


def whole(least: int, most: int) -> Callable[[str], int]:
    """Type of an option: a whole number from `least` to `most`."""

    def read(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            found = least - 1
        if not least <= found <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return found

    return read


def real(least: float, most: float, *, above: bool = False) -> Callable[[str], float]:
    """Type of an option: a number from `least` (`above`: but not it) to `most`."""

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = least - 1
        if not (isfinite(found) and least <= found <= most and (found > least or not above)):
            start = f"above {least:g}" if above else f"from {least:g}"
            raise argparse.ArgumentTypeError(f"{text!r} is no number {start} to {most:g}")
        return found

    return read


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
