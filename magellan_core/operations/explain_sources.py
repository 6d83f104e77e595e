"""The journals of a state directory that know a symbol."""

from datetime import date
from operator import itemgetter
from pathlib import Path

from magellan_core.config_model import MODELS
from magellan_core.errors import UsageError
from magellan_core.lines import Line
from magellan_core.operations.explain import FOR_ALL, Story, story
from magellan_core.store.journal import read_only


def stories(state: Path, symbol: str, day: date, strategy: str | None) -> list[Story]:
    """One story per strategy whose journal has a line of the symbol, or of the one asked for.

    Raise UsageError if there is none, JournalError if a journal cannot be read.
    """
    if strategy is not None and strategy not in MODELS:
        raise UsageError(f"--strategy {strategy}: there is {', '.join(MODELS)}")
    names = [strategy] if strategy else list(MODELS)
    found: list[Story] = []
    looked: list[str] = []
    for name in names:
        path = state / f"{name}.sqlite3"
        if not path.exists():
            continue
        looked.append(name)
        with read_only(path) as journal:
            if strategy is not None or journal.last(Line.BAR, symbol=symbol) is not None:
                of_all = ((n, e) for n, e in journal.since(0, kinds=FOR_ALL) if e.symbol is None)
                lines = sorted([*journal.since(0, symbol=symbol), *of_all], key=itemgetter(0))
                found.append(story(name, symbol, day, [event for _, event in lines]))
    if not looked:
        raise UsageError(f"{state}: no journal there: give --state-dir, e.g. var/demo/state")
    if not found:
        raise UsageError(f"{symbol}: no journal of {', '.join(looked)} knows it")
    return found
